"""Heat maps of hits: their crops are read and looked at again, the gallery is not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from attrieve.data.archives import ArchiveHandles
from attrieve.data.decoding import PIXEL_LIMIT, open_rgb, resize_image
from attrieve.errors import ConfigurationError, ImageError, InputError
from attrieve.gallery.contact_sheet import source_from_text
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.models.heat_maps import HeatMapMethod, explain_images
from attrieve.models.retriever import Retriever
from attrieve.schema import AttributeReason, Hit


@dataclass(frozen=True, eq=False)
class ExplainedHit:
    """A hit, its crop, and where each thing asked was found in it.

    Args:
        hit: with its reasons.
        image: RGB crop as it lies on disk.
        maps: float32 in [0, 1], one per reason, in their order; see
            :class:`~attrieve.models.heat_maps.HeatMaps`.
    """

    hit: Hit
    image: UInt8[np.ndarray, "height width 3"]
    maps: Float32[np.ndarray, "reason row column"]

    @property
    def told(self) -> tuple[tuple[AttributeReason, Float32[np.ndarray, "row column"]], ...]:
        """Reasons with their maps."""
        return tuple(zip(self.hit.reasons, self.maps, strict=True))


def require_run_of_gallery(retriever: Retriever, model: GalleryModel) -> None:
    """Refuse to explain hits by another model than the one that described them.

    Raises:
        InputError: with the names and fingerprints of both.
        SchemaMismatchError: if the run speaks another vocabulary.
    """
    model.schema.require_same(retriever.schema, here="the gallery", there="the run")
    if retriever.fingerprint != model.fingerprint:
        raise InputError(
            f"the gallery was filled by run {model.name!r} ({model.fingerprint}), but {retriever.name!r} "
            f"({retriever.fingerprint}) was given: heat maps must come from the model that found the hits; "
            "give that run, or index the gallery with this one"
        )


def explain_hits(
    retriever: Retriever, hits: Sequence[Hit], *, method: HeatMapMethod | None = None
) -> tuple[ExplainedHit, ...]:
    """Look again at the crops of hits, and say where each thing asked was found.

    Args:
        retriever: of the run that filled the gallery; see :func:`require_run_of_gallery`.
        hits: with reasons, as :func:`~attrieve.gallery.search.search` gives them; none is fine.
        method: see :func:`~attrieve.models.heat_maps.explain_images`.

    Raises:
        ImageError: if the image of a hit is gone or cannot be read.
        ConfigurationError: if the retriever recognises no attributes, or hits carry no reasons.
    """
    if not hits:
        return ()
    schema = retriever.schema
    positions = [[schema.index_of(reason.attribute) for reason in hit.reasons] for hit in hits]
    asked = sorted({index for own in positions for index in own})
    if retriever.settings.recognises and not asked:
        raise ConfigurationError("the hits carry no reasons to draw; search with explain=True")
    images = _read(hits)
    pixels = np.stack([resize_image(image, *retriever.input_size) for image in images])
    found = explain_images(retriever, torch.from_numpy(pixels), attributes=asked, method=method)
    values = found.values.numpy()
    return tuple(
        ExplainedHit(hit, image, maps[[asked.index(index) for index in own]])
        for hit, image, maps, own in zip(hits, images, values, positions, strict=True)
    )


def _read(hits: Sequence[Hit]) -> list[UInt8[np.ndarray, "height width 3"]]:
    images = []
    with ArchiveHandles() as archives:
        for hit in hits:
            try:
                images.append(np.array(open_rgb(source_from_text(hit.source), PIXEL_LIMIT, archives)))
            except (ImageError, ValueError) as error:  # ValueError: a name no file can have
                raise ImageError(
                    f"heat maps are drawn over the images themselves, and that of hit {hit.rank} cannot be "
                    f"read: {error}; put it back, or take a smaller --top"
                ) from error
    return images
