"""A problem as it is told: RFC 9457, ``application/problem+json``."""

from pydantic import Field

from attrieve.serving.wire.base import AnswerModel


class WrongField(AnswerModel):
    """A part of a request that has not the form it should have."""

    where: str = Field(description="Where it stands, e.g. 'body.top'.")
    problem: str = Field(description="What is wrong.")


class ProblemView(AnswerModel):
    """What went wrong, in the one shape of all problems."""

    type: str = Field(description="Address that names the problem and explains it.")
    title: str = Field(description="Short words, the same for every occurrence.")
    status: int = Field(description="Status of the answer.")
    detail: str = Field(description="What came, what was expected, what to do.")
    request_id: str | None = Field(default=None, description="Stands in the log, too.")
    errors: list[WrongField] | None = Field(
        default=None, description="Each wrong field, of a request of wrong form."
    )
    name: str | None = Field(default=None, description="The name that is not known.")
    nearest: list[str] | None = Field(default=None, description="Known names near to it.")


class ProblemType(AnswerModel):
    """An entry in the table of problems."""

    type: str = Field(description="Address that names the problem.")
    status: int = Field(description="Status of the answer.")
    title: str = Field(description="Short words, the same for every occurrence.")
