"""The page on the paper's Tables 4.2 and 4.3: text and figures, from the records in results/."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pages import beyond, claims, origin, rows
from pages.charts import rows_chart
from pages.intervals import difference, estimate
from pages.markdown import pair, points, signed, table, value
from pages.records import SPLITS, Results, main_distance
from pages.rows import BUDGETS, CPU, FULL, Row, table_4_2, table_4_3
from pages.significance import significance_section

PROTOCOLS = {
    "unique": "unique 35-bit queries",
    "categories": "105-bit categories",
    "representative_removed": "representative removed",
    "per_image": "one query per image",
}
DISTANCES = {"attributes": "attributes alone", "embedding": "embedding alone", "fused": "fused"}


@dataclass(frozen=True)
class Page:
    """A generated page.

    Args:
        text: Markdown.
        figures: SVG by file name; the text looks for them in ``figures/`` beside it.
    """

    text: str
    figures: dict[str, str]


def paper_page(root: Path) -> Page:
    """Make the page from the records below a results folder."""
    figures: dict[str, str] = {}
    parts = [_HEAD]
    every = [Results.read(root, budget) for budget in BUDGETS]
    for results in every:
        if results.everything:
            parts += _budget_sections(results, figures)
        else:
            parts.append(_nothing(results))
    parts.append(significance_section(root / CPU.folder / "attribute-significance.json", figures))
    return Page("\n".join(part for part in parts if part), figures)


def paper_headline(root: Path) -> str:
    """Return the headline table of README: the rows that matter, ours and the paper's."""
    full, cpu = Results.read(root, FULL), Results.read(root, CPU)
    results = full if full.everything else cpu
    if not results.everything:
        return "*No result has been recorded yet.*\n"
    families = (rows.PAR, rows.ALIGNED, rows.MULTI_TASK, rows.EVERYTHING)
    chosen = [rows.row(family, results.budget, 0) for family in families]
    lines = [_headline_line(results, row) for row in chosen]
    best = beyond.best_row(results)
    if best is None:
        lines.append(["Our best recipe", "0", "not run", "not run", ""])
    else:
        size = origin.image_size(list(results.seeds("paper", best).values()))
        lines.append([f"**Our best recipe** (`{best}`, {size})", *_seeded(results, "paper", best), ""])
    heading = ["model", "seeds", "mAP", "Rank-1", "the paper (ResNet-50): mAP / Rank-1"]
    backbone = rows.BACKBONES[results.budget.backbones[0]]
    return (
        table(heading, lines) + f"\nMean over seeds and half of the 95 % interval; {backbone}, "
        f"{results.budget.words}, budget `{results.budget.name}`; {origin.data_sentence(results, 'paper')}.\n"
    )


def _headline_line(results: Results, row: Row) -> list[str]:
    paper = "" if row.paper is None else f"{row.paper.map:.1f} / {row.paper.rank1:.1f}"
    label = "Multi-task, both feedbacks and AAC" if row.family is rows.EVERYTHING else row.family.label
    return [label, *_seeded(results, "paper", row.name), paper]


def _nothing(results: Results) -> str:
    return (
        f"## Budget `{results.budget.name}`: {results.budget.words}\n\n"
        f"**Not run.** No record lies in `results/{results.budget.folder}/`"
        + (
            ": a GPU and ImageNet weights of ResNet-50 and PVTv2-b2 are needed for it. "
            "Nothing on this page was measured with the paper's own networks.\n"
            if results.budget is FULL
            else ".\n"
        )
    )


def _budget_sections(results: Results, figures: dict[str, str]) -> list[str]:
    figure = f"{results.budget.folder}-rows.svg"
    figures[figure] = rows_chart(results)
    parts = [
        f"## Budget `{results.budget.name}`: {results.budget.words}\n",
        origin.origin_section(results),
        "### What held and what did not\n",
        claims.verdict_counts(results) + "\n",
        _HOW_JUDGED,
        claims.findings_table(results),
    ]
    by_query = claims.queries_table(results)
    if by_query:
        parts += [_BY_QUERY, by_query]
    parts.append(f"### The rows at a glance\n\n![mAP and Rank-1 of every row](figures/{figure})\n")
    for split in results.splits:
        parts += _tables(results, split)
    parts += _details(results)
    parts += [beyond.beyond_section(results), beyond.ablation_section(results)]
    parts += [origin.lost_section(results), origin.cost_section(results)]
    return parts


def _tables(results: Results, split: str) -> list[str]:
    words = SPLITS.get(split, "another split")
    first, second = table_4_2(results.budget)
    return [
        f"### Table 4.2, split `{split}` ({words})\n",
        _comparison(results, split, [first, second]),
        f"### Table 4.3, split `{split}` ({words})\n",
        _comparison(results, split, [table_4_3(results.budget)]),
    ]


def _comparison(results: Results, split: str, groups: list[list[Row]]) -> str:
    """Return the rows with their differences to the row above within each group."""
    lines = []
    for group in groups:
        for above, row in zip([None, *group], group, strict=False):
            cells = [row.label, *_seeded(results, split, row.name)]
            cells += [_gain(results, split, row, above, metric) for metric in ("map", "rank1")]
            cells += [_papers(row), _papers_gain(row, above)]
            lines.append(cells)
    heading = ["model", "seeds", "mAP", "Rank-1", "mAP to the row above", "Rank-1 to the row above"]
    return table([*heading, "paper: mAP / Rank-1", "paper: to the row above"], lines)


