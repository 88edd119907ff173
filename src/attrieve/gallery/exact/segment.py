"""Rows that were added together, as codes and as the floats they came from."""

import uuid
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.gallery.exact.coarse import CoarseCodes, coarse_codes
from attrieve.gallery.exact.quantise import (
    EmbeddingCodes,
    ProbabilityCodes,
    quantise_embedding,
    quantise_probability,
)


@dataclass(frozen=True, eq=False)
class Segment:
    """Rows that were added together.

    Args:
        rows: how many.
        embedding: codes, or None if there is no embedding.
        probability: codes, or None if there are no probabilities.
        exact_embedding: the floats behind the codes, in memory or mapped from a file; only rows that
            come into question are read.
        exact_probability: the same.
        name: tells segments in a folder apart.
        coarse: the embedding along a few directions, for a first look, or None where that spares little.
    """

    rows: int
    embedding: EmbeddingCodes | None
    probability: ProbabilityCodes | None
    exact_embedding: Float32[ndarray, "row dim"] | None
    exact_probability: Float32[ndarray, "row attribute"] | None
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    coarse: CoarseCodes | None = None

    @classmethod
    def from_float(
        cls,
        embedding: Float32[ndarray, "_ dim"] | None,
        probability: Float32[ndarray, "_ attribute"] | None,
    ) -> "Segment":
        """Quantise columns; the arrays handed in are kept, not copied, unless they lie scattered."""
        given = [column for column in (embedding, probability) if column is not None]
        if not given:
            raise InputError("a row needs an embedding, probabilities or both; neither came")
        if any(column.ndim != 2 or column.shape[1] == 0 or column.dtype != np.float32 for column in given):
            raise InputError(
                "columns must be float32 tables with one row per person; got "
                + ", ".join(f"{column.dtype} of shape {column.shape}" for column in given)
            )
        if len({len(column) for column in given}) > 1:
            raise InputError(
                f"both columns need the same rows; got {len(given[0])} embeddings, "
                f"{len(given[1])} rows of probabilities"
            )
        return cls(
            len(given[0]),
            None if embedding is None else quantise_embedding(embedding),
            None if probability is None else quantise_probability(probability),
            None if embedding is None else np.ascontiguousarray(embedding),
            None if probability is None else np.ascontiguousarray(probability),
            coarse=None if embedding is None else coarse_codes(embedding),
        )

    @property
    def widths(self) -> tuple[int | None, int | None]:
        """Entries of an embedding and number of attributes, None for a column that is not there."""
        return (
            None if self.exact_embedding is None else int(self.exact_embedding.shape[1]),
            None if self.exact_probability is None else int(self.exact_probability.shape[1]),
        )

    def compact_arrays(self) -> dict[str, ndarray]:
        """Return what a scan reads, by file name."""
        arrays: dict[str, ndarray] = {}
        if self.embedding is not None:
            arrays["embedding_codes"] = self.embedding.codes
            arrays["embedding_scale"] = self.embedding.scale
            arrays["embedding_error"] = self.embedding.error
        if self.probability is not None:
            arrays["probability_codes"] = self.probability.codes
            arrays["probability_largest_error"] = self.probability.largest_error
            arrays["probability_error"] = self.probability.error
        if self.coarse is not None:
            arrays["coarse_codes"] = self.coarse.codes
            arrays["coarse_words"] = self.coarse.words
            arrays["coarse_error"] = self.coarse.error
            arrays["coarse_left"] = self.coarse.left
            arrays["coarse_directions"] = self.coarse.directions
        return arrays

    def exact_arrays(self) -> dict[str, ndarray]:
        """Return the floats, by file name."""
        named = {"embedding": self.exact_embedding, "probability": self.exact_probability}
        return {name: column for name, column in named.items() if column is not None}

    @classmethod
    def from_arrays(cls, rows: int, name: str, arrays: dict[str, ndarray]) -> "Segment":
        """Put together what :meth:`compact_arrays` and :meth:`exact_arrays` returned."""
        embedding = probability = None
        if "embedding" in arrays:
            embedding = EmbeddingCodes(
                arrays["embedding_codes"], arrays["embedding_scale"], arrays["embedding_error"]
            )
        if "probability" in arrays:
            probability = ProbabilityCodes(
                arrays["probability_codes"],
                arrays["probability_largest_error"],
                arrays["probability_error"],
            )
        coarse = None
        if "coarse_codes" in arrays:
            coarse = CoarseCodes(
                arrays["coarse_directions"],
                arrays["coarse_codes"],
                arrays["coarse_words"],
                arrays["coarse_error"],
                arrays["coarse_left"],
            )
        return cls(
            rows, embedding, probability, arrays.get("embedding"), arrays.get("probability"), name, coarse
        )
