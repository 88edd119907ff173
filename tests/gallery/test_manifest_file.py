"""What may stand where a gallery's folder is expected."""

import subprocess
import sys
from pathlib import Path

import pytest

from attrieve.errors import InputError
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.distributed.indexing import index_with_ray
from attrieve.gallery.distributed.search import open_sharded
from attrieve.gallery.ingest import index_images
from attrieve.gallery.manifest_file import require_folder
from attrieve.gallery.sources import FolderSource
from gallery.building import small_retriever, write_images

ADDRESS = "s3://bucket/people"


@pytest.mark.parametrize("as_path", [False, True])
def test_an_address_of_object_storage_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_path: bool
) -> None:
    """By whoever writes or reads, on a cluster before it is joined; and no folder ``s3:`` is left here."""
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "in", 2)
    gallery, source = Path(ADDRESS) if as_path else ADDRESS, FolderSource(tmp_path / "in")
    for use in (
        lambda: index_images(small_retriever(), gallery, source),
        lambda: index_with_ray(small_retriever(), gallery, source, address="127.0.0.1:1"),
        lambda: open_sharded(gallery, address="127.0.0.1:1").__enter__(),
        lambda: GallerySnapshot.open(gallery),
    ):
        with pytest.raises(InputError, match=f"address {ADDRESS}: .* not supported.*shared file system"):
            use()
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    "command", [["search", ADDRESS, "hat"], ["serve", ADDRESS], ["gallery", "info", ADDRESS]]
)
def test_commands_refuse_it_and_leave_nothing(tmp_path: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "attrieve.cli", *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"{ADDRESS}: galleries on object storage are not supported" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "folder", ["people", "/data/people", "a:b/people", "C:/people", "s3:people", "./s3:/people"]
)
def test_folders_are_folders(folder: str) -> None:
    """A colon in a name is no scheme, and a drive is none."""
    assert require_folder(folder) == Path(folder)
