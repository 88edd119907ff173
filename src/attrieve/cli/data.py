"""``attrieve data``: what a data set on disk holds, before anything is trained on it."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from attrieve.cli.draw import draw
from attrieve.cli.failure import exits_on_error
from attrieve.data.leaks import leak_report
from attrieve.data.peta import read_peta
from attrieve.data.splits import Split, category_labels, load_split
from attrieve.errors import UnknownNameError
from attrieve.schema.attributes import AttributeSchema, load_vocabulary
from attrieve.schema.person import PersonSet

DATASET_NAMES = ("peta",)
"""Data sets that can be described."""

app = typer.Typer(help="Look at data sets.", no_args_is_help=True)
app.command()(draw)


@app.callback()
def _data() -> None:
    """Look at data sets."""


@app.command("describe")
@exits_on_error
def describe_command(
    name: Annotated[str, typer.Argument(help="Name of the data set: peta.")],
    root: Annotated[Path, typer.Option(help="Folder or zip archive that holds it.", show_default=False)],
    split: Annotated[
        str, typer.Option(help="paper, sal, sal-seed-N, official-0 to official-4, person-disjoint.")
    ] = "paper",
    vocabulary: Annotated[
        str, typer.Option(help="Attributes to count and to make queries of: peta35 or peta105.")
    ] = "peta35",
    test_categories: Annotated[
        int, typer.Option(min=1, help="Categories held out by the paper and sal splits.")
    ] = 200,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Count images, persons, categories and queries of a split, and what leaks from training to test.

    Example: attrieve data describe peta --root PETA --split paper
    """
    report = describe(name, root, split=split, vocabulary=vocabulary, test_categories=test_categories)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _print_report(report, Console())


def describe(
    name: str, root: Path, *, split: str = "paper", vocabulary: str = "peta35", test_categories: int = 200
) -> dict[str, Any]:
    """Return the counts of a data set and one of its splits as plain JSON values.

    Raises:
        UnknownNameError: for another data set, split or vocabulary.
        DatasetError: if the data cannot be read or divided.
    """
    if name not in DATASET_NAMES:
        raise UnknownNameError("data set", name, DATASET_NAMES)
    schema = load_vocabulary(vocabulary)
    dataset = read_peta(root)
    divided = load_split(dataset, split, test_categories=test_categories)
    return {
        "dataset": name,
        "layout": dataset.layout,
        "vocabulary": {"name": schema.name, "attributes": len(schema), "fingerprint": schema.fingerprint},
        "images": len(dataset.persons),
        "persons": _person_count(dataset.persons),
        "partitions": len(dataset.partitions),
        "unknown_tokens": dataset.unknown_tokens,
        "categories": _category_counts(dataset.persons),
        "split": _split_counts(divided),
        "queries": _query_counts(divided, schema),
        "positives": _positives(dataset.persons, divided, schema),
        "leaks": leak_report(divided).to_json(),
    }


def _person_count(persons: PersonSet) -> int:
    return len({person.identity for person in persons.persons} - {None})


def _category_counts(persons: PersonSet) -> dict[str, int]:
    """Count distinct full vectors, and how many of them two or more images share."""
    sizes = np.bincount(category_labels(persons.values)[0])
    return {
        "distinct": len(sizes),
        "of_one_image": int((sizes == 1).sum()),
        "of_several_images": int((sizes > 1).sum()),
        "images_of_several": int(sizes[sizes > 1].sum()),
    }


def _split_counts(split: Split) -> dict[str, object]:
    sides = {"train": split.train, "test": split.test}
    return {"name": split.name} | {
        side: {
            "images": len(persons),
            "persons": _person_count(persons),
            "categories": len(category_labels(persons.values)[1]),
        }
        for side, persons in sides.items()
    }


def _query_counts(split: Split, schema: AttributeSchema) -> dict[str, int]:
    """Count distinct vectors of the vocabulary: each distinct one of the test side is a query."""
    columns = split.test.schema.positions_of(schema.names)
    labels, queries = category_labels(np.ascontiguousarray(split.test.values[:, columns]))
    _, seen = category_labels(np.ascontiguousarray(split.train.values[:, columns]))
    known = {row.tobytes() for row in seen}
    unseen = np.array([row.tobytes() not in known for row in queries], dtype=bool)
    return {
        "train_distinct": len(seen),
        "test_distinct": len(queries),
        "test_unseen": int(unseen.sum()),
        "test_images_of_unseen": int(unseen[labels].sum()),
    }


def _positives(persons: PersonSet, split: Split, schema: AttributeSchema) -> list[dict[str, object]]:
    columns = persons.schema.positions_of(schema.names)
    counts = [
        (side.values[:, columns] == 1).sum(axis=0).tolist() for side in (persons, split.train, split.test)
    ]
    return [
        {"attribute": name, "all": in_all, "train": in_train, "test": in_test}
        for name, in_all, in_train, in_test in zip(schema.names, *counts, strict=True)
    ]


def _print_report(report: dict[str, Any], console: Console) -> None:
    split, categories, queries = report["split"], report["categories"], report["queries"]
    console.print(
        f"{report['dataset']} ({report['layout']} layout): {report['images']:,} images of "
        f"{report['persons']:,} persons; {categories['distinct']:,} categories, "
        f"{categories['of_several_images']:,} of them of several images ({categories['images_of_several']:,})"
    )
    if report["unknown_tokens"]:
        told = ", ".join(f"{word} ({count})" for word, count in report["unknown_tokens"].items())
        console.print(f"words in Label.txt that are no attribute: {told}")
    console.print(_sides_table(split, queries))
    console.print(
        f"queries not seen in training: {queries['test_unseen']:,} of {queries['test_distinct']:,} "
        f"({queries['test_images_of_unseen']:,} of {split['test']['images']:,} test images)"
    )
    console.print(_leak_table(report["leaks"]))
    console.print(_positives_table(report))


def _sides_table(split: dict[str, Any], queries: dict[str, int]) -> Table:
    table = _table(f"split {split['name']}", "side", "images", "persons", "categories", "distinct queries")
    for side in ("train", "test"):
        counts = split[side]
        numbers = (counts["images"], counts["persons"], counts["categories"], queries[f"{side}_distinct"])
        table.add_row(side, *(f"{number:,}" for number in numbers))
    return table


def _leak_table(leaks: dict[str, Any]) -> Table:
    table = _table("on both sides", "what", "shared", "test images", "share")
    for what in ("images", "persons", "full_vectors", "short_vectors"):
        overlap = leaks[what]
        if overlap is not None:
            share = f"{overlap['test_share']:.1%}"
            table.add_row(
                what.replace("_", " "), f"{overlap['shared']:,}", f"{overlap['test_images']:,}", share
            )
    return table


def _positives_table(report: dict[str, Any]) -> Table:
    table = _table("images with the attribute", "attribute", "all", "train", "test")
    for row in report["positives"]:
        table.add_row(row["attribute"], *(f"{row[side]:,}" for side in ("all", "train", "test")))
    return table


def _table(title: str, first: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
