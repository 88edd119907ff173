"""How much of the exact answer an approximate search finds, measured on a gallery itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attrieve.errors import InputError
from attrieve.gallery.approximate import find_candidates, rank
from attrieve.gallery.exact import search_exact
from attrieve.gallery.search import checked_query
from attrieve.gallery.store import Gallery
from attrieve.schema import AttributeQuery
from attrieve.scoring.fusion import Fusion


@dataclass(frozen=True)
class Recall:
    """What share of the exact nearest rows approximate searches found.

    Args:
        descriptions: asked.
        top: rows compared of each.
        mean: share in [0, 1], over descriptions.
        least: of the worst description.
        looked_at: share of the gallery's rows whose distance was computed, on average.
        answered_exactly: descriptions the index was not used for; they count as 1.
        exact_because: why, of the first of these; None if there are none.
    """

    descriptions: int
    top: int
    mean: float
    least: float
    looked_at: float
    answered_exactly: int
    exact_because: str | None

    def __str__(self) -> str:
        text = (
            f"recall of the exact top {self.top}: {self.mean:.1%} on average, {self.least:.1%} at least; "
            f"{self.descriptions} descriptions, {self.looked_at:.2%} of the rows were looked at"
        )
        if self.answered_exactly:
            text += f"; {self.answered_exactly} were answered exactly ({self.exact_because})"
        return text


def measure_recall(
    gallery: Gallery,
    descriptions: Sequence[AttributeQuery],
    *,
    top: int = 100,
    fusion: Fusion | None = None,
    candidates: int | None = None,
    threads: int | None = None,
) -> Recall:
    """Answer descriptions both ways and compare the rows found.

    Args:
        gallery: opened from a folder.
        descriptions: at least one, such as :func:`sample_descriptions` gives.
        top: how many of the nearest rows are compared.
        fusion: how to join the distances, or None for the gallery's own way.
        candidates: see :func:`~attrieve.gallery.approximate.search_approximately`.
        threads: None for all cores.

    Raises:
        InputError: without descriptions, or as a search.
    """
    if not descriptions:
        raise InputError("recall is measured over at least one description, none came")
    shares, looked_at, reasons = [], [], []
    columns = gallery.columns
    for query in descriptions:
        wanted = checked_query(gallery, query, top, fusion)
        if columns.compact is None:
            raise AssertionError("a gallery without rows was refused before")
        exact = search_exact(
            columns.compact, [wanted], top, keep=columns.kept, tie=columns.key, threads=threads
        ).indices[0]
        chosen = find_candidates(gallery, query, wanted, top=top, candidates=candidates)
        found = rank(gallery, wanted, chosen, top, threads=threads).indices[0]
        shares.append(float(np.isin(exact, found).mean()))
        looked_at.append(1.0 if chosen.places is None else len(chosen.places) / len(columns))
        if chosen.exact_because is not None:
            reasons.append(chosen.exact_because)
    return Recall(
        len(descriptions),
        top,
        float(np.mean(shares)),
        min(shares),
        float(np.mean(looked_at)),
        len(reasons),
        reasons[0] if reasons else None,
    )


def sample_descriptions(
    gallery: Gallery, count: int, *, named: int | None = None, seed: int = 0
) -> list[AttributeQuery]:
    """Return descriptions of rows drawn from a gallery: what the model saw of each, at least one attribute.

    Args:
        gallery: of a model that recognises attributes.
        count: how many.
        named: attributes named in each, three in four of them present ones as far as there are any; None
            for full descriptions.
        seed: draws rows and attributes.

    Raises:
        InputError: if the gallery has no rows or no probabilities, or ``named`` is not in 1 to their number.
    """
    width = len(gallery.schema)
    if named is not None and not 1 <= named <= width:
        raise InputError(f"descriptions name 1 to {width} attributes, asked for {named}")
    if gallery.columns.compact is None or gallery.columns.compact.attributes is None:
        raise InputError("descriptions are drawn from attribute probabilities; the gallery has none")
    random = np.random.default_rng(seed)
    places = random.integers(len(gallery.columns.key), size=count)
    probability = gallery.columns.vectors(places).probability
    if probability is None:
        raise AssertionError("columns with attributes hold probabilities")
    described = []
    seen = probability > 0.5
    seen[np.arange(count), probability.argmax(axis=1)] = True  # nobody describes a person by absences alone
    for values in seen.astype(np.int8):
        if named is not None:
            values[~_chosen(values, named, random)] = -1
        described.append(AttributeQuery.from_values(gallery.schema, values.tolist()))
    return described


def _chosen(values: np.ndarray, named: int, random: np.random.Generator) -> np.ndarray:
    """Return which attributes are named, as a mask."""
    present = random.permutation(np.flatnonzero(values == 1))[: -(-3 * named // 4)]
    others = random.permutation(np.setdiff1d(np.arange(len(values)), present))
    mask = np.zeros(len(values), dtype=bool)
    mask[present] = True
    mask[others[: named - len(present)]] = True
    return mask
