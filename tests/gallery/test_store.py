"""A gallery folder: what is written is read, what fails leaves the old state."""

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from attrieve.data import files
from attrieve.errors import CheckpointError, InputError, SchemaMismatchError, StorageError
from attrieve.gallery.rows import Row, content_key, rows_from_bytes, rows_to_bytes
from attrieve.gallery.search import search
from attrieve.gallery.store import Columns, Gallery, GalleryWriter, open_writer
from attrieve.schema import Attribute, AttributeSchema, Group, GroupKind, ImageSource, parse_query
from gallery.building import NAMES, small_query_side, small_schema

DIM = 6
QUERY_SIDE = small_query_side()


def rows_and_columns(start: int, count: int) -> tuple[list[Row], Columns]:
    generator = torch.Generator().manual_seed(start)
    rows = [
        Row(content_key(b"%d" % number), ImageSource(Path(f"{number}.png")))
        for number in range(start, start + count)
    ]
    return rows, Columns(
        torch.rand(count, len(NAMES), generator=generator), torch.rand(count, DIM, generator=generator)
    )


def writing(folder: Path, fingerprint: str = "f" * 16) -> "object":
    return open_writer(folder, run_name="run", run_fingerprint=fingerprint, query_side=QUERY_SIDE)


def filled(folder: Path, count: int = 3) -> Path:
    with writing(folder) as writer:
        writer.append(*rows_and_columns(0, count))
    return folder


def test_what_is_appended_is_read_back_in_key_order(tmp_path: Path) -> None:
    """Two parts come back as one table, each vector with its own row."""
    first, second = rows_and_columns(0, 3), rows_and_columns(3, 2)
    with writing(tmp_path) as writer:
        writer.append(*first)
        writer.append(*second)
    gallery = Gallery.open(tmp_path)
    assert [row.key for row in gallery.rows] == sorted(row.key for row in (*first[0], *second[0]))
    assert gallery.columns is not None
    assert gallery.columns.probability is not None
    assert gallery.columns.embedding is not None
    for rows, columns in (first, second):
        assert columns.probability is not None
        assert columns.embedding is not None
        for index, row in enumerate(rows):
            place = gallery.rows.index(row)
            assert torch.equal(gallery.columns.probability[place], columns.probability[index])
            assert torch.equal(gallery.columns.embedding[place], columns.embedding[index])


def test_a_gallery_is_self_contained(tmp_path: Path) -> None:
    """Moved elsewhere, it answers as before: the query side came along."""
    filled(tmp_path / "here")
    query = parse_query("hat, !bag?", small_schema())
    before = search(Gallery.open(tmp_path / "here"), query)
    (tmp_path / "here").rename(tmp_path / "there")
    moved = Gallery.open(tmp_path / "there")
    assert search(moved, query) == before
    assert moved.manifest.run_name == "run"
    assert moved.manifest.run_fingerprint == "f" * 16
    assert moved.fusion.attribute_weight == QUERY_SIDE.retrieval.attribute_weight


def test_a_gallery_without_rows_opens(tmp_path: Path) -> None:
    """Made but not filled: zero rows, and a search says so."""
    with writing(tmp_path):
        pass
    gallery = Gallery.open(tmp_path)
    assert len(gallery) == 0
    with pytest.raises(InputError, match="no rows"):
        search(gallery, parse_query("hat", small_schema()))


