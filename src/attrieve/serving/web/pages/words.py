"""The vocabulary, and the page on responsible use."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from attrieve.errors import InputError, StorageError
from attrieve.schema.attributes import AttributeSchema
from attrieve.schema.body_regions import BodyRegion
from attrieve.schema.query import AttributeQuery, Term, parse_query
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.problems import ProblemError
from attrieve.serving.web.environment import render
from attrieve.serving.web.frame import Frame
from attrieve.serving.web.pages.answering import frame_of, in_thread, rendered, service_of
from attrieve.serving.web.strings import load_strings
from attrieve.serving.wire.vocabulary import VocabularyView
from attrieve.serving.words import vocabulary_view

router = APIRouter(include_in_schema=False)
Anybody = Annotated[Actor, Depends(requires(Permission.SEE_VOCABULARY))]


@dataclass(frozen=True)
class Word:
    """An attribute and how it is written in a description."""

    label: str
    text: str
    aliases: tuple[str, ...]
    colour: str | None


@dataclass(frozen=True)
class WordGroup:
    """A group of the vocabulary."""

    name: str
    kind: str
    attributes: tuple[Word, ...]


@dataclass(frozen=True)
class WordRegion:
    """The groups seen at one region of the body."""

    region: str
    groups: tuple[WordGroup, ...]


@dataclass(frozen=True)
class Written:
    """An example of the query language; ``key`` names its explanation in the strings."""

    text: str
    key: str


@dataclass(frozen=True)
class VocabularyPage:
    """What the page of the vocabulary shows."""

    vocabulary: VocabularyView
    attributes: int
    regions: tuple[WordRegion, ...]
    examples: tuple[Written, ...]


def vocabulary_page(schema: AttributeSchema) -> VocabularyPage:
    """Return the view of a vocabulary."""
    shown = vocabulary_view(schema)
    regions = []
    for region in BodyRegion:
        groups = tuple(
            WordGroup(
                group.name,
                group.kind,
                tuple(
                    Word(one.label, _written(schema, one.name), tuple(one.aliases), one.colour)
                    for one in group.attributes
                ),
            )
            for group in shown.groups
            if group.region == region
        )
        if groups:
            regions.append(WordRegion(region.value, groups))
    return VocabularyPage(shown, len(schema), tuple(regions), _examples(schema))


def _written(schema: AttributeSchema, name: str) -> str:
    return AttributeQuery(schema, (Term((schema.names.index(name),)),)).to_text()


def _examples(schema: AttributeSchema) -> tuple[Written, ...]:
    """Show each form of a term with words of this very vocabulary."""

    natural = ("backpack", "!hat", "jacket?", "jeans~0.8", "lower_type:jeans|trousers")
    last = len(schema) - 1
    several = next((group for group in schema.group_indices if len(group) > 1), (0,))
    plain = (
        Term((0,)),
        Term((min(1, last),), False),
        Term((min(2, last),), True, 0.5),
        Term((min(3, last),), True, 0.8),
        Term(tuple(several[:2])),
    )
    keys = ("wanted", "unwanted", "unsure", "certain", "one_of")
    return tuple(
        Written(_sayable(text, schema) or AttributeQuery(schema, (term,)).to_text(), key)
        for text, term, key in zip(natural, plain, keys, strict=True)
    )


def _sayable(text: str, schema: AttributeSchema) -> str:
    """Return a text if the vocabulary can say it, else nothing."""
    try:
        parse_query(text, schema)
    except InputError:
        return ""
    return text


@dataclass(frozen=True)
class TextPage:
    """A page of running text."""

    title: str
    html: Markup


_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_LINK_TO_A_FILE = re.compile(r'<a href="(?!https?:|#)[^"]*">(.*?)</a>')
"""Of the documentation, which the service does not show."""


@cache
def responsible_use() -> Markup:
    """Return the text on responsible use as HTML; raw HTML in it stays text.

    Raises:
        StorageError: if it did not come with the installation.
    """
    inside = resources.files("attrieve.serving.web") / "texts" / "responsible-use.md"
    beside = Path(__file__).parents[5] / "docs" / "responsible-use.md"
    for path in (inside, beside):
        if path.is_file():
            text = path.read_text("utf-8")
            break
    else:
        raise StorageError("the text on responsible use did not come with this installation; install it anew")
    return to_html(text)


def to_html(text: str) -> Markup:
    """Return Markdown as HTML; raw HTML in it stays text, and links to other files of the documentation too.

    >>> print(to_html("See [this](https://example.org) and [that](../README.md)."))
    <p>See <a href="https://example.org" rel="noreferrer">this</a> and that.</p>
    <BLANKLINE>
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for token in tokens:
        if "right" in str(token.attrs.pop("style", "")):  # the pages hold no style of their own
            token.attrs["class"] = "number"
        token.children = _without_file_links(token.children) if token.children else token.children
    made = reader.renderer.render(tokens, reader.options, {})
    title = Markup.escape(load_strings()("responsible_use.title"))
    around = f'<div class="scroll" tabindex="0" role="group" aria-label="{title}">'
    return Markup(made.replace("<table>", f"{around}<table>").replace("</table>", "</table></div>"))


def _without_file_links(tokens: list[Token]) -> list[Token]:
    kept: list[Token] = []
    open_links: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            outside = str(token.attrs.get("href", "")).startswith("https://")
            open_links.append(outside)
            token.attrs["rel"] = "noreferrer"
            if not outside:
                continue
        elif token.type == "link_close" and not open_links.pop():
            continue
        kept.append(token)
    return kept


def render_text(page: TextPage, frame: Frame) -> str:
    """Return a page of running text as HTML."""
    return render("text", page=page, frame=frame, csrf_field=frame.csrf)


def render_vocabulary(page: VocabularyPage, frame: Frame) -> str:
    """Return the page of the vocabulary as HTML."""
    return render("vocabulary", page=page, frame=frame, csrf_field=frame.csrf)


@router.get("/vocabulary")
async def vocabulary(request: Request, actor: Anybody) -> Response:
    """Show the words a description is made of."""
    page = vocabulary_page(service_of(request).galleries.current().schema)
    return await rendered(request, lambda: render_vocabulary(page, frame_of(request, actor, "vocabulary")))


@router.get("/responsible-use")
async def responsible_use_page(request: Request) -> Response:
    """Show what the service is for and what it must not be used for; to everybody, signed in or not."""
    actor = await in_thread(lambda: _visitor(request))
    page = TextPage(load_strings()("responsible_use.title"), responsible_use())
    return await rendered(request, lambda: render_text(page, frame_of(request, actor, "responsible_use")))


def _visitor(request: Request) -> Actor | None:
    try:
        visitor = service_of(request).entrance.admit(request)
    except ProblemError:
        return None
    return visitor.actor
