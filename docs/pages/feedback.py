"""The table of what marks are worth, from the record of benchmarks/feedback.py."""

from typing import Any

from pages.markdown import signed, table

Record = dict[str, Any]

SHORT = {
    "weights by likelihood ratios": "weights: likelihood ratios",
    "weights by logistic regression": "weights: logistic (chosen)",
    "embedding by reweighted completions": "embedding: completions",
    "embedding by Rocchio over descriptions": "embedding: Rocchio (chosen)",
    "both, as attrieve search": "both chosen",
}
CHOSEN = "both, as attrieve search"


def feedback(records: list[Record]) -> str:
    """Return one table for each set of people, with the changes of mAP, and where it was measured."""
    return "\n".join(_page(record) for record in records) or "*No result has been recorded yet.*\n"


def _page(record: Record) -> str:
    text = ""
    for name, people in record["people"].items():
        rows = [_row(case) for case in people["cases"] if "reporting" in case]
        most = max(
            (case["reporting"]["categories"] for case in people["cases"] if "reporting" in case), default=0
        )
        heading = ["right is; attributes named; answers wrong", "marks right", "mAP before", *SHORT.values()]
        apart = people["degrees_of_one_attribute"]
        text += (
            f"**{name[:1].upper()}{name[1:]}**: {people['images']:,} test images of {people['categories']:,} "
            f"categories, up to {most:,} of them asked for, {people['descriptions']} descriptions each. The "
            f"embeddings of descriptions that differ in one attribute lie {apart:.0f} degrees "
            "apart (median).\n\n"
        )
        text += table([*heading, "Rank-1, both"], rows)
        machine = people["machine"]
        text += (
            f"\n`{people['command']}`: {record['marked']} rows marked; points of mAP over the rows left, "
            f"after minus before, with 95 % intervals. {machine['processor']}, code at "
            f"{str(machine['commit'])[:10]}.\n\n"
        )
    return text.removesuffix("\n")


def _row(case: Record) -> list[str]:
    told = case["reporting"]
    what = f"{case['right_is']}; {case['named']}; {100 * case['wrong_answers']:.0f} %"
    if case["wrong_marks"]:
        what += f", {100 * case['wrong_marks']:.0f} % of the marks wrong"
    cells = [_interval(told["methods"][name]["map"]) for name in SHORT]
    return [
        what,
        f"{100 * told['marked_right']:.0f} %",
        f"{told['map_before']:.1f}",
        *cells,
        _interval(told["methods"][CHOSEN]["rank1"]),
    ]


def _interval(found: dict[str, float]) -> str:
    return f"{signed(found['mean'])} [{signed(found['low'])}, {signed(found['high'])}]"