def _seeded(results: Results, split: str, row: str) -> list[str]:
    """Return seeds, mAP and Rank-1 of a row."""
    seeds, lost = len(results.seeds(split, row)), len(results.lost(split, row))
    count = f"{seeds} ({lost} lost)" if lost else str(seeds)
    return [count, *(value(estimate(results.sample(split, row, metric))) for metric in ("map", "rank1"))]


def _gain(results: Results, split: str, row: Row, above: Row | None, metric: str) -> str:
    if above is None:
        return ""
    own, other = (results.sample(split, name, metric) for name in (row.name, above.name))
    return points(difference(own, other))


def _papers(row: Row) -> str:
    return "" if row.paper is None else f"{row.paper.map:.1f} / {row.paper.rank1:.1f}"


def _papers_gain(row: Row, above: Row | None) -> str:
    if row.paper is None or above is None or above.paper is None:
        return ""
    return f"{signed(row.paper.map - above.paper.map)} / {signed(row.paper.rank1 - above.paper.rank1)}"


def _details(results: Results) -> list[str]:
    parts = ["### The same by every protocol\n", _PROTOCOLS_SAY]
    for split in results.splits:
        parts += [f"Split `{split}`, mAP / Rank-1, mean over seeds:\n", _by_protocol(results, split)]
    parts += ["### Seen and unseen queries\n", _UNSEEN_SAYS]
    for split in results.splits:
        parts += [f"Split `{split}`:\n", _seen_and_unseen(results, split)]
    parts += ["### Each branch alone\n", _BRANCHES_SAY]
    for split in results.splits:
        parts += [f"Split `{split}`, unique queries, mAP / Rank-1:\n", _branches(results, split)]
    return parts


def _labelled(results: Results) -> Iterable[tuple[str, str]]:
    """Return every row's label and name: the paper's first, then ours."""
    for row in rows.all_rows(results.budget):
        yield row.label, row.name
    for name in results.extra_rows:
        yield f"`{name}`", name


def _by_protocol(results: Results, split: str) -> str:
    lines = []
    for label, name in _labelled(results):
        if results.seeds(split, name):
            lines.append([label, *(_both(results, split, name, protocol=each) for each in PROTOCOLS)])
    return table(["model", *PROTOCOLS.values()], lines) if lines else _NONE


def _both(results: Results, split: str, name: str, **chosen: str) -> str:
    cells = [value(estimate(results.sample(split, name, metric, **chosen))) for metric in ("map", "rank1")]
    return pair(*cells)


def _seen_and_unseen(results: Results, split: str) -> str:
    lines = []
    for label, name in _labelled(results):
        if not results.seeds(split, name):
            continue
        cells = [
            value(estimate(results.sample(split, name, metric, part=part)))
            for part in ("seen", "unseen")
            for metric in ("map", "rank1")
        ]
        seen, unseen = (results.sample(split, name, "map", part=part) for part in ("seen", "unseen"))
        lines.append([label, *cells, points(difference(seen, unseen))])
    heading = ["model", "seen: mAP", "seen: Rank-1", "unseen: mAP", "unseen: Rank-1", "mAP seen - unseen"]
    return table(heading, lines) if lines else _NONE


def _branches(results: Results, split: str) -> str:
    lines = []
    for label, name in _labelled(results):
        distances = results.distances(split, name)
        if len(distances) < 2:
            continue
        chosen = main_distance(next(iter(results.seeds(split, name).values())))
        cells = [_both(results, split, name, distance=each) for each in DISTANCES]
        best = "" if chosen in DISTANCES else f"{chosen}: {_both(results, split, name)}"
        lines.append([label, *(["" if cell == "not run" else cell for cell in cells]), best])
    if not any(line[-1] for line in lines):
        return table(["model", *DISTANCES.values()], [line[:-1] for line in lines]) if lines else _NONE
    return table(["model", *DISTANCES.values(), "the distance it ranks by"], lines)


_NONE = "*Not run.*\n"

_HEAD = """# The paper's tables, repeated on real PETA

<!-- Made by `make tables` from the records in results/; do not edit. -->

Tables 4.2 and 4.3 of *A Transformer-based Multi-task Model for Attribute-based Person Retrieval*, every row
trained anew with several seeds by `attrieve reproduce`. Numbers are percent: the mean over seeds, and after
"±" half of its 95 % interval (Student's t). Differences are paired by seed. Unless something else is said,
there is one query per distinct description of 35 attributes in the test part, relevant are the images with
exactly that description ([protocols](../methods/protocols.md)), and a model ranks by the distance the paper
uses for it: attributes for PAR, embedding for MA+ASMR, fused for the multi-task model. The paper names no
protocol and no spread.
"""

_HOW_JUDGED = """A claim that one row beats another is *confirmed* if the 95 % interval of the paired
difference lies above 0 and *contradicted* if it lies below; that two rows are level is *confirmed* if it lies
within 1 point of 0 (the paper calls 0.8 level) and *contradicted* if it lies wholly outside. Everything else
is *not decided*. Where several rows are compared, all must be beaten, and the weakest difference is shown.
Intervals are for one comparison each: of twenty with nothing behind them, one is expected to exclude 0.
"""

_BY_QUERY = """The intervals above say what other seeds would change. What other queries would change: the
same differences in mAP, seeds averaged, with 95 % bootstrap intervals over the queries. No verdict is drawn
from them.
"""

_PROTOCOLS_SAY = """What is asked, and who is relevant, differs: see [protocols](../methods/protocols.md).
"""

_UNSEEN_SAYS = """Seen queries are descriptions that at least one training image has.
"""

_BRANCHES_SAY = """The two branches of a multi-task model searched by themselves, beside their fusion.
"""
