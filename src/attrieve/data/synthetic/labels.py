"""Labels of people who do not exist, as frequent and as correlated as PETA's."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from attrieve.data.synthetic.config import DrawnPeopleConfig
from attrieve.data.synthetic.label_tables import LABEL_GROUPS, LabelGroup, load_label_tables
from attrieve.schema import load_vocabulary

SAME_LABELS_RATE = 0.11
"""Share of persons who repeat another person's labels: PETA has 7,769 vectors for 8,699 persons."""

RARE_COLOUR_COUNT = 12
"""Least count of a single colour per table, so that green hair exists; PETA has next to none."""

_PERSONS_PER_BLOCK = 256
"""Persons are drawn block by block from seeds of their own: fewer images are a prefix of more."""


def draw_values(config: DrawnPeopleConfig) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """Draw the labels of ``config.images`` pictures.

    Labels belong to persons; each person has ``images_per_person`` pictures (uniform), in a row. Groups of
    labels are drawn one after the other, each given its parents, from counts over PETA
    (:mod:`attrieve.data.synthetic.label_tables`). No value is unknown.

    Returns:
        Values of shape (person_image, 105), 1 yes or 0 no, columns as in vocabulary peta105; and
        identities of shape (person_image,), counting from 1. A smaller ``images`` gives a prefix.

    >>> values, identity = draw_values(DrawnPeopleConfig(images=50, images_per_person=(2, 2)))
    >>> values.shape, identity[:4].tolist(), bool((values[0] == values[1]).all())
    ((50, 105), [1, 1, 2, 2], True)
    """
    least, most = config.images_per_person
    blocks: list[npt.NDArray[np.int8]] = []
    repeats: list[npt.NDArray[np.int64]] = []
    while sum(int(block.sum()) for block in repeats) < config.images:
        random = np.random.default_rng(np.random.SeedSequence((config.seed, 0, len(blocks))))
        blocks.append(_draw_persons(_PERSONS_PER_BLOCK, random))
        repeats.append(random.integers(least, most + 1, size=_PERSONS_PER_BLOCK))
    images_of = np.concatenate(repeats)
    person = np.repeat(np.arange(len(images_of)), images_of)[: config.images]
    return np.concatenate(blocks)[person], person.astype(np.int64) + 1


def _draw_persons(persons: int, random: np.random.Generator) -> npt.NDArray[np.int8]:
    """Return labels of shape (person, 105); some persons repeat an earlier one of the block."""
    values = np.zeros((persons, len(load_vocabulary("peta105"))), dtype=np.int8)
    patterns: dict[str, list[str]] = {}
    for group in LABEL_GROUPS:
        contexts = [
            "|".join(parts) for parts in zip(*(patterns[parent] for parent in group.parents), strict=True)
        ]
        patterns[group.name] = _draw_group(group, contexts or [""] * persons, random.random(persons), values)
    earlier = (random.random(persons) * np.arange(persons)).astype(np.int64)
    repeats = random.random(persons) < SAME_LABELS_RATE
    return np.where(repeats[:, None], values[earlier], values).astype(np.int8)


def _draw_group(
    group: LabelGroup,
    contexts: list[str],
    chances: npt.NDArray[np.float64],
    values: npt.NDArray[np.int8],
) -> list[str]:
    """Draw one pattern per person, note it in ``values`` (person, attribute) and return the patterns."""
    persons_of: dict[str, list[int]] = {}
    for person, context in enumerate(contexts):
        persons_of.setdefault(context, []).append(person)
    drawn = [""] * len(contexts)
    for context, persons in persons_of.items():
        choices = _choices(group, context)
        picks = np.searchsorted(choices.cumulative, chances[persons], side="right")
        values[persons] |= choices.values[picks]
        for person, pick in zip(persons, picks.tolist(), strict=True):
            drawn[person] = choices.patterns[pick]
    return drawn


class _Choices(NamedTuple):
    """Patterns of a group in one context, their cumulative chances (the last above 1) and their labels."""

    patterns: tuple[str, ...]
    cumulative: npt.NDArray[np.float64]
    values: npt.NDArray[np.int8]


@cache
def _choices(group: LabelGroup, context: str) -> _Choices:
    tables = load_label_tables()[group.name]
    counts = dict(tables.get(context) or _over_all_contexts(tables))
    if group.name.endswith("_colour"):
        for name in group.attributes:
            counts[name] = max(counts.get(name, 0), RARE_COLOUR_COUNT * sum(counts.values()) // 19_000)
    patterns = tuple(sorted(counts))
    cumulative = np.cumsum([counts[pattern] for pattern in patterns], dtype=np.float64)
    cumulative /= cumulative[-1]
    cumulative[-1] = np.inf
    names = load_vocabulary("peta105").names
    labels = [[int(name in pattern.split("+")) for name in names] for pattern in patterns]
    return _Choices(patterns, cumulative, np.array(labels, dtype=np.int8))


def _over_all_contexts(tables: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Add up the counts of every context, for one too rare to have its own."""
    total: dict[str, int] = {}
    for counts in tables.values():
        for pattern, count in counts.items():
            total[pattern] = total.get(pattern, 0) + count
    return total
