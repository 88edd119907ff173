"""The table of errors by gender and age group, from the records of ``attrieve evaluate --subgroups``."""

from typing import Any

from pages.markdown import table

Document = dict[str, Any]
HEADING = ["group", "images", "attributes", "missed", "of others", "imagined", "of others", "group missed"]
QUERIES = ["descriptions", "mAP", "Rank-1"]


def subgroups(records: list[Document]) -> str:
    """Return one table for each record, and where it comes from."""
    if not records:
        return "**Not run.** `attrieve evaluate --subgroups` has left no record yet.\n"
    return "\n".join(_one(record) for record in records)


def _one(record: Document) -> str:
    rows = [_row(group) for trait in record["traits"] for group in trait["groups"]]
    return table(HEADING + QUERIES, rows) + (
        f"\n`{record['command']}`: model `{record['name']}`, seed {record['seed']}, split "
        f"`{record['data']['split']}` ({record['data']['test_images']:,} test images), ranked by the "
        f"`{record['distance']}` distance; percent, 95 % bootstrap over descriptions; code at "
        f"{str(record['commit'])[:10]}.\n"
    )


def _row(group: Document) -> list[str]:
    names = ("missed", "missed_others", "imagined", "imagined_others", "own_missed")
    rates = [_interval(group[name]) for name in names]
    ranking = [_interval(group[name]) for name in ("map", "rank1")]
    counts = [f"{group['images']:,}", str(len(group["compared"]))]
    return [group["name"], *counts, *rates, f"{group['queries']:,}", *ranking]


def _interval(found: Document | None) -> str:
    return "-" if found is None else f"{found['mean']:.1f} [{found['low']:.1f}, {found['high']:.1f}]"
