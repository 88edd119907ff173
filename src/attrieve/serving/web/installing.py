"""The pages, put into an application."""

from fastapi import FastAPI

from attrieve.serving.web.pages import (
    accounts,
    cases,
    entrance,
    gallery,
    hits,
    jobs,
    ledger,
    search,
    static,
    words,
)
from attrieve.serving.web.pages.problems import problem_page

ROUTERS = (
    search.router,
    hits.router,
    cases.router,
    gallery.router,
    jobs.router,
    ledger.router,
    accounts.router,
    entrance.router,
    words.router,
    static.router,
)


def install_pages(app: FastAPI) -> None:
    """Add all pages to an application, and tell browsers of problems by a page."""
    for router in ROUTERS:
        app.include_router(router)
    app.state.problem_page = problem_page