@pytest.mark.parametrize("failing_call", [1, 2, 3])
def test_a_full_disk_leaves_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_call: int
) -> None:
    """Whichever file meets the full disk, rows that were there stay, and the writer can go on later."""
    filled(tmp_path)
    before = Gallery.open(tmp_path)
    calls = 0

    def refuse(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing_call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with writing(tmp_path) as writer:
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "fsync", refuse)
            with pytest.raises(StorageError, match="No space left"):
                writer.append(*rows_and_columns(3, 2))
        assert calls == failing_call
        after = Gallery.open(tmp_path)
        assert after.rows == before.rows
        query = parse_query("hat", small_schema())
        assert search(after, query) == search(before, query)
        writer.append(*rows_and_columns(3, 2))
    assert len(Gallery.open(tmp_path)) == 5
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("failing_call", [1, 2, 3])
def test_a_full_disk_at_creation_can_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_call: int
) -> None:
    """A gallery that could not be made is none; making it again works."""
    calls = 0

    def refuse(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing_call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", refuse)
        with pytest.raises(StorageError):
            filled(tmp_path)
    with pytest.raises(InputError, match="not a gallery"):
        Gallery.open(tmp_path)
    assert len(Gallery.open(filled(tmp_path))) == 3


def test_files_of_a_killed_append_are_replaced(tmp_path: Path) -> None:
    """A part no manifest names is no part of the gallery, and not in the way."""
    filled(tmp_path)
    (tmp_path / "part-00002.rows.jsonl").write_bytes(b'{"key": "half a li')
    (tmp_path / "part-00002.columns.safetensors").write_bytes(b"")
    assert len(Gallery.open(tmp_path)) == 3
    with writing(tmp_path) as writer:
        writer.append(*rows_and_columns(3, 4))
    assert len(Gallery.open(tmp_path)) == 7


def test_another_run_or_vocabulary_is_refused_with_both_names(tmp_path: Path) -> None:
    """Vectors of two models are never mixed."""
    filled(tmp_path)
    with pytest.raises(SchemaMismatchError, match=r"'run' \(f{16}\).*'run' \(e{16}\)"):
        writing(tmp_path, "e" * 16).__enter__()
    other = AttributeSchema("other", (Attribute("hat", "hat"),), (Group("hat", GroupKind.BINARY, ("hat",)),))
    from attrieve.models.query_side import QuerySide

    with (
        pytest.raises(SchemaMismatchError, match=r"small.*other"),
        open_writer(
            tmp_path,
            run_name="run",
            run_fingerprint="f" * 16,
            query_side=QuerySide(QUERY_SIDE.settings, other),
        ),
    ):
        pass
    assert len(Gallery.open(tmp_path)) == 3


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """A second writer is told to wait; after the first it may write."""
    with writing(tmp_path), pytest.raises(StorageError, match="another process"):
        writing(tmp_path).__enter__()
    filled(tmp_path)


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    """A gallery is never mixed into other files."""
    (tmp_path / "thesis.tex").write_text("do not lose me")
    with pytest.raises(InputError, match=r"not empty.*thesis\.tex"):
        writing(tmp_path).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """The gallery must be a folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another folder"):
        writing(tmp_path / "file").__enter__()
    with pytest.raises(InputError, match="not a gallery"):
        Gallery.open(tmp_path / "file")


def test_a_key_occurs_once(tmp_path: Path) -> None:
    """The writer refuses a row that is there, and rows without vectors."""
    filled(tmp_path)
    with writing(tmp_path) as writer:
        with pytest.raises(InputError, match="occurs once"):
            writer.append(*rows_and_columns(0, 1))
        with pytest.raises(InputError, match=r"2 rows came with 3"):
            writer.append(rows_and_columns(3, 2)[0], rows_and_columns(3, 3)[1])
    assert len(Gallery.open(tmp_path)) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("part-00001.rows.jsonl", b'{"key": 1'),
        ("part-00001.rows.jsonl", b""),
        ("part-00001.columns.safetensors", b"not tensors"),
        ("gallery.json", b"{"),
        ("gallery.json", b'{"format_version": 1}'),
    ],
)
def test_damage_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    """A damaged file is an error that names it, never a wrong answer."""
    filled(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StorageError, match=name.replace(".", r"\.")):
        Gallery.open(tmp_path)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    """So is a file that is gone."""
    filled(tmp_path)
    (tmp_path / "part-00001.columns.safetensors").unlink()
    with pytest.raises(StorageError, match="columns"):
        Gallery.open(tmp_path)


def test_a_missing_query_side_is_named(tmp_path: Path) -> None:
    """Without its query side a gallery cannot be asked."""
    filled(tmp_path)
    (tmp_path / "query_side" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="query_side"):
        Gallery.open(tmp_path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """A gallery of a later attrieve is not guessed at."""
    filled(tmp_path)
    document = json.loads((tmp_path / "gallery.json").read_text())
    (tmp_path / "gallery.json").write_text(json.dumps({**document, "format_version": 99}))
    with pytest.raises(InputError, match="99"):
        Gallery.open(tmp_path)


def test_any_file_name_camera_and_time_come_back() -> None:
    """Line breaks, other scripts, undecodable bytes and zip members survive the file of rows."""
    names = ["a\nb.png", "ünïcode ☃.png", "\u2028.png", os.fsdecode(b"\xff.png"), 'quote".png', "a!b.png"]
    rows = [Row(f"{n:016x}", ImageSource(Path(name)), "kamera 1\n") for n, name in enumerate(names)]
    rows.append(
        Row("f" * 16, ImageSource(Path("a.zip"), "b\n/c.png"), None, datetime(2020, 1, 2, tzinfo=UTC))
    )
    assert rows_from_bytes(rows_to_bytes(rows), "memory") == rows


def test_columns_need_a_branch() -> None:
    """A row without any vector cannot be ranked."""
    with pytest.raises(InputError, match="neither"):
        Columns(None, None)


def test_appending_nothing_writes_nothing(tmp_path: Path) -> None:
    """No empty parts."""
    with writing(tmp_path) as writer:
        assert isinstance(writer, GalleryWriter)
        writer.append([], rows_and_columns(0, 1)[1])
        assert writer.manifest.parts == ()
