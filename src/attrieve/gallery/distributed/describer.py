"""One worker of indexing: images in, keys, measures and vectors out. Runs on any machine of a cluster."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import UInt64
from torch import Tensor

import attrieve
from attrieve.data.archives import ArchiveHandles
from attrieve.errors import ClusterError
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.intake import Described
from attrieve.gallery.reading import ReadImage, ReadingSettings, read_image
from attrieve.gallery.sources.item import SourceItem
from attrieve.models.retriever import ImageDescription, Retriever


@dataclass(frozen=True)
class DescriberSettings:
    """How a worker describes.

    Args:
        reading: how images are read.
        threads: that read and decode, at least 1.
        device: where the model computes, for example ``cpu`` or ``cuda``.
        version: of attrieve on the machine that gives out the work.
    """

    reading: ReadingSettings
    threads: int = 2
    device: str = "cpu"
    version: str = attrieve.__version__


class Describer:
    """Reads and describes bundles of images; what stands here is lost with its machine, and may be.

    Two bundles may be in work at once: one is decoded while the model looks at the other.

    Args:
        retriever: describes the images.
        known: keys of the gallery when the run began, ascending; their images are not decoded.
        settings: how.
    """

    def __init__(
        self, retriever: Retriever, known: UInt64[np.ndarray, " row"], settings: DescriberSettings
    ) -> None:
        self._known = known
        self._settings = settings
        self._model = threading.Lock()
        self._archives = ArchiveHandles()
        self._pool = ThreadPoolExecutor(settings.threads, "attrieve-decode")
        self._retriever = retriever.to(settings.device)

    def ready(self) -> None:
        """Say that it can begin.

        Raises:
            ClusterError: if this machine has another version of attrieve than the one that asks.
        """
        if attrieve.__version__ != self._settings.version:
            raise ClusterError(
                f"a machine of the cluster has attrieve {attrieve.__version__}, this one has "
                f"{self._settings.version}; install the same on all"
            )

    def describe(self, items: Sequence[SourceItem]) -> Described:
        """Return what became of each image, in order, and the vectors of the new ones, on the processor.

        Of equal images the first is described; the others come back as if they were known.
        """
        images = list(self._pool.map(self._read, items))
        pixels = []
        seen: set[str] = set()
        for index, image in enumerate(images):
            if image.pixels is None or image.key is None:
                continue
            if image.key in seen:
                images[index] = as_known(image)
            else:
                seen.add(image.key)
                pixels.append(image.pixels)
                images[index] = replace(image, pixels=None)
        if not pixels:
            return Described(images, None)
        with self._model:
            description = self._retriever.embed_images(torch.from_numpy(np.stack(pixels)))
        return Described(
            images, ImageDescription(_to_memory(description.probability), _to_memory(description.embedding))
        )

    def _read(self, item: SourceItem) -> ReadImage:
        return read_image(item, self._is_known, self._archives, self._settings.reading)

    def _is_known(self, key: str) -> bool:
        number = key_numbers([key])[0]
        place = int(np.searchsorted(self._known, number))
        return place < len(self._known) and bool(self._known[place] == number)


def as_known(image: ReadImage) -> ReadImage:
    """Return a read image as it would be had its key been known: nothing was measured."""
    return replace(image, pixels=None, quality=None, thumbnail=None)


def _to_memory(column: Tensor | None) -> Tensor | None:
    return None if column is None else column.detach().float().cpu()
