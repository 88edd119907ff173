"""What the gallery holds, as charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from attrieve.schema.attributes import AttributeSchema
from attrieve.schema.body_regions import body_regions
from attrieve.serving.access.guard import requires
from attrieve.serving.access.roles import Actor, Permission
from attrieve.serving.routes.gallery import gallery_view
from attrieve.serving.web.charts import Bar, Histogram, bars, histogram
from attrieve.serving.web.environment import percent, render
from attrieve.serving.web.frame import Frame
from attrieve.serving.web.pages.answering import frame_of, in_thread, rendered, service_of
from attrieve.serving.web.strings import load_strings
from attrieve.serving.wire.gallery import AttributeCount, CountView, GalleryView, StatisticsView

router = APIRouter(include_in_schema=False)
Visitor = Annotated[Actor, Depends(requires(Permission.SEE_GALLERY))]
MOST_SHOWN = 20
"""Cameras and sources that are drawn; the interface for programs tells all."""


@dataclass(frozen=True)
class RegionBars:
    """How often the attributes of a region are seen."""

    region: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class GalleryPage:
    """What the gallery's page shows.

    Args:
        gallery: what it is.
        statistics: what it holds.
        times: rows over time, or None.
        cameras: most rows first.
        sources: most rows first.
        attributes: by region; empty for a model that recognises nothing.
    """

    gallery: GalleryView
    statistics: StatisticsView
    times: Histogram | None
    cameras: tuple[Bar, ...]
    sources: tuple[Bar, ...]
    attributes: tuple[RegionBars, ...]

    @property
    def camera_count(self) -> int:
        """How many cameras are named."""
        return sum(camera.value is not None for camera in self.statistics.cameras)


def gallery_page(
    gallery: GalleryView, statistics: StatisticsView, schema: AttributeSchema, *, may_search: bool
) -> GalleryPage:
    """Return the view of a gallery."""
    return GalleryPage(
        gallery,
        statistics,
        histogram(statistics.times, statistics.time_step),
        _counted(statistics.cameras),
        _counted(statistics.sources),
        _seen(statistics.attributes, schema, may_search=may_search),
    )


def _counted(counts: Sequence[CountView]) -> tuple[Bar, ...]:
    t = load_strings()
    if all(one.value is None for one in counts):
        return ()
    return bars(
        [
            (
                one.value if one.value is not None else t("gallery.without_camera"),
                float(one.rows),
                f"{one.rows:,}",
                "",
            )
            for one in counts[:MOST_SHOWN]
        ]
    )


def _seen(
    counts: Sequence[AttributeCount], schema: AttributeSchema, *, may_search: bool
) -> tuple[RegionBars, ...]:
    t = load_strings()
    known = {one.attribute: one for one in counts}
    found = []
    for part in body_regions(schema):
        inside = [known[name] for group in part.groups for name in group.attributes if name in known]
        drawn = tuple(
            Bar(
                one.label,
                float(one.rows),
                one.share,
                t("gallery.share", count=one.rows, share=percent(one.share, t)),
                f"/?{urlencode({'q': one.label})}" if may_search else "",
            )
            for one in sorted(inside, key=lambda one: -one.rows)
        )
        if drawn:
            found.append(RegionBars(part.region.value, drawn))
    return tuple(found)


def render_gallery(page: GalleryPage, frame: Frame) -> str:
    """Return the page as HTML."""
    return render("gallery", page=page, frame=frame, csrf_field=frame.csrf)


@router.get("/gallery")
async def gallery(request: Request, actor: Visitor) -> Response:
    """Show counts over time, by camera, by source and by attribute."""
    service = service_of(request)

    def page() -> str:
        opened = service.galleries.current()
        shown = gallery_page(
            gallery_view(service),
            service.statistics.of(opened),
            opened.schema,
            may_search=actor.may(Permission.SEARCH),
        )
        return render_gallery(shown, frame_of(request, actor, "gallery"))

    await in_thread(lambda: service.statistics.of(service.galleries.current()))
    return await rendered(request, page)
