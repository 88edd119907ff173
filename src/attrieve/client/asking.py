"""How the client asks: one request, its answer as a model, a problem as an exception."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from attrieve.errors import AttrieveError
from attrieve.serving.wire.problems import ProblemView

Value = str | int | float | bool | None
Query = Mapping[str, Value | Sequence[Value]]


class ProblemAnswer(AttrieveError):  # noqa: N818 - the service's word for it
    """The service refused, or failed.

    Args:
        problem: what it said.
        retry_seconds: when to come back, or None.
    """

    def __init__(self, problem: ProblemView, retry_seconds: int | None = None) -> None:
        super().__init__(f"{problem.title} ({problem.status}): {problem.detail}")
        self.problem = problem
        self.retry_seconds = retry_seconds

    @property
    def kind(self) -> str:
        """Name in the table of problems, such as ``unknown-name``."""
        return self.problem.type.rpartition("/")[2]


class Asking:
    """A connection to a service.

    Args:
        address: of the service, such as ``http://127.0.0.1:8000``.
        key: an API key, or None where none is needed.
        timeout_s: for each request.
        connection: in the place of one made from the other arguments.
    """

    def __init__(
        self,
        address: str = "",
        *,
        key: str | None = None,
        timeout_s: float = 60.0,
        connection: httpx.Client | None = None,
    ) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.connection = connection or httpx.Client(base_url=address, headers=headers, timeout=timeout_s)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def __enter__(self) -> "Asking":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(
        self,
        method: str,
        path: str,
        answer: Any,
        *,
        query: Query | None = None,
        body: BaseModel | None = None,
        files: Sequence[tuple[str, tuple[str, bytes, str]]] | None = None,
    ) -> Any:
        """Send a request and return its answer.

        Args:
            method: of HTTP.
            path: below the service's address.
            answer: type of the answer: a model, ``list`` of models, ``bytes``, ``str``, or that of ``None``.
            query: parameters; those that are None are not sent.
            body: a model, sent as JSON.
            files: sent as a form.

        Raises:
            ProblemAnswer: if the service refuses or fails.
            AttrieveError: if it cannot be reached, or answers something else.
        """
        kept = {name: value for name, value in (query or {}).items() if value is not None}
        given: dict[str, Any] = {}
        if body is not None:
            given["content"] = body.model_dump_json(exclude_unset=True)
            given["headers"] = {"Content-Type": "application/json"}
        if files is not None:
            given["files"] = files
        try:
            response = self.connection.request(method, path, params=kept, **given)
        except httpx.HTTPError as error:
            raise AttrieveError(f"{self.connection.base_url} does not answer: {error}") from error
        if response.is_error:
            raise _problem(response)
        if answer is bytes:
            return response.content
        if answer is str:
            return response.text
        if answer is type(None):
            return None
        try:
            return TypeAdapter(answer).validate_json(response.content)
        except ValidationError as error:
            raise AttrieveError(f"{response.url} answered something else than expected: {error}") from error


def _problem(response: httpx.Response) -> AttrieveError:
    after = response.headers.get("Retry-After", "")
    try:
        problem = ProblemView.model_validate_json(response.content)
    except ValidationError:
        return AttrieveError(f"{response.url} answered {response.status_code}: {response.text[:200]}")
    return ProblemAnswer(problem, int(after) if after.isdecimal() else None)
