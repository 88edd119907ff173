"""What the gallery is and holds."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Request

from attrieve.gallery.database.layout import THUMBNAIL, filterable
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.galleries import version_of
from attrieve.serving.service import Service
from attrieve.serving.wire.gallery import GalleryView, StatisticsView

router = APIRouter(prefix="/gallery", tags=["gallery"])
Visitor = Annotated[Actor, Depends(requires(Permission.SEE_GALLERY))]


def gallery_view(service: Service) -> GalleryView:
    """Return what the gallery is."""
    gallery = service.galleries.current()
    store = gallery.store
    columns = store.arrow_schema if isinstance(store, GallerySnapshot) else None
    return GalleryView(
        name=service.name,
        version=version_of(gallery),
        rows=len(gallery),
        model=gallery.model.name,
        model_fingerprint=gallery.model.fingerprint,
        vocabulary=gallery.schema.name,
        recognises=gallery.model.recognises,
        embeds=gallery.model.embedding_dim is not None,
        thumbnails=columns is not None and THUMBNAIL in columns.names,
        columns={} if columns is None else {name: str(kind) for name, kind in filterable(columns).items()},
        run_loaded=service.has_run,
    )


@router.get("", summary="What the gallery is")
async def get_gallery(request: Request, _actor: Visitor) -> GalleryView:
    """Return name, size, model and columns of the gallery."""
    service: Service = request.app.state.service
    return await anyio.to_thread.run_sync(gallery_view, service)


@router.get("/statistics", summary="What the gallery holds, counted")
async def get_statistics(request: Request, _actor: Visitor) -> StatisticsView:
    """Return rows over time, by camera and by source, and how often each attribute is seen."""
    service: Service = request.app.state.service
    return await anyio.to_thread.run_sync(lambda: service.statistics.of(service.galleries.current()))
