"""A tiny gallery with everything jobs need, without a web server."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from attrieve.gallery.ingest import index_images
from attrieve.gallery.rows import content_key
from attrieve.models.retriever import Retriever
from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.cases.cases import Cases
from attrieve.serving.cases.export_index import ExportIndex
from attrieve.serving.erasure import Erasure
from attrieve.serving.jobs.adding import AddImages
from attrieve.serving.jobs.caring import CompactGallery, ReindexGallery
from attrieve.serving.jobs.deleting import DeleteRows
from attrieve.serving.jobs.job import JobKind
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.jobs.worker import JobWorker
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import Ledger
from attrieve.serving.state.signing import SigningKey
from attrieve.serving.uploads.kept_images import KeptImages
from gallery.building import small_retriever, write_images

KIM = Actor("kim", Role.CURATOR, "session")
LEE = Actor("lee", Role.SEARCHER, "session")


@dataclass
class Workplace:
    """Everything over one gallery folder."""

    folder: Path
    retriever: Retriever | None
    lease_s: float = 20.0
    run: Path | None = None
    changes: int = 0
    database: StateDatabase = field(init=False)

    def __post_init__(self) -> None:
        self.gallery = self.folder / "gallery"
        self.state = self.folder / "state"
        self.database = StateDatabase(self.state / "state.sqlite")
        self.ledger = Ledger(self.database, SigningKey.open(self.state))
        self.jobs = JobQueue(self.database, lease_s=self.lease_s)
        self.cases = Cases(self.database, self.ledger)
        self.exports = ExportIndex(self.state, self.database)
        self.kept = KeptImages(self.state)
        self.erasure = Erasure(self.state, self.database, self.cases, self.exports, self.ledger)

    def changed(self) -> None:
        self.changes += 1

    def worker(self, beat_s: float = 1.0) -> JobWorker:
        work = {
            JobKind.ADD_IMAGES: AddImages(
                self.gallery, self.kept, lambda: self.retriever, self.ledger, self.changed
            ),
            JobKind.DELETE_ROWS: DeleteRows(self.gallery, self.erasure, self.jobs, self.changed),
            JobKind.COMPACT: CompactGallery(self.gallery, self.kept, self.jobs, self.ledger, self.changed),
            JobKind.REEMBED: ReindexGallery(self.gallery, self.run, self.ledger, self.changed),
        }
        return JobWorker(self.jobs, work, poll_s=0.05, beat_s=beat_s)

    def images(self, count: int, seed: int, **fields: object) -> list[dict[str, object]]:
        """Keep random pictures, no two alike, as an upload does; return the payload that names them."""
        generator = np.random.default_rng(seed)
        made = []
        for index in range(count):
            pixels = generator.integers(0, 256, (20, 10, 3), dtype=np.uint8)
            key = content_key(pixels.tobytes())
            path = self.kept.keep(Image.fromarray(pixels), key)
            name = {"file_name": f"upload-{seed}-{index}.png"}
            made.append({"key": key, "file": self.kept.relative(path), "fields": {**fields, **name}})
        return made

    def add(self, images: list[dict[str, object]]) -> int:
        """Queue images; return the number of the job."""
        return self.jobs.submit(JobKind.ADD_IMAGES, {"images": images}, KIM).number

    def close(self) -> None:
        self.database.close()


def make_workplace(folder: Path, rows: int = 4, thumbnail_px: int | None = None) -> Workplace:
    """A gallery of some rows, indexed by a model that is as good as any."""
    retriever = small_retriever()
    index_images(
        retriever, folder / "gallery", write_images(folder / "given", rows), thumbnail_px=thumbnail_px
    )
    return Workplace(folder, retriever)
