"""What the paper claims of its tables, and what our intervals say of each claim."""

from dataclasses import dataclass

from pages import rows
from pages.intervals import (
    Estimate,
    Kind,
    Verdict,
    difference,
    difference_over_queries,
    judge,
    together,
)
from pages.markdown import bracket, points, signed, table
from pages.records import SPLITS, Results, start_of
from pages.rows import Budget, Family, Row

NOT_TESTED = "not tested"
METRICS = {"map": "mAP", "rank1": "Rank-1"}


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper's discussion, for one metric.

    Args:
        words: the claim.
        metric: map or rank1.
        row: the row it is about.
        others: rows it is compared with; the claim holds if it holds against each.
        kind: greater, or level.
    """

    words: str
    metric: str
    row: Row
    others: tuple[Row, ...]
    kind: Kind

    @property
    def paper(self) -> float:
        """The paper's own difference, the least one if there are several."""
        return min(_paper(self.row, self.metric) - _paper(other, self.metric) for other in self.others)


@dataclass(frozen=True)
class Finding:
    """What was found of a claim on one split.

    Args:
        difference: the weakest of those against the other rows; None if one of them is missing.
        verdict: on the whole claim.
        remark: why a difference is no test of the claim, or empty.
    """

    difference: Estimate | None
    verdict: Verdict
    remark: str = ""


def claims(budget: Budget) -> list[Claim]:
    """Return every claim of the paper's discussion of Tables 4.2 and 4.3."""
    return [*_against_baselines(budget), *_backbones(budget), *_extensions(budget)]


def _against_baselines(budget: Budget) -> list[Claim]:
    made = []
    for backbone in (0, 1):
        name = rows.BACKBONES[budget.backbones[backbone]]
        par, aligned, multi_task = (rows.row(family, budget, backbone) for family in rows.COMPARED)
        for other, words in ((par, "the PAR baseline"), (aligned, "MA+ASMR")):
            words = f"The multi-task transformer beats {words} ({name})"
            made += [Claim(words, metric, multi_task, (other,), Kind.GREATER) for metric in METRICS]
        words = f"The two baselines are level: MA+ASMR against PAR ({name})"
        made += [Claim(words, metric, aligned, (par,), Kind.LEVEL) for metric in METRICS]
    return made


def _backbones(budget: Budget) -> list[Claim]:
    first, second = (rows.BACKBONES[name] for name in budget.backbones)
    made = []
    for family in rows.COMPARED:
        one, other = rows.row(family, budget, 1), rows.row(family, budget, 0)
        level = family is rows.MULTI_TASK
        words = (
            f"Under the transformer head the backbone hardly matters: {second} against {first}"
            if level
            else f"{family.label} gains by a transformer backbone: {second} against {first}"
        )
        kind = Kind.LEVEL if level else Kind.GREATER
        made += [Claim(words, metric, one, (other,), kind) for metric in METRICS]
    return made


def _extensions(budget: Budget) -> list[Claim]:
    def claim(words: str, metric: str, family: Family, others: list[Family], kind: Kind) -> Claim:
        compared = tuple(rows.row(other, budget, 0) for other in others)
        return Claim(words, metric, rows.row(family, budget, 0), compared, kind)

    plain, greater, level = [rows.MULTI_TASK], Kind.GREATER, Kind.LEVEL
    rest = [family for family in rows.EXTENDED if family is not rows.EVERYTHING]
    return [
        claim("AAC raises mAP", "map", rows.COMBINATIONS, plain, greater),
        claim("AAC leaves Rank-1 as it is", "rank1", rows.COMBINATIONS, plain, level),
        claim("Feedback MA raises mAP", "map", rows.FEEDBACK_MA, plain, greater),
        claim("Feedback MA leaves Rank-1 as it is", "rank1", rows.FEEDBACK_MA, plain, level),
        claim("Feedback PAR raises mAP", "map", rows.FEEDBACK_PAR, plain, greater),
        claim("Feedback PAR raises Rank-1", "rank1", rows.FEEDBACK_PAR, plain, greater),
        claim(
            "Both feedbacks raise Rank-1 further than either alone",
            "rank1",
            rows.FEEDBACK_BOTH,
            [rows.FEEDBACK_MA, rows.FEEDBACK_PAR],
            greater,
        ),
        claim("All together have the best mAP of Table 4.3", "map", rows.EVERYTHING, rest, greater),
        claim("All together have the best Rank-1 of Table 4.3", "rank1", rows.EVERYTHING, rest, greater),
    ]


def examine(results: Results, claim: Claim, split: str) -> Finding:
    """Compare a claim with our runs on a split."""
    own = results.sample(split, claim.row.name, claim.metric)
    found = [difference(own, results.sample(split, row.name, claim.metric)) for row in claim.others]
    verdict = together([judge(one, claim.kind) for one in found])
    known = [one for one in found if one is not None]
    weakest = min(known, key=_low) if len(known) == len(found) else None
    starts = {
        start_of(record)
        for row in (claim.row, *claim.others)
        for record in results.seeds(split, row.name).values()
    }
    remark = "" if len(starts) < 2 else "the two start from different weights"
    return Finding(weakest, verdict, remark)


def findings_table(results: Results) -> str:
    """Return one line per claim: the paper's difference, ours on both splits, and the verdicts."""
    lines = []
    for claim in claims(results.budget):
        cells = [claim.words, METRICS[claim.metric], signed(claim.paper)]
        for split in SPLITS:
            found = examine(results, claim, split)
            cells += [points(found.difference), _verdict(found)]
        lines.append(cells)
    heading = ["claim of the paper", "metric", "paper"]
    for split in SPLITS:
        heading += [f"ours, split `{split}`", "verdict"]
    return table(heading, lines)


def verdict_counts(results: Results) -> str:
    """Return in words how many claims came out how, by split."""
    parts = []
    for split in SPLITS:
        verdicts = [_verdict_word(examine(results, claim, split)) for claim in claims(results.budget)]
        words = [*(verdict.value for verdict in Verdict), NOT_TESTED]
        counted = ", ".join(f"{verdicts.count(word)} {word}" for word in words if word in verdicts)
        parts.append(f"split `{split}`: {counted}")
    return f"Of {len(claims(results.budget))} claims, {'; '.join(parts)}."


def queries_table(results: Results) -> str:
    """Return the differences in mAP once more with intervals over queries; empty without any."""
    lines = []
    for claim in claims(results.budget):
        if claim.metric != "map" or len(claim.others) > 1:
            continue
        cells = [
            bracket(
                difference_over_queries(
                    results.average_precision(split, claim.row.name),
                    results.average_precision(split, claim.others[0].name),
                )
            )
            for split in SPLITS
        ]
        if any(cells):
            lines.append([f"{claim.row.label} against {claim.others[0].label}", *cells])
    return table(["mAP", *(f"split `{split}`" for split in SPLITS)], lines) if lines else ""


def _low(found: Estimate) -> float:
    return found.mean if found.interval is None else found.interval.low


def _verdict(found: Finding) -> str:
    word = f"**{_verdict_word(found)}**"
    if found.verdict is Verdict.UNDECIDED and found.difference is not None:
        word += f" by {found.difference.seeds} seeds"
    return f"{word}: {found.remark}" if found.remark else word


def _verdict_word(found: Finding) -> str:
    return NOT_TESTED if found.remark else found.verdict.value


def _paper(row: Row, metric: str) -> float:
    if row.paper is None:
        raise ValueError(f"the paper has no row {row.name}")
    return row.paper.map if metric == "map" else row.paper.rank1
