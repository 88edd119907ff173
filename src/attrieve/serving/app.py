"""The application: routes, pages and middlewares around one :class:`~attrieve.serving.service.Service`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio.to_thread
from fastapi import APIRouter, FastAPI

from attrieve import __version__
from attrieve.gallery.store import Gallery
from attrieve.serving import answers, problems
from attrieve.serving.access.headers import HostCheck, HttpsCheck, OriginCheck, SecurityHeaders
from attrieve.serving.middleware import BodyLimits, ConnectionLimit, RequestLog
from attrieve.serving.routes import (
    accounts,
    cases,
    deletion,
    exports,
    health,
    images,
    jobs,
    ledger,
    persons,
    problem_table,
    search,
    sign_in,
    vocabulary,
)
from attrieve.serving.routes import gallery as gallery_routes
from attrieve.serving.searching import warm_up
from attrieve.serving.service import Service
from attrieve.serving.settings import ServiceSettings
from attrieve.serving.showing import API
from attrieve.serving.web.installing import install_pages

if TYPE_CHECKING:
    from attrieve.models.retriever import Retriever

SHORT_WORK_THREADS = 16
"""Threads for what blocks for a moment, such as reading a key or writing to the ledger; each holds memory."""

TAGS = [
    {
        "name": "search",
        "description": "From a description to ranked hits. A hit is a lead, not an identification.",
    },
    {"name": "persons", "description": "Rows of the gallery: details, pictures, what the model saw."},
    {"name": "gallery", "description": "What the gallery holds."},
    {"name": "vocabulary", "description": "The words a description is made of."},
    {"name": "images", "description": "Adding images."},
    {"name": "jobs", "description": "Long work: added, followed, cancelled; it survives a restart."},
    {"name": "cases", "description": "Case folders: searches, hits, marks, notes; their exports."},
    {"name": "accounts", "description": "Signing in, accounts of people, keys of programs."},
    {"name": "ledger", "description": "Who did what, when and what for; read, never changed."},
    {"name": "problems", "description": "What can go wrong, and what it is called."},
    {"name": "health", "description": "Whether the service is well."},
]
ROUTERS: tuple[APIRouter, ...] = (
    search.router,
    persons.router,
    gallery_routes.router,
    vocabulary.router,
    problem_table.router,
    images.router,
    deletion.router,
    jobs.router,
    cases.router,
    exports.router,
    sign_in.router,
    accounts.router,
    ledger.router,
    health.router,
    health.metrics_router,
)


def create_app(
    settings: ServiceSettings,
    *,
    gallery: Gallery | None = None,
    retriever: "Retriever | None" = None,
) -> FastAPI:
    """Return the application over a gallery.

    Args:
        settings: how it runs.
        gallery: an opened one in the place of the folder's.
        retriever: a loaded one in the place of the run folder's.

    Raises:
        AttrieveError: if gallery or state folder cannot be used, or the settings do not go together.
    """
    service = Service(settings, gallery=gallery, retriever=retriever)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = SHORT_WORK_THREADS
        await anyio.to_thread.run_sync(warm_up, service)
        service.start()
        try:
            yield
        finally:
            service.close()

    app = FastAPI(
        title="attrieve",
        version=__version__,
        summary="Describe a person, find them: search a gallery of person images by attributes.",
        description="A hit is a lead, not an identification. See `/responsible-use` for what the service is "
        "for and what it must not be used for.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # the usual pages load scripts from elsewhere
        redoc_url=None,
        openapi_tags=TAGS,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
    )
    app.state.service = service
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router, prefix=API)
    install_pages(app)
    answers.describe(app)
    app.add_middleware(BodyLimits, settings=settings)
    app.add_middleware(OriginCheck)
    if settings.behind_proxy and settings.tls_certificate is None:
        app.add_middleware(HttpsCheck)
    app.add_middleware(HostCheck, names=(settings.host, *settings.host_names))
    app.add_middleware(ConnectionLimit, settings=settings)
    app.add_middleware(RequestLog, metrics=service.metrics)
    app.add_middleware(SecurityHeaders, secure=settings.secure)
    return app
