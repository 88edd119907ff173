"""``attrieve search``: a description into ranked hits."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from attrieve.cli.failure import exits_on_error
from attrieve.cli.printable import printable
from attrieve.data.files import write_atomically
from attrieve.errors import QueryError
from attrieve.gallery.asked import Asked, asked_columns
from attrieve.gallery.contact_sheet import contact_sheet
from attrieve.gallery.search import search as search_gallery
from attrieve.gallery.store import Gallery
from attrieve.schema import AttributeQuery, AttributeReason, AttributeSchema, Hit, Ranking
from attrieve.schema.sentence import Part, Statement, read_statement
from attrieve.scoring.fusion import Fusion, Normalisation

MOST_COLUMNS = 6
"""Things asked up to which each has a column of its own."""


@exits_on_error
def search(
    gallery: Annotated[Path, typer.Argument(help="Gallery folder.", show_default=False)],
    query: Annotated[
        str,
        typer.Argument(
            help="Description: 'backpack, !hat, jacket?, age:<30|<45', or a plain sentence; a JSON table, or "
            "@FILE.json.",
            show_default=False,
        ),
    ],
    top: Annotated[int, typer.Option(min=1, help="How many hits.")] = 20,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Only rows that meet this: camera=C1,C2, 'time>=2024-05-01', 'blur>50', any column of the "
            "gallery; several must all hold.",
            show_default="(all rows)",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain/--no-explain", help="Say what was seen of each thing asked.")
    ] = True,
    sheet: Annotated[
        Path | None, typer.Option(help="Write the hits as one picture, a .png file.", show_default=False)
    ] = None,
    fusion_weight: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Weight of the attribute distance; the embedding's stays.",
            show_default="the gallery's",
        ),
    ] = None,
    normalisation: Annotated[
        Normalisation | None,
        typer.Option(
            help="What distances are divided by before they are joined.", show_default="the gallery's"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Rank the images of a gallery by a description, nearest first.

    backpack is wanted, !hat unwanted, jacket? unsure, jeans~0.8 so sure; age:<30|<45 is one of a group.
    What is not named stays open. A sentence such as "a young man, probably in jeans, no hat" does as well:
    how each of its words was taken is told.

    Example: attrieve search gallery "male, backpack, jeans, !hat, jacket?" --where camera=C1 --sheet hits.png
    """
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise typer.BadParameter(f"{sheet} must end in .png", param_hint="--sheet")
    opened = Gallery.open(gallery)
    statement = read_description(query, opened.schema)
    asked = statement.query
    fusion = _fusion(opened.fusion, fusion_weight, normalisation)
    ranking = search_gallery(
        opened,
        asked,
        top=top,
        fusion=fusion,
        where=opened.store.parse(where) if where else None,
        explain=explain or sheet is not None,
    )
    if sheet is not None:
        _write_sheet(sheet, ranking, asked)
    if as_json:
        document = _document(opened, statement, fusion, where, ranking, explain=explain)
        typer.echo(json.dumps(document, indent=2))
    elif not ranking.hits:
        Console(highlight=False).print(f"none of {len(opened):,} rows meets the filter", markup=False)
    else:
        console = Console(highlight=False)
        if statement.pieces:
            console.print(understood(statement))
        console.print(ranking_table(ranking, asked, explain=explain))


def read_description(text: str, schema: AttributeSchema) -> Statement:
    """Read a description: a sentence, the small language, a JSON table, or ``@FILE`` holding JSON.

    Raises:
        QueryError: if it cannot be read.
        UnknownNameError: for an unknown attribute, with the nearest names.
    """
    source = text.strip()
    if not source.startswith(("@", "{")):
        return read_statement(text, schema)
    where = "the description"
    if source.startswith("@"):
        where = source[1:]
        try:
            source = Path(where).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise QueryError(f"cannot read a description from {where}: {error}") from error
    try:
        document = json.loads(source)
        if isinstance(document, str):
            return read_statement(document, schema)
        return Statement(AttributeQuery.from_json(schema, document))
    except json.JSONDecodeError as error:
        raise QueryError(
            f'{where} is not JSON ({error}); write a table such as {{"hat": true, "jeans": 0.5}}'
        ) from error


