"""How a ranking, and how a description was understood, are laid out for people."""

import os
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from attrieve.cli.printable import printable
from attrieve.gallery.asked import Asked, asked_columns
from attrieve.gallery.counterfactual import LOOKED_AT
from attrieve.gallery.next_question import Question
from attrieve.gallery.witness_search import WitnessRanking
from attrieve.schema import AttributeQuery, AttributeReason, AttributeSchema, Ranking
from attrieve.schema.sentence import Part, Statement
from attrieve.schema.witnesses import Verdict, Witness

MOST_COLUMNS = 6
"""Things asked up to which each has a column of its own."""


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


def ranking_table(
    ranking: Ranking,
    query: AttributeQuery,
    *,
    explain: bool,
    more: Mapping[str, Sequence[str]] | None = None,
) -> Table:
    """Lay a ranking out for people: rank, distance, image, and what was seen of each thing asked.

    Args:
        ranking: what was found.
        query: what was asked.
        explain: whether to say what was seen.
        more: further columns by heading, one cell for each hit.
    """
    folder = _common_folder([hit.source for hit in ranking.hits])
    table = Table(title=Text(query.to_text()), title_justify="left", caption_justify="left")
    if folder:
        table.caption = Text(f"images in {printable(folder)}")
    table.add_column("rank", justify="right")
    table.add_column("distance", justify="right")
    table.add_column("image", overflow="fold")
    more = more or {}
    for heading in more:
        table.add_column(heading, justify="right")
    asked = asked_columns(query) if explain and ranking.hits and ranking.hits[0].reasons else ()
    by_embedding = explain and any(hit.embedding_contribution is not None for hit in ranking.hits)
    if len(asked) > MOST_COLUMNS:
        table.add_column("met", justify="right")
        table.add_column("what costs most")
    else:
        for column in asked:
            table.add_column(Text(_heading(column, query.schema)))
    if by_embedding:
        table.add_column("embedding", justify="right")
    if explain and ranking.hits:
        told = "after + is what each adds to the distance"
        table.caption = Text(f"{table.caption}; {told}" if table.caption else told)
    for place, hit in enumerate(ranking.hits):
        cells = [Text(column[place]) for column in more.values()]
        cells += _cells(hit.reasons, asked, query.schema)
        if by_embedding:
            cells.append(Text(_added(hit.embedding_contribution)))
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
    asked = label if reason.wanted or not named else f"not {label}"
    words = [sign, asked, f"{probability:.2f}", _added(reason.contribution)]
    return Text(" ".join(word for word in words if word), style=style)


def _added(contribution: float | None) -> str:
    return "" if contribution is None else f"+{contribution:.3f}"


_MARKS = {Verdict.AGREE: ("agree", "green"), Verdict.CONFLICT: ("conflict", "red"), Verdict.ONE: ("", "")}


def witness_table(found: WitnessRanking, witnesses: Sequence[Witness]) -> Table:
    """Lay out what each witness said, where they agree and conflict, and what is asked in the end."""
    table = Table(title="what the witnesses say", title_justify="left")
    table.add_column("")
    for witness in witnesses:
        weight = "" if witness.weight == 1 else f" ~{witness.weight:g}"
        table.add_column(Text(f"{witness.name}{weight}"), justify="right")
    table.add_column("together", justify="right")
    table.add_column("")
    for row in found.pooled.comparisons:
        told, style = _MARKS[row.verdict]
        said = [_signed(value) for value in row.said]
        table.add_row(Text(row.label), *said, _signed(row.pooled), Text(told, style=style))
    return table


def _signed(value: float | None) -> Text:
    if value is None:
        return Text("")
    return Text(f"{'yes' if value > 0 else 'no'} {abs(value):.2f}", style="green" if value > 0 else "red")


def influence_table(ranking: Ranking, without: Mapping[str, Sequence[int | None]]) -> Table:
    """Lay out where each hit would stand without each of the witnesses, or of the things asked."""
    table = Table(title="rank without", title_justify="left")
    table.add_column("rank", justify="right")
    for name in without:
        table.add_column(Text(name), justify="right")
    beyond = f">{LOOKED_AT * len(ranking):,}"
    for place, hit in enumerate(ranking.hits):
        cells = []
        for ranks in without.values():
            rank = ranks[place] if ranks else None
            cells.append("-" if not ranks else beyond if rank is None else f"{rank:,}")
        table.add_row(str(hit.rank), *cells)
    return table


def what_if_table(ranking: Ranking, lines: Sequence[str]) -> Table:
    """Lay out for each hit where it would stand if one thing asked were left out."""
    table = Table(title="what if", title_justify="left")
    table.add_column("rank", justify="right")
    table.add_column("one thing less asked")
    for hit, line in zip(ranking.hits, lines, strict=True):
        table.add_row(str(hit.rank), Text(line))
    return table


def question_table(questions: Sequence[Question]) -> Table:
    """Lay out which open attributes to ask the witness about, the most telling first."""
    table = Table(title="ask next", title_justify="left")
    table.add_column("attribute")
    table.add_column("bits", justify="right")
    table.add_column("of these hits", justify="right")
    for question in questions:
        table.add_row(Text(question.label), f"{question.bits:.2f}", f"{100 * question.share:.0f} %")
    return table
