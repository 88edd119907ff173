"""From images to rows: once each, through kills and bad files."""

import os
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from attrieve.data.folder import read_folder
from attrieve.data.images import decode_image, resize_image
from attrieve.errors import InputError, SchemaMismatchError, UnknownNameError
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.index_progress import IndexProgress
from attrieve.gallery.ingest import index_images
from attrieve.gallery.pipeline import IndexSummary, PipelineSettings
from attrieve.gallery.quarantine import read_quarantine
from attrieve.gallery.search import search
from attrieve.gallery.sources import open_source
from attrieve.gallery.store import Gallery
from attrieve.models.retriever import ImageDescription, Retriever
from attrieve.schema import ImageSource, Person, load_vocabulary, parse_query
from gallery.building import NAMES, small_retriever, write_images


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return small_retriever()


def rows_of(gallery: Gallery) -> list[GalleryRow]:
    """All rows, in the order of the store."""
    return gallery.store.rows_at(gallery.columns.row_id)


def small_batches(batch: int, rows_per_commit: int = 4096) -> PipelineSettings:
    return PipelineSettings(batch=batch, rows_per_commit=rows_per_commit)


def counts(summary: IndexSummary) -> tuple[int, int, int]:
    return summary.added, summary.already_there, summary.quarantined


def test_rows_hold_what_the_model_sees(tmp_path: Path, retriever: Retriever) -> None:
    """Each row's vectors are those of its own image, decoded and resized as everywhere."""
    sources = write_images(tmp_path / "in", 7)
    assert counts(index_images(retriever, tmp_path / "g", sources, settings=small_batches(3))) == (7, 0, 0)
    gallery = Gallery.open(tmp_path / "g")
    rows = rows_of(gallery)
    columns = gallery.columns.vectors(np.arange(len(rows)))
    assert [row.source for row in rows] == sources
    for index, row in enumerate(rows):
        pixels = resize_image(decode_image(row.source), *retriever.input_size)
        seen = retriever.embed_images(torch.from_numpy(pixels)[None])
        for column, expected in (
            (columns.probability, seen.probability),
            (columns.embedding, seen.embedding),
        ):
            assert column is not None
            assert expected is not None
            assert np.allclose(column[index], expected[0].numpy(), atol=1e-5)


def test_indexing_again_adds_nothing(tmp_path: Path, retriever: Retriever) -> None:
    """The same images, copies of them under other names, and repeats in one run are one row each."""
    sources = write_images(tmp_path / "in", 4)
    shutil.copytree(tmp_path / "in", tmp_path / "copies")
    assert counts(index_images(retriever, tmp_path / "g", sources + sources, settings=small_batches(3))) == (
        4,
        4,
        0,
    )
    everything = read_folder(tmp_path / "copies") + sources
    assert counts(index_images(retriever, tmp_path / "g", everything)) == (0, 8, 0)
    assert len(Gallery.open(tmp_path / "g")) == 4


