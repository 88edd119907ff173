"""A search as it travels."""

from typing import Annotated, Literal

from pydantic import Field

from attrieve.serving.wire.base import AnswerModel, RequestModel
from attrieve.serving.wire.hits import HitView

Normalisation = Literal["matrix", "query", "static"]
Distance = Literal["paper", "independent", "group", "ranked"]
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="Key of a row.")]
Text = Annotated[str, Field(max_length=2000)]
Purpose = Annotated[
    str | None,
    Field(
        description="What the search is for; written into the ledger. The operator may require it.",
        max_length=500,
    ),
]
CaseName = Annotated[
    str | None,
    Field(description="Number of the case it belongs to; written into the ledger.", max_length=100),
]


class SearchRequest(RequestModel):
    """What is searched for: ``query`` or ``witnesses``."""

    query: Text | dict[str, bool | float | None] | None = Field(
        default=None,
        description="A sentence, the query language ('backpack, !hat, jacket?'), or a table of attribute to "
        "true, false, certainty, or null for open.",
        examples=["male, backpack, !hat, jacket?", {"hat": False, "backpack": 0.8}],
    )
    witnesses: list[Text] = Field(
        default_factory=list,
        max_length=20,
        description="What witnesses say, each 'NAME: description' or 'NAME~WEIGHT: description'.",
        examples=[["A: male, hat?", "B~0.6: male, !hat"]],
    )
    where: list[Text] = Field(
        default_factory=list,
        max_length=50,
        description="Conditions on the gallery's columns; all must hold.",
        examples=[["camera=C1,C2", "time>=2024-05-01"]],
    )
    top: int = Field(
        default=100, ge=1, le=100_000, description="Hits that are ranked; the operator sets how many at most."
    )
    page: int = Field(default=1, ge=1, le=100_000, description="Which part of them to send, from 1.")
    page_size: int = Field(default=20, ge=1, le=500, description="Hits in one answer.")
    explain: bool = Field(default=True, description="Whether hits carry reasons.")
    what_if: bool = Field(
        default=False, description="Whether to tell where the hits would stand without each thing asked."
    )
    questions: int = Field(
        default=0,
        ge=0,
        le=20,
        description="How many open attributes to name whose answers would tell the hits apart best.",
    )
    distance: Distance | None = Field(
        default=None,
        description="How rows are compared: 'paper', the Euclidean distance; 'independent', 'group' and "
        "'ranked', likelihoods. Null for 'paper'.",
    )
    nats: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="With a likelihood: evidence in one unit of cosine distance; null for the model's.",
    )
    fusion_weight: float | None = Field(
        default=None, ge=0, le=1000, description="Weight of the attribute distance; null for the gallery's."
    )
    normalisation: Normalisation | None = Field(
        default=None,
        description="What distances are divided by before they are joined; null for the gallery's way.",
    )
    right: list[Key] = Field(default_factory=list, max_length=200, description="Rows marked right.")
    wrong: list[Key] = Field(default_factory=list, max_length=200, description="Rows marked wrong.")
    purpose: Purpose = None
    case: CaseName = None


class PieceView(AnswerModel):
    """A word or phrase of a sentence and what it was taken for."""

    text: str
    start: int = Field(description="Position of its first character.")
    end: int = Field(description="Position behind its last.")
    part: Literal["attribute", "modifier", "filler", "ignored"]
    meaning: str = Field(description="In the query language, for an attribute; '' otherwise.")


class TermView(AnswerModel):
    """One thing asked."""

    attributes: list[str] = Field(description="Names; several mean 'one of these'.")
    wanted: bool
    certainty: float
    text: str = Field(description="In the query language.")


class QueryView(AnswerModel):
    """A description as it was understood."""

    text: str = Field(description="In the query language.")
    terms: list[TermView]
    understood: list[PieceView] = Field(description="Every word of a sentence; empty for the query language.")
    ignored: list[str] = Field(description="Words nobody knew.")


class WitnessView(AnswerModel):
    """What one witness said."""

    name: str
    weight: float
    text: str = Field(description="In the query language.")


class ComparisonView(AnswerModel):
    """What the witnesses said of one thing."""

    label: str
    said: list[float | None] = Field(
        description="For each witness, certainty; below 0 unwanted, null silent."
    )
    pooled: float
    verdict: Literal["agree", "conflict", "one"]


class WitnessesView(AnswerModel):
    """Several witnesses, where they agree and where not."""

    said: list[WitnessView]
    comparisons: list[ComparisonView]
    ranks_without: dict[str, list[int | None]] = Field(
        description="For each witness, where each hit of this page would stand without what he said."
    )


class QuestionView(AnswerModel):
    """An open attribute worth asking for."""

    attribute: str
    label: str
    bits: float = Field(description="How much the answer is expected to tell, 0 to 1.")
    share: float = Field(description="Of the hits that are thought to have it.")


class FusionView(AnswerModel):
    """How two distances became one."""

    attribute_weight: float
    embedding_weight: float
    normalisation: Normalisation


class WeightChangeView(AnswerModel):
    """What marks did to the weight of one thing asked."""

    label: str
    attributes: list[str]
    wanted: bool
    before: float = Field(description="Certainty of the asker, above 0 and at most 1.")
    after: float = Field(description="What it counts now.")


class FeedbackView(AnswerModel):
    """What marked rows changed in the search."""

    right: list[str]
    wrong: list[str]
    weights: list[WeightChangeView]
    embedding_angle_degrees: float | None = Field(
        description="How far the embedding asked for was turned; null without an embedding."
    )


class SearchAnswer(AnswerModel):
    """What was found. A hit is a lead, not an identification."""

    gallery: str = Field(description="Name of the gallery.")
    version: str = Field(description="Of the gallery; another one may rank otherwise.")
    model: str = Field(description="Name of the run that filled it.")
    rows: int = Field(description="Of the gallery.")
    rows_searched: int = Field(description="Of them, those that meet the conditions.")
    query: QueryView
    where: list[str]
    fusion: FusionView
    distance: Distance = Field(description="How rows were compared.")
    expected_matches: float | None = Field(
        default=None,
        description="How many rows are expected to fit; null for a model that is not calibrated.",
    )
    hits: list[HitView]
    total: int = Field(description="Hits that were ranked, over all pages.")
    page: int
    page_size: int
    pages: int
    witnesses: WitnessesView | None = None
    ranks_without: dict[str, list[int | None]] | None = Field(
        default=None, description="For each thing asked, where each hit of this page would stand without it."
    )
    questions: list[QuestionView] | None = None
    feedback: FeedbackView | None = Field(
        default=None, description="What marked rows changed, if any were given."
    )
    ledger_entry: int | None = Field(default=None, description="Number of the entry in the ledger.")
