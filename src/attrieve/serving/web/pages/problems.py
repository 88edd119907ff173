"""Errors as pages."""

from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from attrieve.serving.access.roles import Actor
from attrieve.serving.problems import Problem, Told
from attrieve.serving.web.environment import render
from attrieve.serving.web.frame import Frame
from attrieve.serving.web.pages.answering import frame_of, go, here_of, html
from attrieve.serving.web.pages.entrance import sign_in_address


@dataclass(frozen=True)
class ErrorPage:
    """What an error page shows.

    Args:
        status: of the answer.
        title: short words.
        detail: what came, what was expected, what to do.
        back: where one was.
        retry_seconds: when to come back, or None.
        request_id: under which the log has it, or None.
    """

    status: int
    title: str
    detail: str
    back: str = "/"
    retry_seconds: int | None = None
    request_id: str | None = None


def render_error(page: ErrorPage, frame: Frame) -> str:
    """Return an error page as HTML."""
    return render("error", page=page, frame=frame, csrf_field=frame.csrf)


def problem_page(request: Request, problem: Told) -> Response:
    """Tell a problem to a browser; who has to sign in first is sent there and comes back."""
    if problem.problem is Problem.SIGN_IN_NEEDED and request.method == "GET":
        return go(request, sign_in_address(here_of(request)))
    actor: Actor | None = getattr(request.state, "actor", None)
    seconds = problem.headers.get("retry-after") or problem.headers.get("Retry-After")
    page = ErrorPage(
        problem.problem.status,
        problem.problem.title,
        problem.detail,
        here_of(request),
        int(seconds) if seconds and seconds.isdecimal() else None,
        getattr(request.state, "request_id", None) if problem.problem.status >= 500 else None,
    )
    response = html(request, render_error(page, frame_of(request, actor, "")), status=page.status)
    response.headers.update(problem.headers)
    return response
