"""The rows of the paper's two tables, as data: which recipe, and what the paper reports."""

from dataclasses import dataclass
from enum import StrEnum

MULTI_TASK = "multi-task"
BASELINE = "attributes"
"""The recipe stem of the PAR baseline, from which all other rows start."""


class Budget(StrEnum):
    """How much computing a reproduction may take."""

    FULL = "full"
    """The paper's networks and input size; wants a GPU."""
    CPU = "cpu"
    """Small networks at 128x64; hours on two processor cores."""


BACKBONES = {Budget.FULL: ("resnet50", "pvtv2-b2"), Budget.CPU: ("mobilenetv2", "pvtv2-b0")}
"""What stands for the paper's ResNet-50 and PVTv2-b2."""

FOLDERS = {Budget.FULL: "paper", Budget.CPU: "paper-cpu"}
"""Where the recipes of a budget lie inside ``recipes/``."""


@dataclass(frozen=True)
class PaperScore:
    """What the paper reports, in percent, by a protocol it does not state."""

    map: float
    rank1: float


@dataclass(frozen=True)
class Line:
    """One line of a table of the paper.

    Args:
        table: ``4.2`` or ``4.3``.
        label: what the line is called there.
        model: recipe stem without the backbone.
        backbone: 0 for the paper's ResNet-50, 1 for its PVTv2-b2.
        paper: the numbers printed.
    """

    table: str
    label: str
    model: str
    backbone: int
    paper: PaperScore

    def row(self, budget: Budget) -> str:
        """Return the name of the line's row: the stem of its recipe.

        >>> LINES[2].row(Budget.CPU)
        'multi-task-mobilenetv2'
        """
        return f"{self.model}-{BACKBONES[budget][self.backbone]}"


LINES = (
    Line("4.2", "PAR baseline", BASELINE, 0, PaperScore(20.0, 20.7)),
    Line("4.2", "MA+ASMR", "embedding", 0, PaperScore(20.2, 20.0)),
    Line("4.2", "multi-task", MULTI_TASK, 0, PaperScore(22.7, 22.7)),
    Line("4.2", "PAR baseline", BASELINE, 1, PaperScore(21.0, 21.5)),
    Line("4.2", "MA+ASMR", "embedding", 1, PaperScore(21.1, 20.7)),
    Line("4.2", "multi-task", MULTI_TASK, 1, PaperScore(22.9, 22.7)),
    Line("4.3", "multi-task", MULTI_TASK, 0, PaperScore(22.7, 22.7)),
    Line("4.3", "+ AAC", "multi-task-combinations", 0, PaperScore(23.1, 22.7)),
    Line("4.3", "+ feedback MA", "multi-task-feedback-ma", 0, PaperScore(23.5, 22.6)),
    Line("4.3", "+ feedback PAR", "multi-task-feedback-par", 0, PaperScore(23.7, 23.0)),
    Line("4.3", "+ both feedbacks", "multi-task-feedback-both", 0, PaperScore(23.6, 23.2)),
    Line("4.3", "+ both and AAC", "multi-task-feedback-both-combinations", 0, PaperScore(23.7, 23.3)),
)
"""Twelve lines, eleven rows: Table 4.3 begins with a row of Table 4.2."""

TABLES = ("4.2", "4.3")


def row_names(budget: Budget) -> tuple[str, ...]:
    """Return the eleven rows of a budget, in the order of the paper's tables.

    >>> len(row_names(Budget.FULL)), row_names(Budget.FULL)[0]
    (11, 'attributes-resnet50')
    """
    return tuple(dict.fromkeys(line.row(budget) for line in LINES))


def paper_score(row: str, budget: Budget) -> PaperScore | None:
    """Return what the paper reports for a row, or None for a row that is not the paper's."""
    return next((line.paper for line in LINES if line.row(budget) == row), None)


def baseline_of(row: str, budget: Budget) -> str | None:
    """Return the PAR baseline that a row of the paper starts from; None for baselines and other rows.

    >>> baseline_of("embedding-pvtv2-b2", Budget.FULL)
    'attributes-pvtv2-b2'
    """
    for line in LINES:
        if line.row(budget) == row and line.model != BASELINE:
            return f"{BASELINE}-{BACKBONES[budget][line.backbone]}"
    return None
