"""The rows of the paper's Tables 4.2 and 4.3, their names in results/, and the paper's numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scores:
    """What the paper prints of a row, in percent."""

    map: float
    rank1: float


@dataclass(frozen=True)
class Family:
    """A model of the paper, whatever its backbone.

    Args:
        stem: of the row's name, before the backbone.
        label: for people.
        distance: the one the model ranks by.
    """

    stem: str
    label: str
    distance: str


@dataclass(frozen=True)
class Budget:
    """One size of the whole experiment.

    Args:
        name: as ``attrieve reproduce --budget`` calls it.
        folder: below results/.
        words: what it is, for people.
        backbones: names in rows: what stands for ResNet-50, then what stands for PVTv2-b2.
    """

    name: str
    folder: str
    words: str
    backbones: tuple[str, str]


@dataclass(frozen=True)
class Row:
    """A row of a table: one family on one backbone.

    Args:
        name: in results/.
        label: for people.
        family: the model.
        paper: the paper's numbers; None for rows it does not have.
    """

    name: str
    label: str
    family: Family
    paper: Scores | None


PAR = Family("attributes", "PAR baseline", "attributes")
ALIGNED = Family("embedding", "MA+ASMR", "embedding")
MULTI_TASK = Family("multi-task", "Multi-task transformer", "fused")
COMBINATIONS = Family("multi-task-combinations", "+ AAC", "fused")
FEEDBACK_MA = Family("multi-task-feedback-ma", "+ Feedback MA", "fused")
FEEDBACK_PAR = Family("multi-task-feedback-par", "+ Feedback PAR", "fused")
FEEDBACK_BOTH = Family("multi-task-feedback-both", "+ Feedback MA&PAR", "fused")
EVERYTHING = Family("multi-task-feedback-both-combinations", "+ Feedback MA&PAR and AAC", "fused")

CPU = Budget("cpu", "paper-cpu", "small networks at 128x64 pixels", ("mobilenetv2", "pvtv2-b0"))
FULL = Budget("full", "paper", "the paper's networks and input size", ("resnet50", "pvtv2-b2"))
BUDGETS = (FULL, CPU)

BACKBONES = {
    "resnet50": "ResNet-50",
    "pvtv2-b2": "PVTv2-b2",
    "mobilenetv2": "MobileNetV2",
    "pvtv2-b0": "PVTv2-b0",
}
PAPERS_BACKBONES = ("ResNet-50", "PVTv2-b2")

COMPARED = (PAR, ALIGNED, MULTI_TASK)
"""Families of Table 4.2, on both backbones."""
EXTENDED = (MULTI_TASK, COMBINATIONS, FEEDBACK_MA, FEEDBACK_PAR, FEEDBACK_BOTH, EVERYTHING)
"""Families of Table 4.3, on the first backbone."""

_PAPER = {
    (PAR.stem, 0): Scores(20.0, 20.7),
    (PAR.stem, 1): Scores(21.0, 21.5),
    (ALIGNED.stem, 0): Scores(20.2, 20.0),
    (ALIGNED.stem, 1): Scores(21.1, 20.7),
    (MULTI_TASK.stem, 0): Scores(22.7, 22.7),
    (MULTI_TASK.stem, 1): Scores(22.9, 22.7),
    (COMBINATIONS.stem, 0): Scores(23.1, 22.7),
    (FEEDBACK_MA.stem, 0): Scores(23.5, 22.6),
    (FEEDBACK_PAR.stem, 0): Scores(23.7, 23.0),
    (FEEDBACK_BOTH.stem, 0): Scores(23.6, 23.2),
    (EVERYTHING.stem, 0): Scores(23.7, 23.3),
}


def row(family: Family, budget: Budget, backbone: int) -> Row:
    """Return a family's row at a budget, on what stands for the paper's first or second backbone."""
    own = budget.backbones[backbone]
    label = f"{family.label} ({BACKBONES[own]})" if family in COMPARED else family.label
    return Row(f"{family.stem}-{own}", label, family, _PAPER.get((family.stem, backbone)))


def table_4_2(budget: Budget) -> list[list[Row]]:
    """Return the rows of Table 4.2, one list per backbone, so that the row above differs in the model."""
    return [[row(family, budget, backbone) for family in COMPARED] for backbone in (0, 1)]


def table_4_3(budget: Budget) -> list[Row]:
    """Return the rows of Table 4.3."""
    return [row(family, budget, 0) for family in EXTENDED]


def all_rows(budget: Budget) -> list[Row]:
    """Return every run of the two tables once, in their order."""
    compared = [one for group in table_4_2(budget) for one in group]
    return compared + table_4_3(budget)[1:]
