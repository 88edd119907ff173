"""``attrieve gallery reembed``, ``switch`` and ``drop-model``."""

from pathlib import Path

import numpy as np
import pytest
import torch

from attrieve.errors import InputError
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.ingest import index_images
from attrieve.gallery.pipeline import PipelineSettings
from attrieve.gallery.reembed import reembed_gallery
from attrieve.models.retriever import Retriever
from attrieve.schema import ImageSource
from cli.gallery_commands import asked, failure, shown
from gallery.building import small_retriever, write_images
from gallery.database.made import row, vectors


class Stop(BaseException):
    """What ends a run in the middle, as Ctrl-C does."""


@pytest.fixture(scope="module")
def old() -> Retriever:
    return small_retriever(0, name="old")


@pytest.fixture(scope="module")
def new() -> Retriever:
    return small_retriever(1, name="new")


@pytest.fixture
def images(tmp_path: Path) -> list[ImageSource]:
    return write_images(tmp_path / "crops", 8)


@pytest.fixture
def folder(tmp_path: Path, old: Retriever, images: list[ImageSource]) -> Path:
    index_images(old, tmp_path / "gallery", images)
    return tmp_path / "gallery"


@pytest.fixture
def run(tmp_path: Path, new: Retriever) -> Path:
    new.save_pretrained(tmp_path / "run")
    return tmp_path / "run"


def holds_the_vectors_of(folder: Path, retriever: Retriever, images: list[ImageSource]) -> bool:
    """Whether a gallery holds what indexing these images anew would give."""
    again = folder.parent / f"again-{len(images)}-{retriever.name}"
    index_images(retriever, again, images)
    here, there = (GallerySnapshot.open(one).columns() for one in (folder, again))
    return (
        here.key.tolist() == there.key.tolist()
        and np.allclose(here.embedding, there.embedding, atol=1e-5)  # type: ignore[arg-type]
        and np.allclose(here.probability, there.probability, atol=1e-5)  # type: ignore[arg-type]
    )


def test_the_gallery_is_described_again_and_can_go_back(
    folder: Path, run: Path, old: Retriever, new: Retriever, images: list[ImageSource]
) -> None:
    """Re-embed, switch to the old model, back to the new one, forget the old one."""
    told = asked("reembed", folder, run)
    assert (told["described"], told["left"], told["finished"]) == (8, [], True)
    assert holds_the_vectors_of(folder, new, images)
    assert "nothing to do" in failure("reembed", folder, run)
    assert asked("switch", folder, "old")["active"] == old.fingerprint
    assert holds_the_vectors_of(folder, old, images)
    assert "searched by new" in shown("switch", folder, new.fingerprint)
    assert "'new'" in failure("drop-model", folder, "new", "--yes")
    failure("drop-model", folder, "old", code=2)
    assert asked("drop-model", folder, "old", "--yes")["models"] == [new.fingerprint]
    assert "did you mean 'new'" in failure("switch", folder, "neww")
    assert verify_database(folder, images=True).clean


def test_a_stopped_run_goes_on_where_it_was(
    folder: Path, new: Retriever, images: list[ImageSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile the old model is searched; what was committed is not described again."""
    seen = 0
    describe = new.embed_images

    def some(pixels: torch.Tensor) -> object:
        nonlocal seen
        if seen >= 4:
            raise Stop
        seen += len(pixels)
        return describe(pixels)

    monkeypatch.setattr(new, "embed_images", some)
    settings = PipelineSettings(batch=2, rows_per_commit=2)
    with pytest.raises(Stop):
        reembed_gallery(new, folder, settings=settings)
    assert GallerySnapshot.open(folder).model.name == "old"
    with pytest.raises(InputError, match="still being filled"):
        GallerySnapshot.open(folder, model=new.fingerprint)
    assert [entry["rows"] for entry in asked("info", folder)["models"]] == [8, 4]
    monkeypatch.undo()
    summary = reembed_gallery(new, folder)
    assert (summary.described, summary.before, summary.finished) == (4, 4, True)
    assert holds_the_vectors_of(folder, new, images)


def test_images_that_are_gone_keep_the_old_model(
    folder: Path, run: Path, new: Retriever, images: list[ImageSource]
) -> None:
    """Each is named with the reason; with --delete-unreadable their rows go and the rest is switched."""
    images[0].path.unlink()
    images[1].path.write_bytes(images[2].path.read_bytes())
    with open_database_writer(folder) as writer:
        crop = row(5, frame=7, source=ImageSource(Path("/v.mp4")))
        extra = vectors([5], dim=6)
        writer.add([crop], type(extra)(extra.embedding, np.full((1, 8), 0.5, np.float32)))
    told = asked("reembed", folder, run, code=1)
    assert (told["described"], told["finished"]) == (6, False)
    reasons = {entry["source"]: entry["reason"] for entry in told["left"]}
    assert set(reasons) == {str(images[0]), str(images[1]), "/v.mp4"}
    assert "another picture" in reasons[str(images[1])]
    assert "video" in reasons["/v.mp4"]
    assert GallerySnapshot.open(folder).model.name == "old"
    assert "3 images cannot be described again" in shown("reembed", folder, run, code=1)
    failure("reembed", folder, run, "--delete-unreadable", code=2)
    assert asked("reembed", folder, run, "--delete-unreadable", "--yes")["deleted"] == 3
    assert holds_the_vectors_of(folder, new, images[2:])


def test_switching_tells_what_the_other_model_has_not_seen(
    folder: Path, run: Path, new: Retriever, tmp_path: Path
) -> None:
    """Rows that were added under the new model only."""
    shown("reembed", folder, run)
    index_images(new, folder, write_images(tmp_path / "more", 3, seed=9))
    told = asked("switch", folder, "old")
    assert (told["rows"], told["missing"]) == (8, 3)
