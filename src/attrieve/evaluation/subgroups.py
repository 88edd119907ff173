"""Errors by gender and age group: whether a model errs more on some people than on others.

A group is what the labels say of it, the model's own guess plays no part. Each group is compared with all
other images on the same attributes: those that are shown and not shown often enough on either side for a rate
to mean something. The trait's own attributes are told apart: how often the group itself is not recognised.
Intervals are over descriptions, drawn with all their images: three people say little about others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int64
from numpy import ndarray
from rich.table import Table

from attrieve.errors import InputError
from attrieve.evaluation.protocol import Protocol
from attrieve.evaluation.report import EvaluationReport, Predictions
from attrieve.evaluation.significance import Interval, bootstrap_interval

FEWEST = 10
"""Images of a group, and of the others, that must show an attribute, and lack it, for it to be compared."""
RESAMPLES = 1000
TRAITS: Mapping[str, Mapping[str, tuple[str, bool]]] = {
    "gender": {"labelled male": ("personalMale", True), "labelled female": ("personalMale", False)},
    "age group": {
        "under 30": ("personalLess30", True),
        "30 to 45": ("personalLess45", True),
        "45 to 60": ("personalLess60", True),
        "over 60": ("personalLarger60", True),
    },
}
"""Traits and their groups by attribute and value, in PETA's vocabularies."""


@dataclass(frozen=True)
class Subgroup:
    """How a model errs on one group; rates in percent 0..100, with 95 % bootstrap intervals.

    Args:
        name: of the group.
        images: of it in the test set.
        compared: attributes the rates are over, for the group and for the others alike.
        missed: attributes that are shown and not recognised: mean over ``compared`` of the share of the
            group's images that show one and are not given it.
        missed_others: the same of all other images.
        imagined: attributes that are not shown and recognised, likewise.
        imagined_others: the same of all other images.
        own_missed: of the group's images, those the model does not put into the group.
        queries: descriptions that name the group and have a match, protocol ``unique``.
        map: their mean average precision by the report's distance; None for fewer than 2 of them.
        rank1: how many of them have a right first hit; None likewise.
    """

    name: str
    images: int
    compared: tuple[str, ...]
    missed: Interval
    missed_others: Interval
    imagined: Interval
    imagined_others: Interval
    own_missed: Interval
    queries: int
    map: Interval | None
    rank1: Interval | None


@dataclass(frozen=True)
class TraitErrors:
    """The groups of a trait beside each other.

    Args:
        trait: gender or age group.
        groups: in the order of :data:`TRAITS`.
    """

    trait: str
    groups: tuple[Subgroup, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"trait": self.trait, "groups": [asdict(one) for one in self.groups]}


def subgroup_errors(
    predictions: Predictions,
    report: EvaluationReport,
    *,
    distance: str,
    seed: int = 0,
) -> tuple[TraitErrors, ...]:
    """Measure the errors of each group of each trait.

    Args:
        predictions: of a model that recognises attributes.
        report: made from them, protocol ``unique`` included.
        distance: by which queries are ranked, one of the report's.
        seed: of the resampling.

    Raises:
        InputError: for a model without recognition, a vocabulary without these traits, or a test set too
            small to compare any attribute.
    """
    schema = report.schema
    if Protocol.UNIQUE not in report.tasks:
        raise InputError("errors by subgroup need the protocol 'unique' in the report")
    if predictions.probability is None:
        raise InputError("errors by subgroup are those of recognition; this model recognises no attributes")
    known = {name for groups in TRAITS.values() for name, _ in groups.values()}
    if not known <= set(schema.names):
        raise InputError(f"vocabulary {schema.name!r} names no gender and age groups as PETA does")
    predicted = predictions.probability.detach().cpu().numpy() > 0.5
    generator = np.random.default_rng(seed)
    return tuple(
        _trait(
            name, groups, predicted, report.tasks[Protocol.UNIQUE].person_values, report, distance, generator
        )
        for name, groups in TRAITS.items()
    )


def _trait(
    name: str,
    groups: Mapping[str, tuple[str, bool]],
    predicted: Bool[ndarray, "person attribute"],
    values: Int8[ndarray, "person attribute"],
    report: EvaluationReport,
    distance: str,
    generator: np.random.Generator,
) -> TraitErrors:
    names = np.array(report.schema.names)
    clusters = _clusters(report.tasks[Protocol.UNIQUE].person_category)
    own = np.isin(names, [attribute for attribute, _ in groups.values()])
    found = []
    for group, (attribute, holds) in groups.items():
        column = report.schema.names.index(attribute)
        here, there = values[:, column] == int(holds), values[:, column] == int(not holds)
        compared = ~own & _often_enough(values[here]) & _often_enough(values[there])
        if not compared.any():
            raise InputError(
                f"no attribute is shown and not shown {FEWEST} times by people {group!r} and by others:"
                " take more images"
            )
        missed, imagined, wrong = _errors(predicted, values, clusters, here, compared, column, generator)
        others = _errors(predicted, values, clusters, there, compared, column, generator)
        found.append(
            Subgroup(
                group,
                int(here.sum()),
                tuple(names[compared].tolist()),
                missed,
                others[0],
                imagined,
                others[1],
                wrong,
                *_retrieval(report, distance, column, holds),
            )
        )
    return TraitErrors(name, tuple(found))


