"""The search page: its view, from a form and an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from attrieve.schema.answered import answered_by
from attrieve.schema.attributes import AttributeSchema
from attrieve.schema.query import AttributeQuery, Term
from attrieve.serving.web.builder import RegionControls, build
from attrieve.serving.web.environment import render
from attrieve.serving.web.frame import Frame
from attrieve.serving.web.reading import Problem, Reading, read
from attrieve.serving.web.search_form import SearchForm, with_text
from attrieve.serving.web.strings import load_strings
from attrieve.serving.wire.gallery import CountView
from attrieve.serving.wire.hits import HitView
from attrieve.serving.wire.search import QuestionView, SearchAnswer

MOST_CAMERAS = 40
"""Cameras that are offered as boxes to tick; others can be named as a condition."""
MOST_QUESTIONS = 3
"""Questions that are shown."""
_FEW_ATTRIBUTES = 12


@dataclass(frozen=True)
class Failure:
    """Why there is no answer, in words for people."""

    title: str
    detail: str


@dataclass(frozen=True)
class OpenQuestion:
    """What could be asked next, and where each answer leads."""

    label: str
    bits: float
    yes: str
    no: str


@dataclass(frozen=True)
class Example:
    """A description to begin with."""

    text: str
    address: str
    key: str


@dataclass(frozen=True)
class SearchPage:
    """All the search page shows.

    Args:
        form: what is asked.
        regions: the builder.
        fingerprint: of the vocabulary the builder was drawn from.
        reading: how the description is understood, or None.
        problem: what is wrong with it, or None.
        answer: what was found, or None if nothing was searched for.
        failure: why there is no answer although something was asked, or None.
        cameras: to choose from.
        rows: of the gallery.
        questions: what to ask next.
        examples: descriptions to begin with.
        may_mark: whether hits can be marked.
        may_keep: whether hits can be put into a case.
        needs_occasion: whether purpose and case must be told before.
    """

    form: SearchForm
    regions: tuple[RegionControls, ...]
    fingerprint: str
    reading: Reading | None = None
    problem: Problem | None = None
    answer: SearchAnswer | None = None
    failure: Failure | None = None
    cameras: tuple[CountView, ...] = ()
    rows: int = 0
    questions: tuple[OpenQuestion, ...] = ()
    examples: tuple[Example, ...] = ()
    may_mark: bool = False
    may_keep: bool = False
    may_compare: bool = True
    needs_occasion: bool = False

    @property
    def all_open(self) -> bool:
        """Whether the builder is short enough to show all of it."""
        return sum(len(group.controls) for part in self.regions for group in part.groups) <= _FEW_ATTRIBUTES

    @property
    def first(self) -> int:
        """Rank of the first hit on the page; 0 without hits."""
        return self.answer.hits[0].rank if self.answer and self.answer.hits else 0

    @property
    def last(self) -> int:
        """Rank of the last hit on the page; 0 without hits."""
        return self.answer.hits[-1].rank if self.answer and self.answer.hits else 0

    @property
    def keep_address(self) -> str:
        """Where the hits marked right are put into a case."""
        return self.form.address("/cases/add", page=self.form.page)

    def told_of(self, hit: HitView) -> list[str]:
        """Return what a hit's place hangs on: where it would stand without each witness."""
        if self.answer is None or self.answer.witnesses is None:
            return []
        t, told = load_strings(), []
        place = [other.key for other in self.answer.hits].index(hit.key)
        for name, ranks in self.answer.witnesses.ranks_without.items():
            if place >= len(ranks):
                continue
            rank = ranks[place]
            if rank is None:
                told.append(t("witness.told_far", name=name))
            elif rank != hit.rank:
                told.append(t("witness.told", name=name, rank=f"{rank:,}"))
        return told


def search_page(
    form: SearchForm,
    schema: AttributeSchema,
    *,
    answer: SearchAnswer | None = None,
    failure: Failure | None = None,
    cameras: Sequence[CountView] = (),
    rows: int = 0,
    may_mark: bool = False,
    may_keep: bool = False,
    needs_occasion: bool = False,
) -> SearchPage:
    """Return the view of a search; see :class:`SearchPage`."""
    read_so = read(form, schema)
    reading = read_so if isinstance(read_so, Reading) else None
    query = reading.query if reading is not None else None
    questions = answer.questions if answer is not None and answer.questions else []
    # an answer goes to the witness being written, who may have settled what another leaves open
    settled = frozenset[int]() if query is None else answered_by(query)
    questions = [one for one in questions if schema.names.index(one.attribute) not in settled]
    return SearchPage(
        form=form,
        regions=build(query, schema),
        fingerprint=schema.fingerprint,
        reading=reading,
        problem=read_so if isinstance(read_so, Problem) else None,
        answer=answer,
        failure=failure,
        cameras=tuple(camera for camera in cameras if camera.value is not None)[:MOST_CAMERAS],
        rows=rows,
        questions=tuple(_question(one, query, form, schema) for one in questions[:MOST_QUESTIONS]),
        examples=_examples(schema),
        may_mark=may_mark,
        may_keep=may_keep,
        needs_occasion=needs_occasion,
    )


def _question(
    question: QuestionView, query: AttributeQuery | None, form: SearchForm, schema: AttributeSchema
) -> OpenQuestion:
    index = schema.names.index(question.attribute)
    terms = () if query is None else query.terms
    yes, no = (
        with_text(form, AttributeQuery(schema, (*terms, Term((index,), wanted))).to_text()).address(page=1)
        for wanted in (True, False)
    )
    return OpenQuestion(question.label, question.bits, yes, no)


def _examples(schema: AttributeSchema) -> tuple[Example, ...]:
    """Return examples the vocabulary can say: its own labels, in each way of writing."""
    written = [
        ("sentence", "a young man with a backpack, probably jeans, no hat"),
        ("signs", "male, backpack, !hat, jacket?"),
        ("alternatives", "lower_type:jeans|trousers, !backpack"),
    ]
    found = []
    for key, text in written:
        form = SearchForm(text)
        if isinstance(read(form, schema), Reading):
            found.append(Example(text, form.address(), f"examples.{key}"))
    if not found:
        text = AttributeQuery(schema, (Term((0,)),)).to_text()
        found = [Example(text, SearchForm(text).address(), "examples.signs")]
    return tuple(found)


def render_search(page: SearchPage, frame: Frame) -> str:
    """Return the search page as HTML."""
    return render(
        "search",
        page=page,
        frame=replace(frame, here="search"),
        csrf_field=frame.csrf,
        back=frame.address,
        required=page.needs_occasion,
    )