def understood(statement: Statement) -> Text:
    """Show a sentence with what each word was taken for; ignored words are struck out."""
    told = Text("understood: ", style="dim")
    for piece in statement.pieces:
        if piece.part is Part.ATTRIBUTE:
            told.append(piece.text, style="bold")
            told.append(f" [{piece.meaning}] ", style="cyan")
        elif piece.part is Part.IGNORED:
            told.append(piece.text, style="strike")
            told.append(" [ignored] ", style="yellow")
        else:
            told.append(f"{piece.text} ")
    return told


def ranking_table(ranking: Ranking, query: AttributeQuery, *, explain: bool) -> Table:
    """Lay a ranking out for people: rank, distance, image, and what was seen of each thing asked."""
    folder = _common_folder([hit.source for hit in ranking.hits])
    table = Table(title=Text(query.to_text()), title_justify="left", caption_justify="left")
    if folder:
        table.caption = Text(f"images in {printable(folder)}")
    table.add_column("rank", justify="right")
    table.add_column("distance", justify="right")
    table.add_column("image", overflow="fold")
    asked = asked_columns(query) if explain and ranking.hits and ranking.hits[0].reasons else ()
    if len(asked) > MOST_COLUMNS:
        table.add_column("met", justify="right")
        table.add_column("what costs most")
    else:
        for column in asked:
            table.add_column(Text(_heading(column, query.schema)))
    for hit in ranking.hits:
        cells = _cells(hit.reasons, asked, query.schema)
        table.add_row(
            str(hit.rank), f"{hit.distance:.4f}", Text(printable(hit.source.removeprefix(folder))), *cells
        )
    return table


def _common_folder(sources: list[str]) -> str:
    """Return the folder or archive all sources lie in, with its last separator, so names stay short."""
    shared = os.path.commonprefix(sources)  # noqa: RUF071 - by character, for the "!" of archive members
    return shared[: max(shared.rfind("/"), shared.rfind(os.sep), shared.rfind("!")) + 1]


def _heading(asked: Asked, schema: AttributeSchema) -> str:
    names = "|".join(schema.labels[position] for position in asked.attributes)
    return names if asked.wanted else f"not {names}"


def _cells(
    reasons: tuple[AttributeReason, ...], asked: tuple[Asked, ...], schema: AttributeSchema
) -> list[Text]:
    if len(asked) <= MOST_COLUMNS:
        return [
            _mark(reason, schema, named=len(column.attributes) > 1)
            for reason, column in zip(reasons, asked, strict=bool(asked))
        ]
    met = sum(reason.matches for reason in reasons)
    costly = sorted((r for r in reasons if not r.matches), key=lambda reason: -reason.share)[:3]
    told = Text(", ").join(_mark(reason, schema, named=True) for reason in costly)
    return [Text(f"{met}/{len(reasons)}"), told]


def _mark(reason: AttributeReason, schema: AttributeSchema, *, named: bool) -> Text:
    sign, style = ("✓", "green") if reason.matches else ("✗", "red")
    label = schema.labels[schema.names.index(reason.attribute)] if named else ""
    probability = reason.probability if reason.wanted else 1 - reason.probability  # of what was asked
    words = [sign, label if reason.wanted or not named else f"not {label}", f"{probability:.2f}"]
    return Text(" ".join(word for word in words if word), style=style)


def _fusion(default: Fusion, weight: float | None, normalisation: Normalisation | None) -> Fusion:
    chosen = default if weight is None else replace(default, attribute_weight=weight)
    return chosen if normalisation is None else replace(chosen, normalisation=normalisation)


def _document(
    gallery: Gallery,
    statement: Statement,
    fusion: Fusion,
    where: Sequence[str] | None,
    ranking: Ranking,
    *,
    explain: bool,
) -> dict[str, Any]:
    return {
        "gallery": str(gallery.folder),
        "rows": len(gallery),
        "run": {"name": gallery.model.name, "fingerprint": gallery.model.fingerprint},
        "query": {
            "text": statement.query.to_text(),
            "terms": statement.query.to_json(),
            "understood": [asdict(piece) for piece in statement.pieces],
        },
        "where": list(where or ()),
        "fusion": asdict(fusion),
        "hits": [_hit_to_json(hit, explain=explain) for hit in ranking.hits],
    }


def _hit_to_json(hit: Hit, *, explain: bool) -> dict[str, Any]:
    document = asdict(hit)
    if not explain:
        del document["reasons"]
    return document


def _write_sheet(path: Path, ranking: Ranking, query: AttributeQuery) -> None:
    buffer = BytesIO()
    contact_sheet(ranking, query.to_text(), schema=query.schema).save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
