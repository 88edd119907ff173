"""Where in its crop the model found each attribute of a row."""

import numpy as np
import torch
from jaxtyping import UInt8

from attrieve.data.decoding import resize_image
from attrieve.errors import ImageError
from attrieve.gallery.explained_hits import require_run_of_gallery
from attrieve.gallery.heat_maps import heat_map_png
from attrieve.models.heat_maps import explain_images
from attrieve.serving.pictures import Picture, placeholder, read_pixels, reason_of
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.service import Service
from attrieve.serving.showing import rows_of_keys

SIDE_PX = 512
"""Longest side of the crop a map is drawn on."""


def heat_map(service: Service, key: str, attribute: str, *, legend: bool = False) -> Picture:
    """Return one attribute's heat map over the crop of a row, as a PNG.

    Raises:
        ProblemError: ``person-not-found``, or ``model-missing`` without a run.
        UnknownNameError: for an attribute the vocabulary lacks, with the nearest.
        InputError: if the run is not the one that filled the gallery.
    """
    gallery = service.galleries.current()
    [row] = rows_of_keys(gallery, [key])
    place = gallery.schema.index_of(attribute)
    retriever = service.retriever()
    if retriever is None:
        raise ProblemError(
            Problem.MODEL_MISSING,
            "heat maps need the run that filled the gallery; start the service with --run RUN",
        )
    require_run_of_gallery(retriever, gallery.model)
    try:
        pixels = read_pixels(row, service.settings.upload_pixels_most)
    except ImageError as error:
        return placeholder(reason_of(row, error))
    held = (gallery.model.fingerprint, key)
    maps = service.heat_maps.get(held)
    if maps is None:
        small = resize_image(pixels, *retriever.input_size)
        explained = service.scans.alone(lambda: explain_images(retriever, torch.from_numpy(small[None])))
        maps = explained.values[0].numpy()
        service.heat_maps.put(held, maps)
    return Picture(heat_map_png(_fitted(pixels), maps[place], legend=legend), "image/png")


def _fitted(pixels: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "new_height new_width 3"]:
    height, width = pixels.shape[:2]
    factor = SIDE_PX / max(height, width)
    if factor >= 1:
        return pixels
    return resize_image(pixels, max(1, round(height * factor)), max(1, round(width * factor)))
