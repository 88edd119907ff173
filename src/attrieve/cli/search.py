"""``attrieve search``: a description into ranked hits."""

import json
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.cli.search_answer import Request, answer
from attrieve.cli.search_heat_maps import write_heat_maps
from attrieve.cli.search_marks import MarkOptions
from attrieve.cli.search_tables import ranking_table
from attrieve.data.files import write_atomically
from attrieve.gallery.contact_sheet import contact_sheet
from attrieve.gallery.likelihood import Distance
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
    like: Annotated[
        str | None,
        typer.Option(
            help="Key of a row, in the place of QUERY: search by a description of what is recognised in it, "
            "and by nothing of its appearance.",
            show_default=False,
        ),
    ] = None,
    right: Annotated[
        list[str] | None,
        typer.Option(help="Key of a hit that is right; may be given several times.", show_default=False),
    ] = None,
    wrong: Annotated[
        list[str] | None,
        typer.Option(help="Key of a hit that is wrong; may be given several times.", show_default=False),
    ] = None,
    unmark: Annotated[
        list[str] | None,
        typer.Option(help="Key of a row whose mark --marks holds is taken back.", show_default=False),
    ] = None,
    marks: Annotated[
        Path | None,
        typer.Option(
            help="File of marks, .json: those in it count, and --right, --wrong and --unmark change it.",
            show_default=False,
        ),
    ] = None,
    marked_by: Annotated[
        str | None, typer.Option(help="Who marks, for the file.", show_default="the user's name")
    ] = None,
    keys: Annotated[bool, typer.Option("--keys", help="Show the keys of the hits.")] = False,
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
    heat_maps: Annotated[
        Path | None,
        typer.Option(
            help="Write where in each hit the things asked were found, as one .png file; needs --run.",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            help="The run that filled the gallery, for --heat-maps: only its query side is in the gallery.",
            show_default=False,
        ),
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
    distance: Annotated[
        Distance | None,
        typer.Option(
            help="How rows are compared: the paper's distance, or the likelihood of the description with "
            "attributes taken independently, one choice for each exclusive group, or (ranked) that with "
            "answers weighted by what calibration learnt.",
            show_default="paper",
        ),
    ] = None,
    nats: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="With a likelihood: how much one unit of the embedding's distance counts, in nats.",
            show_default="the gallery's",
        ),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(
            help="Only so many hits that at least this share of them is expected to match, in (0, 1]; the "
            "gallery must be calibrated.",
            show_default=False,
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
    for picture, option in ((sheet, "--sheet"), (heat_maps, "--heat-maps")):
        if picture is not None and picture.suffix.lower() != ".png":
            raise typer.BadParameter(f"{picture} must end in .png", param_hint=option)
    if (heat_maps is None) != (run is None):
        raise typer.BadParameter(
            "--heat-maps FILE.png and --run RUN belong together: the images are looked at again by the model "
            "that found them",
            param_hint="--run" if run is None else "--heat-maps",
        )
    if sum((query is not None, bool(witness), like is not None)) != 1:
        raise typer.BadParameter("give one of a description, --witness and --like", param_hint="QUERY")
    judged = MarkOptions(tuple(right or ()), tuple(wrong or ()), tuple(unmark or ()), marks, marked_by)
    judged.check()
    if ray is not None and approximate:
        raise typer.BadParameter(
            "answers exactly; --approximate needs the gallery on this machine", param_hint="--ray"
        )
    if approximate and query is None:
        raise typer.BadParameter("witnesses and --like are searched for exactly", param_hint="--approximate")
    by_likelihood = distance is not None and distance.is_likelihood
    if by_likelihood and (fusion_weight is not None or normalisation is not None):
        raise typer.BadParameter(
            "weights and normalisation belong to the distance 'paper'; a likelihood takes --nats",
            param_hint="--distance",
        )
    if precision is not None and not 0 < precision <= 1:
        raise typer.BadParameter("is above 0 and at most 1", param_hint="--precision")
    found = answer(
        Request(
            gallery,
            query,
            witnesses=tuple(witness or ()),
            like=like,
            marks=judged,
            top=top,
            where=tuple(where or ()),
            fusion_weight=fusion_weight,
            normalisation=normalisation,
            distance=distance,
            nats=nats,
            precision=precision,
            explain=explain or sheet is not None or heat_maps is not None,
            what_if=what_if,
            ask=ask,
            approximate=approximate,
            ray=ray,
        )
    )
    ranking, asked = found.ranking, found.statement.query
    if sheet is not None:
        _write_sheet(sheet, ranking, asked)
    if heat_maps is not None and run is not None:
        write_heat_maps(heat_maps, run, found)
    if as_json:
        typer.echo(json.dumps(found.to_json(explain=explain), indent=2))
        return
    console = Console(highlight=False)
    if not ranking.hits and precision is not None:
        for part in (
            *found.before,
            f"no list of hits is expected to be right by {precision:.0%}",
            *found.after,
        ):
            console.print(part)
        return
    if not ranking.hits:
        console.print(f"none of {found.facts['rows']:,} rows meets the filter", markup=False)
        return
    if keys:
        found.more.setdefault("key", [hit.key for hit in ranking.hits])
    table = ranking_table(ranking, asked, explain=explain, more=found.more)
    for part in (*found.before, table, *found.after):
        console.print(part)


def _write_sheet(path: Path, ranking: Ranking, query: AttributeQuery) -> None:
    buffer = BytesIO()
    contact_sheet(ranking, query.to_text(), schema=query.schema).save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
