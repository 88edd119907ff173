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
from attrieve.data.files import write_atomically
from attrieve.errors import QueryError
from attrieve.gallery.asked import Asked, asked_columns
from attrieve.gallery.contact_sheet import contact_sheet
from attrieve.gallery.search import search as search_gallery
from attrieve.gallery.store import Gallery
from attrieve.schema import AttributeQuery, AttributeReason, AttributeSchema, Hit, Ranking
from attrieve.scoring.fusion import Fusion, Normalisation

MOST_COLUMNS = 6
"""Things asked up to which each has a column of its own."""


@exits_on_error
def search(
    gallery: Annotated[Path, typer.Argument(help="Gallery folder.", show_default=False)],
    query: Annotated[
        str,
        typer.Argument(
            help="Description, e.g. 'backpack, !hat, jacket?, age:<30|<45'; a JSON table, or @FILE.json.",
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
    What is not named stays open.

    Example: attrieve search gallery "male, backpack, jeans, !hat, jacket?" --where camera=C1 --sheet hits.png
    """
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise typer.BadParameter(f"{sheet} must end in .png", param_hint="--sheet")
    opened = Gallery.open(gallery)
    asked = read_query(query, opened.schema)
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
        typer.echo(json.dumps(_document(opened, asked, fusion, where, ranking, explain=explain), indent=2))
    elif not ranking.hits:
        Console(highlight=False).print(f"none of {len(opened):,} rows meets the filter", markup=False)
    else:
        Console(highlight=False).print(ranking_table(ranking, asked, explain=explain))


def read_query(text: str, schema: AttributeSchema) -> AttributeQuery:
    """Read a description in the small language, as a JSON table, or as ``@FILE`` holding JSON.

    Raises:
        QueryError: if it cannot be read.
        UnknownNameError: for an unknown attribute, with the nearest names.
    """
    source = text.strip()
    if not source.startswith(("@", "{")):
        return AttributeQuery.from_json(schema, source)
    where = "the description"
    if source.startswith("@"):
        where = source[1:]
        try:
            source = Path(where).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise QueryError(f"cannot read a description from {where}: {error}") from error
    try:
        return AttributeQuery.from_json(schema, json.loads(source))
    except json.JSONDecodeError as error:
        raise QueryError(
            f'{where} is not JSON ({error}); write a table such as {{"hat": true, "jeans": 0.5}}'
        ) from error


def ranking_table(ranking: Ranking, query: AttributeQuery, *, explain: bool) -> Table:
    """Lay a ranking out for people: rank, distance, image, and what was seen of each thing asked."""
    folder = _common_folder([hit.source for hit in ranking.hits])
    table = Table(title=Text(query.to_text()), title_justify="left", caption_justify="left")
    if folder:
        table.caption = Text(f"images in {_printable(folder)}")
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
            str(hit.rank), f"{hit.distance:.4f}", Text(_printable(hit.source.removeprefix(folder))), *cells
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


def _printable(text: str) -> str:
    """Show line breaks and other characters no terminal shows as they would be written in code."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _fusion(default: Fusion, weight: float | None, normalisation: Normalisation | None) -> Fusion:
    chosen = default if weight is None else replace(default, attribute_weight=weight)
    return chosen if normalisation is None else replace(chosen, normalisation=normalisation)


def _document(
    gallery: Gallery,
    query: AttributeQuery,
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
        "query": {"text": query.to_text(), "terms": query.to_json()},
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
