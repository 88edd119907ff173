"""Everything that can go wrong, in one table, and the one shape in which it is told (RFC 9457).

A route raises :class:`ProblemError` with an entry of :class:`Problem`, or one of the errors of
:mod:`attrieve.errors`, which :data:`OF_ERRORS` maps to an entry.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from attrieve.errors import (
    AttrieveError,
    CheckpointError,
    ConfigurationError,
    GalleryBusyError,
    GalleryFormatError,
    ImageError,
    InputError,
    QueryError,
    SchemaMismatchError,
    StorageError,
    UnknownNameError,
)
from attrieve.serving.plain_words import plain_words

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/api/v1/problems/"


class ProblemFacts(NamedTuple):
    """An entry of the table.

    Args:
        name: last part of the address that ``type`` holds.
        status: of the answer.
        title: the same for every occurrence.
    """

    name: str
    status: int
    title: str


class Problem(Enum):
    """The table of problems."""

    INVALID_REQUEST = ProblemFacts(
        "invalid-request", 422, "The request does not have the form it should have"
    )
    QUERY_NOT_UNDERSTOOD = ProblemFacts("query-not-understood", 422, "The description cannot be understood")
    UNKNOWN_NAME = ProblemFacts("unknown-name", 422, "A name is not known here")
    INVALID_INPUT = ProblemFacts("invalid-input", 422, "Something in the request cannot be used")
    PURPOSE_REQUIRED = ProblemFacts("purpose-required", 422, "A purpose and a case must be named")
    IMAGE_NOT_READABLE = ProblemFacts("image-not-readable", 422, "An image cannot be read")
    WEAK_PASSWORD = ProblemFacts("weak-password", 422, "The password is too easy to guess")

    BAD_REQUEST = ProblemFacts("bad-request", 400, "The request cannot be read")
    SIGN_IN_NEEDED = ProblemFacts("sign-in-needed", 401, "Sign in or bring a key")
    SIGN_IN_FAILED = ProblemFacts("sign-in-failed", 401, "Name or password is wrong")
    FORBIDDEN = ProblemFacts("forbidden", 403, "Your role does not allow this")
    CSRF = ProblemFacts("form-expired", 403, "The form has expired; load the page again")
    NOT_FOUND = ProblemFacts("not-found", 404, "There is nothing at this address")
    PERSON_NOT_FOUND = ProblemFacts("person-not-found", 404, "The gallery holds no such row")
    CASE_NOT_FOUND = ProblemFacts("case-not-found", 404, "There is no such case")
    JOB_NOT_FOUND = ProblemFacts("job-not-found", 404, "There is no such job")
    METHOD_NOT_ALLOWED = ProblemFacts("method-not-allowed", 405, "This address does not take this method")
    CONFLICT = ProblemFacts("conflict", 409, "It does not go with what is there")
    SCHEMA_MISMATCH = ProblemFacts("vocabulary-mismatch", 409, "Two vocabularies where one is needed")
    TOO_LARGE = ProblemFacts("too-large", 413, "The request is too large")
    UNSUPPORTED_MEDIA_TYPE = ProblemFacts("unsupported-media-type", 415, "This kind of content is not taken")
    TOO_MANY_REQUESTS = ProblemFacts("too-many-requests", 429, "Too many requests; wait a little")
    REQUEST_TIMEOUT = ProblemFacts("request-timeout", 408, "The request came too slowly")

    INTERNAL = ProblemFacts("internal", 500, "The service has failed; the log tells why")
    OVERLOADED = ProblemFacts("overloaded", 503, "The service has too much to do; come back in a moment")
    MODEL_MISSING = ProblemFacts("model-missing", 503, "The service runs without the model this needs")
    UNAVAILABLE = ProblemFacts("unavailable", 503, "The gallery cannot be used right now")
    STORAGE_REFUSED = ProblemFacts("storage-refused", 507, "The disk refused: full, read-only or gone")

    @property
    def status(self) -> int:
        """Status of the answer."""
        return self.value.status

    @property
    def title(self) -> str:
        """Short words, the same for every occurrence."""
        return self.value.title

    @property
    def type(self) -> str:
        """Address that names the problem and explains it."""
        return TYPE_PREFIX + self.value.name


OF_ERRORS: dict[type[AttrieveError], Problem] = {
    UnknownNameError: Problem.UNKNOWN_NAME,
    QueryError: Problem.QUERY_NOT_UNDERSTOOD,
    ConfigurationError: Problem.INVALID_INPUT,
    ImageError: Problem.IMAGE_NOT_READABLE,
    SchemaMismatchError: Problem.SCHEMA_MISMATCH,
    InputError: Problem.INVALID_INPUT,
    CheckpointError: Problem.UNAVAILABLE,
    GalleryBusyError: Problem.UNAVAILABLE,
    GalleryFormatError: Problem.UNAVAILABLE,
    StorageError: Problem.STORAGE_REFUSED,
    AttrieveError: Problem.INTERNAL,
}
"""What an error becomes: the entry of the nearest class it is of."""

OF_STATUSES: dict[int, Problem] = {
    400: Problem.BAD_REQUEST,
    401: Problem.SIGN_IN_NEEDED,
    403: Problem.FORBIDDEN,
    404: Problem.NOT_FOUND,
    405: Problem.METHOD_NOT_ALLOWED,
    413: Problem.TOO_LARGE,
    415: Problem.UNSUPPORTED_MEDIA_TYPE,
    429: Problem.TOO_MANY_REQUESTS,
    503: Problem.UNAVAILABLE,
}
"""What the framework's own refusals become."""