def _often_enough(values: Int8[ndarray, "person attribute"]) -> Bool[ndarray, " attribute"]:
    shown, not_shown = (values == 1).sum(axis=0), (values == 0).sum(axis=0)
    return np.asarray((shown >= FEWEST) & (not_shown >= FEWEST))


def _clusters(category: Int64[ndarray, " person"]) -> Int64[ndarray, " person"]:
    """Return a number for each description; images with unknown values stand each for itself."""
    unknown = category < 0
    clusters = category.copy()
    clusters[unknown] = category.max() + 1 + np.arange(int(unknown.sum()))
    return clusters


def _errors(
    predicted: Bool[ndarray, "person attribute"],
    values: Int8[ndarray, "person attribute"],
    clusters: Int64[ndarray, " person"],
    members: Bool[ndarray, " person"],
    compared: Bool[ndarray, " attribute"],
    own: int,
    generator: np.random.Generator,
) -> tuple[Interval, Interval, Interval]:
    """Return missed, imagined and the trait's own attribute wrong, in percent.

    Drawn anew are descriptions with all their images: pictures of one person err alike.
    """
    said, true = predicted[members][:, compared], values[members][:, compared]
    _, cluster = np.unique(clusters[members], return_inverse=True)
    count = int(cluster.max()) + 1
    drawn = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES)
    weights = np.concatenate([np.ones((1, count)), drawn])[:, cluster]
    wrong = (predicted[members, own] != (values[members, own] == 1))[:, None]
    return (
        _interval(_mean_rate(weights, ~said & (true == 1), true == 1), count),
        _interval(_mean_rate(weights, said & (true == 0), true == 0), count),
        _interval(_mean_rate(weights, wrong, np.ones_like(wrong)), count),
    )


def _mean_rate(
    weights: Float64[ndarray, "draw person"],
    wrong: Bool[ndarray, "person attribute"],
    among: Bool[ndarray, "person attribute"],
) -> Float64[ndarray, " draw"]:
    """Return the mean over attributes of wrong among cases, in percent, without those missing from a draw."""
    wrongs, cases = weights @ wrong.astype(np.float64), weights @ among.astype(np.float64)
    rates = np.divide(wrongs, cases, out=np.zeros_like(wrongs), where=cases > 0)
    there = (cases > 0).sum(axis=1)
    means = np.divide(rates.sum(axis=1), there, out=np.full(len(there), np.nan), where=there > 0)
    return np.asarray(100.0 * means)


def _interval(draws: Float64[ndarray, " draw"], count: int) -> Interval:
    low, high = np.nanquantile(draws[1:], [0.025, 0.975])
    return Interval(float(draws[0]), float(low), float(high), 0.95, count)


def _retrieval(
    report: EvaluationReport, distance: str, column: int, holds: bool
) -> tuple[int, Interval | None, Interval | None]:
    task = report.tasks[Protocol.UNIQUE]
    scores = report.retrieval[Protocol.UNIQUE][distance].per_query
    chosen = (task.query_values[:, column] == int(holds)) & (scores.matches > 0)
    count = int(chosen.sum())
    if count < 2:
        return count, None, None
    precision = bootstrap_interval(100.0 * scores.average_precision[chosen], resamples=RESAMPLES)
    first = bootstrap_interval(100.0 * (scores.first_rank[chosen] == 1), resamples=RESAMPLES)
    return count, precision, first


def subgroup_table(found: Sequence[TraitErrors]) -> Table:
    """Return it as a table for people."""
    table = Table(caption="percent, with 95 % intervals over descriptions")
    table.add_column("group")
    for heading in (
        "images",
        "missed",
        "of others",
        "imagined",
        "of others",
        "group missed",
        "mAP",
        "Rank-1",
    ):
        table.add_column(heading, justify="right")
    for trait in found:
        for one in trait.groups:
            rates = [one.missed, one.missed_others, one.imagined, one.imagined_others]
            numbers = [*rates, one.own_missed, one.map, one.rank1]
            cells = ["-" if n is None else f"{n.mean:.1f} [{n.low:.1f}, {n.high:.1f}]" for n in numbers]
            table.add_row(one.name, f"{one.images:,}", *cells)
        table.add_section()
    return table
