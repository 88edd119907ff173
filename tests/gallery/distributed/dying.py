"""Models that end their process, as a crash in a decoder or a lack of memory would."""

import os
import signal
import uuid
from pathlib import Path

import torch
from torch import Tensor

from attrieve.models.retriever import ImageDescription, Retriever
from gallery.building import remember, settings, small_schema

WHITE = 255


class DyingRetriever(Retriever):
    """Dies over white images until it has done so often enough; notes each death as a file."""

    graveyard: str = ""
    deaths: int = 0

    def embed_images(self, images: Tensor, *, flip: bool = False) -> ImageDescription:
        white = (images.flatten(1) == WHITE).all(dim=1).any()
        if white and len(deaths_noted(Path(self.graveyard))) < self.deaths:
            (Path(self.graveyard) / uuid.uuid4().hex).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_images(images, flip=flip)


def deaths_noted(graveyard: Path) -> list[Path]:
    return list(graveyard.iterdir())


def dying_retriever(graveyard: Path, deaths: int) -> DyingRetriever:
    """A small retriever, the same as ``small_retriever()`` but for its deaths."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        retriever = DyingRetriever(settings(), small_schema(), name="small-run")
    remember(retriever.query)
    graveyard.mkdir()
    retriever.graveyard, retriever.deaths = str(graveyard), deaths
    return retriever.eval()
