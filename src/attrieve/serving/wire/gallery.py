"""What a gallery holds, as it travels."""

from pydantic import Field

from attrieve.serving.wire.base import AnswerModel


class CountView(AnswerModel):
    """How many rows share a value."""

    value: str | None = Field(description="Null for rows without one.")
    rows: int


class TimeBin(AnswerModel):
    """How many rows were taken within a stretch of time."""

    start: str = Field(description="ISO 8601 in UTC.")
    rows: int


class AttributeCount(AnswerModel):
    """How many rows are thought to show an attribute."""

    attribute: str
    label: str
    group: str
    rows: int = Field(description="Rows whose probability is one half or more.")
    share: float = Field(description="Of all rows, 0 to 1.")
    expected: float = Field(description="Sum of the probabilities.")


class GalleryView(AnswerModel):
    """What a gallery is."""

    name: str
    version: str = Field(description="Changes when rows are added or deleted, or the model changes.")
    rows: int
    model: str = Field(description="Name of the run that filled it.")
    model_fingerprint: str
    vocabulary: str
    recognises: bool = Field(description="Whether it holds attribute probabilities.")
    embeds: bool = Field(description="Whether it holds embeddings.")
    thumbnails: bool
    columns: dict[str, str] = Field(description="What conditions may name, with types.")
    run_loaded: bool = Field(description="Whether the service has the run, for heat maps and new images.")


class StatisticsView(AnswerModel):
    """What a gallery holds, counted."""

    version: str
    rows: int
    cameras: list[CountView] = Field(description="Most rows first.")
    sources: list[CountView] = Field(description="Folders or archives the images came from, most rows first.")
    first_time: str | None
    last_time: str | None
    without_time: int
    time_step: str | None = Field(
        description="Length of a bin: 'minute', 'hour', 'day', 'week', 'month' or 'year'."
    )
    times: list[TimeBin]
    attributes: list[AttributeCount]
