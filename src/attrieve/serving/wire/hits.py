"""Hits and rows of a gallery as they travel."""

from pydantic import Field

from attrieve.serving.wire.base import AnswerModel


class ReasonView(AnswerModel):
    """What was asked of one attribute and what the model saw."""

    attribute: str = Field(description="Name in the vocabulary.")
    label: str = Field(description="Short words for people.")
    wanted: bool = Field(description="Whether it was asked to hold.")
    certainty: float = Field(description="Of the asker, above 0 and at most 1.")
    probability: float = Field(description="That it holds, as the model sees it, 0 to 1.")
    calibrated: float | None = Field(
        default=None, description="The same, calibrated; null for a model that is not."
    )
    matches: bool = Field(description="Whether the probability lies on the asked side of one half.")
    share: float = Field(description="Part of the attribute distance that it causes, 0 to 1.")
    contribution: float | None = Field(default=None, description="What it adds to the distance; at least 0.")


class BoxView(AnswerModel):
    """Where a person was in the frame, in pixels."""

    x: float
    y: float
    width: float
    height: float


class HitLinks(AnswerModel):
    """Addresses of what belongs to a row."""

    self: str = Field(description="Details.")
    crop: str = Field(description="The picture, encoded anew.")
    thumbnail: str = Field(description="A little picture.")


class RowView(AnswerModel):
    """What is known of a row of the gallery."""

    key: str = Field(description="Sixteen hexadecimal digits; the same image has the same key everywhere.")
    camera: str | None = Field(default=None, description="Name of the camera.")
    time: str | None = Field(default=None, description="When the picture was taken, ISO 8601 in UTC.")
    source: str = Field(description="Where the image lay when it was indexed.")
    track: str | None = Field(default=None, description="Name of the track the crop belongs to.")
    frame: int | None = Field(default=None, description="Number of the video frame.")
    box: BoxView | None = None
    links: HitLinks


class HitView(RowView):
    """A row in a ranking. A hit is a lead, not an identification."""

    rank: int = Field(description="From 1.")
    distance: float = Field(description="Smaller is nearer.")
    match_probability: float | None = Field(
        default=None,
        description="That the row fits the description; null for a model that is not calibrated.",
    )
    attribute_distance: float | None = Field(
        default=None, description="Of the attributes alone, before weights."
    )
    embedding_distance: float | None = Field(
        default=None, description="Of the embedding alone, before weights."
    )
    embedding_contribution: float | None = Field(
        default=None, description="What the embedding adds to the distance."
    )
    reasons: list[ReasonView] = Field(default_factory=list, description="One for each thing asked.")


class QualityView(AnswerModel):
    """What was measured on a crop."""

    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")
    blur: float = Field(description="Variance of the Laplacian of the luminance; small means blurred.")
    brightness: float = Field(description="Mean luminance, 0 to 255.")
    contrast: float = Field(description="Standard deviation of the luminance.")


class SeenAttribute(AnswerModel):
    """What the model sees of one attribute."""

    attribute: str
    label: str
    group: str = Field(description="Name of its group in the vocabulary.")
    probability: float = Field(description="That it holds, 0 to 1.")
    calibrated: float | None = None


class WithoutTermView(AnswerModel):
    """Where a row would stand if one thing asked were left out."""

    term: str = Field(description="What is left out, in the query language.")
    rank: int | None = Field(description="The rank then; null if it is not among the rows looked at.")


class PersonView(RowView):
    """A row in detail."""

    indexed_at: str | None = Field(default=None, description="When it was added, ISO 8601 in UTC.")
    quality: QualityView | None = None
    columns: dict[str, str | bool | int | float | None] = Field(
        default_factory=dict, description="The gallery's own further columns."
    )
    attributes: list[SeenAttribute] = Field(
        default_factory=list,
        description="Everything the model sees; empty for a model that recognises nothing.",
    )
    image: str = Field(description="'available', or why the image cannot be shown.")
    like: str = Field(
        description="A description made of the attributes the model is sure of; '' if there are none."
    )
    hit: HitView | None = Field(default=None, description="With its reasons, if a description was given.")
    without: list[WithoutTermView] = Field(
        default_factory=list, description="Counterfactuals, if a description of several terms was given."
    )
    heat_maps: list[str] = Field(default_factory=list, description="Addresses of heat maps; need a run.")


class TrackView(AnswerModel):
    """Rows of one track in the order of time."""

    track: str | None = Field(description="Null if the row belongs to none.")
    rows: list[RowView]
    total: int


class LikeView(AnswerModel):
    """A description made of a row's own recognised attributes; no appearance is compared."""

    key: str
    query: str = Field(description="In the query language; what the model is not sure of is left open.")
    search: str = Field(description="Address of the search by it.")
