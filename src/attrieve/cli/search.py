"""``attrieve search``: a description into ranked hits."""

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.cli.search_tables import (
    influence_table,
    question_table,
    ranking_table,
    understood,
    witness_table,
)
from attrieve.data.files import write_atomically
from attrieve.errors import QueryError
from attrieve.gallery.contact_sheet import contact_sheet
from attrieve.gallery.counterfactual import ranks_without_terms
from attrieve.gallery.distributed.search import ShardedGallery, open_sharded
from attrieve.gallery.next_question import Question, next_questions
from attrieve.gallery.search import search as search_gallery
from attrieve.gallery.store import Gallery
from attrieve.gallery.witness_search import WitnessRanking, search_for_witnesses
from attrieve.schema import AttributeQuery, AttributeSchema, Hit, Ranking
from attrieve.schema.sentence import Statement, read_statement
from attrieve.schema.witnesses import Witness, read_witness
from attrieve.scoring.fusion import Fusion, Normalisation


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
    if ray is not None and (query is None or what_if or ask):
        raise typer.BadParameter(
            "answers a description; --witness, --what-if and --ask need the gallery on this machine",
            param_hint="--ray",
        )
    reasons = explain or sheet is not None
    witnesses: list[Witness] = []
    found: WitnessRanking | None = None
    without: dict[str, tuple[int | None, ...]] = {}
    questions: Sequence[Question] = ()
    opened: Gallery | ShardedGallery
    if ray is not None and query is not None:
        with redirect_stdout(sys.stderr), open_sharded(gallery, address=ray) as opened:  # Ray tells of deaths
            fusion = _fusion(opened.fusion, fusion_weight, normalisation)
            statement = read_description(query, opened.schema)
            condition = opened.store.parse(where) if where else None
            ranking = opened.search(statement.query, top=top, fusion=fusion, where=condition, explain=reasons)
    else:
        opened = Gallery.open(gallery)
        fusion = _fusion(opened.fusion, fusion_weight, normalisation)
        condition = opened.store.parse(where) if where else None
        witnesses = [read_witness(text, opened.schema) for text in witness or ()]
        if query is not None:
            statement = read_description(query, opened.schema)
            ranking = search_gallery(
                opened, statement.query, top=top, fusion=fusion, where=condition, explain=reasons
            )
        else:
            found = search_for_witnesses(
                opened, witnesses, top=top, fusion=fusion, where=condition, explain=reasons
            )
            statement, ranking = Statement(found.pooled.query), found.ranking
        if what_if:
            told = ranks_without_terms(opened, statement.query, ranking, fusion=fusion, where=condition)
            without = {AttributeQuery(opened.schema, (one.term,)).to_text(): one.ranks for one in told}
        questions = next_questions(opened, statement.query, ranking) if ask else ()
    if sheet is not None:
        _write_sheet(sheet, ranking, statement.query)
    if as_json:
        document = _document(opened, statement, fusion, where, ranking, explain=explain)
        if what_if:
            document["ranks_without"] = {term: list(ranks) for term, ranks in without.items()}
        if ask:
            document["questions"] = [asdict(question) for question in questions]
        if found is not None:
            document["witnesses"] = _witnesses_to_json(found, witnesses)
        typer.echo(json.dumps(document, indent=2))
    elif not ranking.hits:
        Console(highlight=False).print(f"none of {len(opened):,} rows meets the filter", markup=False)
    else:
        _print(statement, ranking, found, witnesses, explain=explain)
        if without:
            Console(highlight=False).print(influence_table(ranking, without))
        if questions:
            Console(highlight=False).print(question_table(questions))


def _print(
    statement: Statement,
    ranking: Ranking,
    found: WitnessRanking | None,
    witnesses: list[Witness],
    *,
    explain: bool,
) -> None:
    console = Console(highlight=False)
    if statement.pieces:
        console.print(understood(statement))
    if found is not None:
        console.print(witness_table(found, witnesses))
    console.print(ranking_table(ranking, statement.query, explain=explain))
    if found is not None and found.without:
        console.print(influence_table(ranking, found.without))


def _witnesses_to_json(found: WitnessRanking, witnesses: list[Witness]) -> dict[str, Any]:
    return {
        "said": [{"name": one.name, "weight": one.weight, "query": one.query.to_text()} for one in witnesses],
        "comparisons": [asdict(row) for row in found.pooled.comparisons],
        "ranks_without": {name: list(ranks) for name, ranks in found.without.items()},
    }


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


def _fusion(default: Fusion, weight: float | None, normalisation: Normalisation | None) -> Fusion:
    chosen = default if weight is None else replace(default, attribute_weight=weight)
    return chosen if normalisation is None else replace(chosen, normalisation=normalisation)


def _document(
    gallery: Gallery | ShardedGallery,
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
