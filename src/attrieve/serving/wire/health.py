"""Whether the service is well, as it travels."""

from typing import Literal

from pydantic import Field

from attrieve.serving.wire.base import AnswerModel


class LiveView(AnswerModel):
    """The process answers."""

    status: Literal["live"] = "live"
    version: str = Field(description="Of attrieve.")


class ReadyView(AnswerModel):
    """The service can answer searches."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str] = Field(description="'ok', or what is wrong; by part.")