class ProblemError(AttrieveError):
    """A refusal with its place in the table.

    Args:
        problem: entry of the table.
        detail: what came, what was expected, what to do.
        headers: of the answer.
        more: further members of the answer.
    """

    def __init__(
        self, problem: Problem, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.problem = problem
        self.headers = dict(headers or {})
        self.more = more


@dataclass(frozen=True)
class Told:
    """A problem that occurred, ready to be told as JSON or on a page.

    Args:
        problem: entry of the table.
        detail: of this occurrence.
        headers: of the answer.
        more: further members of the answer.
    """

    problem: Problem
    detail: str
    headers: Mapping[str, str]
    more: Mapping[str, Any]

    def to_json(self, request_id: str | None) -> dict[str, Any]:
        """Return the members of the answer."""
        return {
            "type": self.problem.type,
            "title": self.problem.title,
            "status": self.problem.status,
            "detail": self.detail,
            **({} if request_id is None else {"request_id": request_id}),
            **self.more,
        }


def told(error: Exception) -> Told:
    """Return how an error is told; of what nobody expected, nothing but that it happened.

    >>> told(QueryError("nothing was asked")).problem.status
    422
    """
    if isinstance(error, ProblemError):
        return Told(error.problem, str(error), error.headers, error.more)
    if isinstance(error, UnknownNameError):
        more = {"name": error.name, "nearest": list(error.nearest)}
        return Told(Problem.UNKNOWN_NAME, str(error), {}, more)
    if isinstance(error, AttrieveError):
        kind = next(OF_ERRORS[one] for one in type(error).__mro__ if one in OF_ERRORS)
        return Told(kind, plain_words(error), {}, {}) if kind is not Problem.INTERNAL else _unexpected()
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _refused(error)
    return _unexpected()


def _unexpected() -> Told:
    return Told(
        Problem.INTERNAL, "the request could not be answered; the log has it under its request id", {}, {}
    )


def _refused(error: HTTPException) -> Told:
    if isinstance(error.__cause__, ProblemError):  # the framework wraps what goes wrong as it reads a body
        return told(error.__cause__)
    problem = OF_STATUSES.get(
        error.status_code, Problem.BAD_REQUEST if error.status_code < 500 else Problem.INTERNAL
    )
    usual = HTTPStatus(error.status_code).phrase
    detail = problem.title if error.detail in (None, usual) else str(error.detail)
    return Told(problem, detail, dict(error.headers or {}), {})


def _invalid(error: RequestValidationError) -> Told:
    """Say of each wrong field where it stands and what is wrong; what came is not repeated at length."""
    errors: list[dict[str, Any]] = []
    for one in error.errors():
        place = [str(part) for part in one["loc"]]
        errors.append({"where": ".".join(place), "problem": str(one["msg"])})
    first = errors[0] if errors else {"where": "request", "problem": "not valid"}
    others = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Told(
        Problem.INVALID_REQUEST, f"{first['where']}: {first['problem']}{others}", {}, {"errors": errors}
    )


def _methods(request: Request) -> set[str]:
    """Return the methods an address takes, of all routes together."""
    routes = request.app.router.routes
    return {
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    }


PageOfProblem = Callable[[Request, Told], Response]
"""Makes a page that tells a problem."""


def problem_response(error: Exception, request_id: str | None) -> JSONResponse:
    """Return the answer an error becomes."""
    one = told(error)
    return JSONResponse(one.to_json(request_id), one.problem.status, dict(one.headers), media_type=MEDIA_TYPE)


def _whole(error: BaseException) -> str:
    """Return all that an error and its causes say; it may name files, and is for the log."""
    said = "" if error.__cause__ is None else _whole(error.__cause__)
    return str(error) if said in str(error) else f"{error}; {said}"


def wants_page(scope: Mapping[str, Any]) -> bool:
    """Return whether a request is one of a browser for a page."""
    if str(scope["path"]).startswith("/api/"):
        return False
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def install(app: FastAPI) -> None:
    """Make an application tell every error by the table.

    Where ``app.state.problem_page`` is set, a :data:`PageOfProblem`, browsers are told by it.
    """

    async def answer(request: Request, error: Exception) -> Response:
        request_id = getattr(request.state, "request_id", None)
        if isinstance(error, HTTPException) and error.status_code == 405:
            error.headers = {"Allow": ", ".join(sorted(_methods(request)))}
        one = told(error)
        if one.problem.status >= 500 and (whole := _whole(error)) != one.detail:
            log.error("request %s was answered %d: %s", request_id, one.problem.status, whole)
        page: PageOfProblem | None = getattr(request.app.state, "problem_page", None)
        if page is not None and wants_page(request.scope):
            return page(request, one)
        return problem_response(error, request_id)

    for kind in (AttrieveError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)
