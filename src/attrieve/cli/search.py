"""``attrieve search``: a description into ranked hits."""

import json
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.cli.search_answer import Request, answer
from attrieve.cli.search_tables import ranking_table
from attrieve.data.files import write_atomically
from attrieve.gallery.contact_sheet import contact_sheet
from attrieve.schema import AttributeQuery, Ranking
from attrieve.scoring.fusion import Normalisation


@exits_on_error
def search(
    gallery: Annotated[Path, typer.Argument(help="Gallery folder.", show_default=False)],
    query: Annotated[
        str | None,
        typer.Argument(
            help="Description: 'backpack, !hat, jacket?, age:<30|<45', or a plain sentence; a JSON table, or "
            "@FILE.json.",
            show_default=False,
        ),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(
            help="What a witness says, 'NAME: description' or, if it counts for less, 'NAME~0.6: "
            "description'; several are pooled, in the place of QUERY.",
            show_default=False,
        ),
    ] = None,
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
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Say where each hit would stand without each thing asked.")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Say which open attributes would tell the hits apart best.")
    ] = False,
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
    approximate: Annotated[
        bool,
        typer.Option(
            "--approximate",
            help="Use the index that `attrieve gallery build-index` made; its recall is told.",
        ),
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Search on the Ray cluster at this HOST:PORT ('auto': the one this machine belongs to), the "
            "rows divided over its machines.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Rank the images of a gallery by a description, nearest first.

    backpack is wanted, !hat unwanted, jacket? unsure, jeans~0.8 so sure; age:<30|<45 is one of a group.
    What is not named stays open. A sentence such as "a young man, probably in jeans, no hat" does as well:
    how each of its words was taken is told. Several witnesses are pooled: --witness "A: male, hat?" --witness
    "B~0.6: male, no hat".

    Example: attrieve search gallery "male, backpack, jeans, !hat, jacket?" --where camera=C1 --sheet hits.png
    """
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise typer.BadParameter(f"{sheet} must end in .png", param_hint="--sheet")
    if (query is None) == (not witness):
        raise typer.BadParameter("give a description or --witness, not both", param_hint="QUERY")
    if ray is not None and (query is None or what_if or ask or approximate):
        raise typer.BadParameter(
            "answers a description exactly; --witness, --what-if, --ask and --approximate need the gallery "
            "on this machine",
            param_hint="--ray",
        )
    if approximate and query is None:
        raise typer.BadParameter("witnesses are searched for exactly", param_hint="--approximate")
    found = answer(
        Request(
            gallery,
            query,
            witnesses=tuple(witness or ()),
            top=top,
            where=tuple(where or ()),
            fusion_weight=fusion_weight,
            normalisation=normalisation,
            explain=explain or sheet is not None,
            what_if=what_if,
            ask=ask,
            approximate=approximate,
            ray=ray,
        )
    )
    ranking, asked = found.ranking, found.statement.query
    if sheet is not None:
        _write_sheet(sheet, ranking, asked)
    if as_json:
        typer.echo(json.dumps(found.to_json(explain=explain), indent=2))
        return
    console = Console(highlight=False)
    if not ranking.hits:
        console.print(f"none of {found.facts['rows']:,} rows meets the filter", markup=False)
        return
    for part in (*found.before, ranking_table(ranking, asked, explain=explain), *found.after):
        console.print(part)


def _write_sheet(path: Path, ranking: Ranking, query: AttributeQuery) -> None:
    buffer = BytesIO()
    contact_sheet(ranking, query.to_text(), schema=query.schema).save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
