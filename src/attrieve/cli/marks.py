"""``attrieve marks``: what became of hits that were marked right or wrong."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, print_json
from attrieve.data.label_table import ENDINGS, write_label_table
from attrieve.errors import InputError
from attrieve.gallery.feedback.labels import judgements, marked_labels, write_judgements
from attrieve.gallery.feedback.marks import Mark
from attrieve.gallery.feedback.marks_file import read_marks
from attrieve.gallery.store import Gallery

app = typer.Typer(help="Hits marked right or wrong, as labels to learn from.", no_args_is_help=True)


class Form(StrEnum):
    """How marks are written."""

    LABELS = "labels"
    """One line an image, one column an attribute: to train on."""
    JUDGEMENTS = "judgements"
    """One line for each mark and thing asked: to count and to check."""


@app.callback()
def _marks() -> None:
    """Hits marked right or wrong, as labels to learn from."""


@app.command("export")
@exits_on_error
def export(
    files: Annotated[
        list[Path],
        typer.Argument(help="Files of marks, as `attrieve search --marks` keeps them.", show_default=False),
    ],
    gallery: Annotated[Path, typer.Option(help="Gallery that holds the marked rows.", show_default=False)],
    to: Annotated[Path, typer.Option(help="File to write: .csv or .parquet.", show_default=False)],
    form: Annotated[
        Form,
        typer.Option(
            help="labels: a line an image, a column an attribute, what no mark tells of left unknown; "
            "judgements: a line for each mark and thing asked."
        ),
    ] = Form.LABELS,
    least_certainty: Annotated[
        float, typer.Option(help="What was asked less certainly is no label; above 0, at most 1.")
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Write marks as training labels.

    A row marked right shows what was described: each attribute asked for certain is a label. A row marked
    wrong is a label only where one single attribute was asked, since nobody said what it lacks. What marks
    disagree on stays unknown.

    Example: attrieve marks export case.json --gallery gallery --to labels.csv
    """
    if to.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(f"{to} must end in {' or '.join(ENDINGS)}", param_hint="--to")
    opened = Gallery.open(gallery)
    marks: list[Mark] = [mark for file in files for mark in read_marks(file, opened.schema).marks]
    found = marked_labels(opened, marks, least_certainty=least_certainty)
    if form is Form.JUDGEMENTS:
        rows = judgements(opened, marks)
        write_judgements(to, rows, opened)
        told = f"{len(rows):,} judgements in {to}"
    else:
        if not len(found.persons):
            raise InputError(
                f"none of {len(marks):,} marks tells the value of an attribute for certain; nothing to write"
            )
        write_label_table(to, found.persons)
        labels = int((found.persons.values >= 0).sum())
        told = f"{labels:,} labels of {len(found.persons):,} images in {to}"
    left_out = {
        "values marks disagree on": found.conflicts,
        "marks of rows that are not in the gallery": found.gone,
        "marks without a description": found.undescribed,
        "images that are frames of videos": found.in_videos,
    }
    if as_json:
        print_json(
            {
                "file": str(to),
                "form": form.value,
                "marks": len(marks),
                "images": len(found.persons),
                "labels": int((found.persons.values >= 0).sum()) if len(found.persons) else 0,
                "conflicts": found.conflicts,
                "not_in_gallery": found.gone,
                "without_description": found.undescribed,
                "in_videos": found.in_videos,
            }
        )
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(told, markup=False)
    for what, count in left_out.items():
        if count:
            console.print(f"left out: {count:,} {what}", markup=False)
