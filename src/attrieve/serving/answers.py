"""What an OpenAPI document says of a route's problems."""

from typing import Any

from fastapi import FastAPI

from attrieve.serving.problems import MEDIA_TYPE, Problem
from attrieve.serving.wire.problems import ProblemView

Responses = dict[int | str, dict[str, Any]]

EVERYWHERE = (
    Problem.BAD_REQUEST,
    Problem.SIGN_IN_NEEDED,
    Problem.FORBIDDEN,
    Problem.REQUEST_TIMEOUT,
    Problem.TOO_LARGE,
    Problem.INVALID_REQUEST,
    Problem.TOO_MANY_REQUESTS,
    Problem.INTERNAL,
    Problem.UNAVAILABLE,
    Problem.STORAGE_REFUSED,
)
"""What any route may answer; added to every operation of the document."""


def problems(*kinds: Problem) -> Responses:
    """Return the ``responses`` of a route that may answer these problems besides :data:`EVERYWHERE`.

    >>> list(problems(Problem.PERSON_NOT_FOUND))
    [404]
    """
    return {kind.status: _described(kind.title) for kind in kinds}


def _described(title: str) -> dict[str, Any]:
    return {
        "description": title,
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemView.__name__}"}}},
    }


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add to every operation of an OpenAPI document the problems that any route may answer."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    own = ProblemView.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(own.pop("$defs", {}))
    schemas[ProblemView.__name__] = own
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path in document["paths"].values():
        for operation in path.values():
            answers = operation.setdefault("responses", {})
            for problem in EVERYWHERE:
                status = str(problem.status)
                if problem is Problem.INVALID_REQUEST or status not in answers:
                    answers[status] = _described(problem.title)
            operation["responses"] = dict(sorted(answers.items()))
    return document


def describe(app: FastAPI) -> None:
    """Make an application's OpenAPI document say what every route may answer."""
    made = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = complete(made())
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]