def test_known_images_are_not_described_again(
    tmp_path: Path, retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Continuing costs reading, not computing."""
    sources = write_images(tmp_path / "in", 4)
    index_images(retriever, tmp_path / "g", sources)

    def fail(*_: object) -> ImageDescription:
        raise AssertionError("described an image that was there")

    monkeypatch.setattr(retriever, "embed_images", fail)
    assert counts(index_images(retriever, tmp_path / "g", sources)) == (0, 4, 0)


def test_a_killed_run_continues(
    tmp_path: Path, retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was described before the interruption is kept and searchable; the second run adds the rest."""
    sources = write_images(tmp_path / "in", 11)
    calls, real = 0, retriever.embed_images

    def dying(images: torch.Tensor) -> ImageDescription:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return real(images)

    with monkeypatch.context() as patch:
        patch.setattr(retriever, "embed_images", dying)
        with pytest.raises(KeyboardInterrupt):
            index_images(retriever, tmp_path / "g", sources, settings=small_batches(2, rows_per_commit=4))
    assert len(Gallery.open(tmp_path / "g")) == 6
    assert counts(index_images(retriever, tmp_path / "g", sources, settings=small_batches(2))) == (5, 6, 0)
    index_images(retriever, tmp_path / "whole", sources, settings=small_batches(2))
    query = parse_query("hat, !bag", retriever.schema)
    resumed, whole = (
        search(Gallery.open(tmp_path / name), query, top=99, explain=False) for name in ("g", "whole")
    )
    assert [hit.key for hit in resumed.hits] == [hit.key for hit in whole.hits]
    assert [h.distance for h in resumed.hits] == pytest.approx([h.distance for h in whole.hits], abs=1e-5)


def test_bad_images_go_to_quarantine_and_stop_nothing(tmp_path: Path, retriever: Retriever) -> None:
    """Empty, truncated, missing and no image at all: each is listed with a reason."""
    good = write_images(tmp_path / "in", 3)
    bad = {name: tmp_path / "in" / f"{name}.png" for name in ("empty", "truncated", "text", "missing")}
    bad["empty"].write_bytes(b"")
    bad["truncated"].write_bytes(good[0].path.read_bytes()[:60])
    bad["text"].write_text("no image")
    sources = [good[0], *(ImageSource(path) for path in bad.values()), *good[1:]]
    sources += [ImageSource(tmp_path / "in"), ImageSource(tmp_path / "no.zip", "x.png")]
    assert counts(index_images(retriever, tmp_path / "g", sources)) == (3, 0, 6)
    reasons = read_quarantine(tmp_path / "g")
    assert set(reasons) == set(sources) - set(good)
    assert all(reasons.values())


def test_a_mended_image_leaves_quarantine(tmp_path: Path, retriever: Retriever) -> None:
    """Entries stay over runs until their image is found sound."""
    sources = write_images(tmp_path / "in", 2)
    content = sources[0].path.read_bytes()
    sources[0].path.write_bytes(b"")
    index_images(retriever, tmp_path / "g", sources)
    index_images(retriever, tmp_path / "g", sources[1:])
    assert set(read_quarantine(tmp_path / "g")) == {sources[0]}
    sources[0].path.write_bytes(content)
    assert counts(index_images(retriever, tmp_path / "g", sources)) == (1, 1, 0)
    assert read_quarantine(tmp_path / "g") == {}


def test_an_image_the_model_cannot_describe_is_quarantined(
    tmp_path: Path, retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN never enters a gallery."""
    sources, real = write_images(tmp_path / "in", 3), retriever.embed_images

    def sick(images: torch.Tensor) -> ImageDescription:
        description = real(images)
        assert description.embedding is not None
        embedding = description.embedding.clone()
        embedding[1, 0] = torch.nan
        return ImageDescription(description.probability, embedding)

    monkeypatch.setattr(retriever, "embed_images", sick)
    assert counts(index_images(retriever, tmp_path / "g", sources)) == (2, 0, 1)
    assert set(read_quarantine(tmp_path / "g")) == {sources[1]}
    columns = Gallery.open(tmp_path / "g").columns.vectors(np.arange(2))
    assert all(np.isfinite(column).all() for column in columns.named().values())


def test_any_file_name_round_trips(tmp_path: Path, retriever: Retriever) -> None:
    """Line breaks, other scripts and undecodable bytes in names, for rows and for quarantine."""
    (original,) = write_images(tmp_path / "in", 1)
    names = ["a\nb.png", "ünï ☃.png", "[red]x.png", os.fsdecode(b"\xff.png")]
    sources = []
    for number, name in enumerate(names):
        path = tmp_path / name
        path.write_bytes(original.path.read_bytes() + bytes([number]))  # trailing bytes: another key
        sources.append(ImageSource(path))
    broken = ImageSource(tmp_path / "bro\nken ☃.png")
    assert counts(index_images(retriever, tmp_path / "g", [*sources, broken])) == (4, 0, 1)
    gallery = Gallery.open(tmp_path / "g")
    assert {row.source for row in rows_of(gallery)} == set(sources)
    assert set(read_quarantine(tmp_path / "g")) == {broken}
    found = search(gallery, parse_query("hat", gallery.schema)).hits
    assert {hit.source for hit in found} == {str(source) for source in sources}


def test_persons_bring_camera_and_time(tmp_path: Path, retriever: Retriever) -> None:
    """What a data set knows of the picture is kept."""
    (source,) = write_images(tmp_path / "in", 1)
    person = Person("p/1", source, (0,) * len(NAMES), camera="c3", time=datetime(2024, 5, 6, 7, 8))
    index_images(retriever, tmp_path / "g", [person])
    (row,) = rows_of(Gallery.open(tmp_path / "g"))
    assert (row.camera, row.time, row.source) == ("c3", datetime(2024, 5, 6, 7, 8, tzinfo=UTC), source)


def test_images_in_archives_are_indexed_in_place(tmp_path: Path, retriever: Retriever) -> None:
    """Zip members are rows like files, with the same key for the same bytes."""
    sources = write_images(tmp_path / "in", 3)
    with zipfile.ZipFile(tmp_path / "crops.zip", "w") as archive:
        for source in sources:
            archive.write(source.path, f"a/{source.path.name}")
    members = read_folder(tmp_path / "crops.zip")
    assert counts(index_images(retriever, tmp_path / "g", members)) == (3, 0, 0)
    assert {row.source for row in rows_of(Gallery.open(tmp_path / "g"))} == set(members)
    assert counts(index_images(retriever, tmp_path / "g", sources)) == (0, 3, 0)


def test_relative_paths_are_kept_whole(
    tmp_path: Path, retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gallery still finds its images when asked from another folder."""
    (source,) = write_images(tmp_path / "in", 1)
    monkeypatch.chdir(tmp_path)
    index_images(retriever, tmp_path / "g", [ImageSource(Path("in") / source.path.name)])
    assert rows_of(Gallery.open(tmp_path / "g"))[0].source == source


def test_another_model_is_refused(tmp_path: Path, retriever: Retriever) -> None:
    """Neither other weights nor another vocabulary may add rows."""
    sources = write_images(tmp_path / "in", 2)
    index_images(retriever, tmp_path / "g", sources)
    with pytest.raises(SchemaMismatchError, match=r"small-run.*second-run"):
        index_images(small_retriever(1, name="second-run"), tmp_path / "g", sources)
    stranger = Retriever(retriever.settings, load_vocabulary("peta35"))
    with pytest.raises(SchemaMismatchError, match=r"small.*peta35"):
        index_images(stranger, tmp_path / "g", sources)
    assert len(Gallery.open(tmp_path / "g")) == 2


def test_progress_counts_every_source_once(tmp_path: Path, retriever: Retriever) -> None:
    """New, known and bad ones alike."""
    sources = [*write_images(tmp_path / "in", 3), ImageSource(tmp_path / "gone.png")]
    steps: list[IndexProgress] = []
    twice = sources + sources
    index_images(retriever, tmp_path / "g", twice, settings=small_batches(2), progress=steps.append)
    assert (steps[-1].done, steps[-1].total) == (8, 8)


def test_no_sources_make_an_empty_gallery(tmp_path: Path, retriever: Retriever) -> None:
    """Nothing to do is done."""
    assert counts(index_images(retriever, tmp_path / "g", [])) == (0, 0, 0)
    assert len(Gallery.open(tmp_path / "g")) == 0


def test_thumbnails_are_decided_when_a_gallery_is_made(tmp_path: Path, retriever: Retriever) -> None:
    """Kept where asked for; a gallery without refuses them rather than dropping them."""
    sources = write_images(tmp_path / "in", 2)
    index_images(retriever, tmp_path / "with", sources, thumbnail_px=12)
    for row in rows_of(Gallery.open(tmp_path / "with")):
        assert row.thumbnail is not None
        assert decode_image(row.thumbnail).shape == (12, 6, 3)
    index_images(retriever, tmp_path / "without", sources[:1])
    with pytest.raises(InputError, match="made without thumbnails"):
        index_images(retriever, tmp_path / "without", sources, thumbnail_px=12)


def test_columns_of_a_list_can_be_searched_by(tmp_path: Path, retriever: Retriever) -> None:
    """Camera, time and columns of one's own come along from a list, and filter a search."""
    sources = write_images(tmp_path / "in", 3)
    lines = ["path,camera,time,gate"]
    lines += [f"{one.path},C{place},2024-05-0{place + 1},{place + 10}" for place, one in enumerate(sources)]
    (tmp_path / "crops.csv").write_text("\n".join(lines))
    index_images(retriever, tmp_path / "g", open_source(str(tmp_path / "crops.csv")))
    gallery = Gallery.open(tmp_path / "g")
    query = parse_query("hat", gallery.schema)
    for condition, expected in (
        ("camera=C1", {1}),
        ("gate=10,12", {0, 2}),
        ("time<2024-05-03", {0, 1}),
        ("camera=C9", set()),
    ):
        hits = search(gallery, query, where=gallery.store.parse([condition])).hits
        assert {hit.source for hit in hits} == {str(sources[place]) for place in expected}
    with pytest.raises(UnknownNameError, match="camera"):
        gallery.store.parse(["camra=C1"])


def test_real_crops_are_indexed_from_the_archive(
    tmp_path: Path, retriever: Retriever, shared_data: Path
) -> None:
    """A few PETA images, in their zip archive, become rows."""
    archive = shared_data / "peta" / "peta-images.zip"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    members = read_folder(archive)[:: 19000 // 10]
    summary = index_images(retriever, tmp_path / "g", members)
    assert summary.added + summary.already_there == len(members)
    gallery = Gallery.open(tmp_path / "g")
    distances = [hit.distance for hit in search(gallery, parse_query("hat", gallery.schema)).hits]
    assert np.isfinite(distances).all()
