"""The columns an exact search reads: one byte a number, and the floats they came from."""

from dataclasses import dataclass, replace
from pathlib import Path

from jaxtyping import Float32
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.gallery.exact.files import open_segments, save_segments
from attrieve.gallery.exact.segment import Segment


@dataclass(frozen=True, eq=False)
class CompactColumns:
    """All rows of a gallery, in one or several segments that are searched as one.

    Never changed: :meth:`append` returns another object that shares the segments.

    Args:
        segments: at least one; all with the same columns.
    """

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if not self.segments:
            raise InputError("columns need at least one segment; a segment may have no rows")
        for segment in self.segments[1:]:
            if segment.widths != self.segments[0].widths:
                raise InputError(
                    f"all rows need the same columns (embedding, probability): there are "
                    f"{self.segments[0].widths}, {segment.widths} came; index with the same model"
                )

    @classmethod
    def from_float(
        cls,
        embedding: Float32[ndarray, "_ dim"] | None = None,
        probability: Float32[ndarray, "_ attribute"] | None = None,
    ) -> "CompactColumns":
        """Quantise float32 columns.

        The floats are kept for rescoring and may be mapped from files.

        Args:
            embedding: vectors of length 1 within 0.001.
            probability: in [0, 1].

        Raises:
            InputError: for NaN, an embedding that is not of length 1, a probability outside [0, 1], other
                types or shapes, or if both are missing.

        >>> import numpy as np
        >>> columns = CompactColumns.from_float(probability=np.array([[0.25, 1.0]], dtype=np.float32))
        >>> len(columns), columns.attributes, columns.dim
        (1, 2, None)
        """
        return cls((Segment.from_float(embedding, probability),))

    def append(
        self,
        embedding: Float32[ndarray, "_ dim"] | None = None,
        probability: Float32[ndarray, "_ attribute"] | None = None,
    ) -> "CompactColumns":
        """Return these rows and behind them more, as a segment of their own; errors as at the start."""
        return replace(self, segments=(*self.segments, Segment.from_float(embedding, probability)))

    def __len__(self) -> int:
        return sum(segment.rows for segment in self.segments)

    @property
    def dim(self) -> int | None:
        """Entries of an embedding, or None without embeddings."""
        return self.segments[0].widths[0]

    @property
    def attributes(self) -> int | None:
        """Attributes of a row, or None without probabilities."""
        return self.segments[0].widths[1]

    @property
    def nbytes(self) -> int:
        """Bytes of the compact columns, the floats left out."""
        return sum(array.nbytes for segment in self.segments for array in segment.compact_arrays().values())

    def save(self, folder: Path | str) -> None:
        """Write the segments that the folder lacks, then the list of segments; all or nothing.

        Raises:
            StorageError: if the disk refuses; what stood there before is unharmed.
        """
        save_segments(Path(folder), self.segments)

    @classmethod
    def open(cls, folder: Path | str) -> "CompactColumns":
        """Map what :meth:`save` wrote; pages are read as they are needed.

        Raises:
            InputError: if the folder holds no columns.
            StorageError: if a file is missing, cut short or not what the list says.
        """
        return cls(open_segments(Path(folder)))
