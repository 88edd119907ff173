"""Indexing with everything at once: same rows whatever the threads, and an end whatever happens."""

import itertools
import os
import shutil
import signal
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attrieve.data.images import decode_image, resize_image
from attrieve.errors import DatasetError, InputError, StorageError
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.index_progress import IndexProgress
from attrieve.gallery.pipeline import IndexSummary, PipelineSettings, run_pipeline
from attrieve.gallery.quality import measure_quality, thumbnail
from attrieve.gallery.reading import ReadingSettings
from attrieve.gallery.row_writers import IndexedImage, MemoryRefusals, MemoryWriter
from attrieve.gallery.rows import content_key
from attrieve.gallery.sources import FolderSource, GivenSource, SourceItem
from attrieve.models.retriever import ImageDescription
from attrieve.schema import ImageSource
from gallery.building import write_images

SIZE = (8, 4)
READING = ReadingSettings(SIZE)


def describe(pixels: torch.Tensor) -> ImageDescription:
    """A model that any test can follow: mean colours, and where they point."""
    probability = pixels.float().mean(dim=(1, 2)) / 255
    return ImageDescription(probability, torch.nn.functional.normalize(probability, dim=1))


def settings(batch: int = 4, workers: int = 2, rows: int = 1000) -> PipelineSettings:
    return PipelineSettings(batch=batch, workers=workers, rows_per_commit=rows)


def counts(summary: IndexSummary) -> tuple[int, int, int]:
    return summary.added, summary.already_there, summary.quarantined


def own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("attrieve-")]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    until = time.monotonic() + 5
    while own_threads() and time.monotonic() < until:
        time.sleep(0.01)
    assert own_threads() == []


@pytest.fixture
def images(tmp_path: Path) -> list[ImageSource]:
    return write_images(tmp_path / "in", 11)


def test_rows_hold_what_the_model_sees_in_the_order_of_the_source(images: list[ImageSource]) -> None:
    """Key, vectors, measures and thumbnail of each image are those of its own file."""
    writer = MemoryWriter()
    reading = replace(READING, thumbnail_px=9)
    assert counts(run_pipeline(GivenSource(images), describe, writer, reading, settings())) == (11, 0, 0)
    assert [row.source for row in writer.rows] == images
    vectors = writer.vectors
    assert vectors is not None
    assert vectors.probability is not None
    for index, row in enumerate(writer.rows):
        whole = decode_image(row.source)
        assert row.key == content_key(row.source.path.read_bytes())
        assert row.quality == measure_quality(whole[None])[0]
        assert row.thumbnail == thumbnail(whole, 9)
        seen = describe(torch.from_numpy(resize_image(whole, *SIZE))[None])
        assert seen.probability is not None
        assert np.allclose(vectors.probability[index], seen.probability[0].numpy())


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_number_of_threads_changes_nothing(tmp_path: Path, workers: int) -> None:
    """Rows, order, batches and quarantine are the same, though reading takes unequal time."""
    sources = write_images(tmp_path / "in", 30)
    for index in (3, 9, 20):
        sources[index].path.write_bytes(b"broken %d" % index)
    shutil.copy(sources[10].path, sources[2].path)
    batches: list[int] = []

    class Uneven(MemoryWriter):
        def known(self, key: str) -> bool:
            time.sleep(0.003 * (int(key[0], 16) % 4))
            return super().known(key)

    def counted(pixels: torch.Tensor) -> ImageDescription:
        batches.append(len(pixels))
        return describe(pixels)

    writer, refusals = Uneven(), MemoryRefusals()
    run_pipeline(GivenSource(sources), counted, writer, READING, settings(4, workers), refusals=refusals)
    expected = [source for index, source in enumerate(sources) if index not in (3, 9, 10, 20)]
    assert [row.source for row in writer.rows] == expected
    assert list(refusals.reasons) == [sources[index] for index in (3, 9, 20)]
    assert batches == [4, 4, 4, 4, 4, 4, 2]


def huge_png(side: int) -> bytes:
    """A PNG that claims an image of side x side pixels in a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(99)))
        + chunk(b"IEND", b"")
    )


def test_one_bad_image_never_stops_the_run(tmp_path: Path, images: list[ImageSource]) -> None:
    """Each is listed with its reason, in its own words."""
    folder = tmp_path / "in"
    content = images[0].path.read_bytes()
    bad = {
        "bomb.png": (huge_png(60_000), "60000"),
        "empty.png": (b"", "empty"),
        "half.png": (content[: len(content) // 2], "truncated"),
        "text.jpg": (b"just words", "not an image"),
        "line\nbreak \udcff.png": (b"", "empty"),
    }
    for name, (what, _) in bad.items():
        (folder / name).write_bytes(what)
    (folder / "dangling.png").symlink_to(folder / "nowhere")
    reasons = {name: reason for name, (_, reason) in bad.items()} | {"dangling.png": "no such image"}
    writer, refusals = MemoryWriter(), MemoryRefusals()
    summary = run_pipeline(FolderSource(folder), describe, writer, READING, settings(), refusals=refusals)
    assert counts(summary) == (11, 0, len(reasons))
    assert {source.path.name for source in refusals.reasons} == set(reasons)
    for source, said in refusals.reasons.items():
        assert reasons[source.path.name] in said
        assert str(source) in said


def test_an_unexpected_failure_of_a_decoder_is_that_images_own(
    images: list[ImageSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with one image is written beside its name."""

    class Item(SourceItem):
        def load(self, archives: object) -> bytes:
            raise MemoryError("no room")

    class Source(GivenSource):
        def __iter__(self) -> Iterator[SourceItem]:
            first, *rest = super().__iter__()
            yield Item(first.source)
            yield from rest

    refusals = MemoryRefusals()
    summary = run_pipeline(Source(images), describe, MemoryWriter(), READING, settings(), refusals=refusals)
    assert counts(summary) == (10, 0, 1)
    assert "MemoryError: no room" in refusals.reasons[images[0]]


def test_numbers_that_are_not_finite_never_enter(images: list[ImageSource]) -> None:
    """The image goes to quarantine, so does a copy of it, wherever it comes; its batch goes on."""
    sick = decode_image(images[5])
    mean = torch.from_numpy(resize_image(sick, *SIZE)).float().mean()

    def half_blind(pixels: torch.Tensor) -> ImageDescription:
        description = describe(pixels)
        assert description.embedding is not None
        hurt = (pixels.float().mean(dim=(1, 2, 3)) - mean).abs() < 1e-4
        return replace(description, embedding=description.embedding.masked_fill(hurt[:, None], torch.nan))

    for batch, workers in itertools.product((1, 4, 32), (1, 3)):
        writer, refusals = MemoryWriter(), MemoryRefusals()
        copy = images[5].path.with_name("copy.png")
        shutil.copy(images[5].path, copy)
        source = GivenSource([*images, ImageSource(copy), images[0]])
        summary = run_pipeline(
            source, half_blind, writer, READING, settings(batch, workers), refusals=refusals
        )
        assert counts(summary) == (10, 1, 2)
        assert set(refusals.reasons) == {images[5], ImageSource(copy)}
        assert all("not finite" in reason for reason in refusals.reasons.values())
        assert writer.vectors is not None
        assert all(np.isfinite(column).all() for column in writer.vectors.named().values())


def test_what_is_there_is_neither_decoded_nor_described(images: list[ImageSource]) -> None:
    """Going on costs reading and hashing: files with a known key need not even be images."""
    known = b"no image at all"
    images[0].path.write_bytes(known)

    class Knowing(MemoryWriter):
        def known(self, key: str) -> bool:
            return key == content_key(known) or super().known(key)

    writer = Knowing()
    assert counts(run_pipeline(GivenSource(images), describe, writer, READING, settings())) == (10, 1, 0)

    def never(pixels: torch.Tensor) -> ImageDescription:
        raise AssertionError("described an image that was there")

    assert counts(run_pipeline(GivenSource(images), never, writer, READING, settings())) == (0, 11, 0)


def test_commits_come_by_rows_and_by_time(images: list[ImageSource]) -> None:
    """So that a kill loses little."""
    writer = MemoryWriter()
    run_pipeline(GivenSource(images), describe, writer, READING, settings(2, rows=4))
    assert writer.commits == [4, 4, 3]
    writer = MemoryWriter()
    hasty = PipelineSettings(batch=2, seconds_per_commit=0.0)
    run_pipeline(GivenSource(images), describe, writer, READING, hasty)
    assert writer.commits == [2, 2, 2, 2, 2, 1]


class Endless(GivenSource):
    """One image again and again, each time with another trailing byte; counts what was asked for."""

    def __init__(self, image: ImageSource, count: int | None = None) -> None:
        super().__init__([])
        self.content = image.path.read_bytes()
        self.asked = 0
        self.closed = threading.Event()
        self.limit = count

    def __iter__(self) -> Iterator[SourceItem]:
        try:
            for number in itertools.count() if self.limit is None else range(self.limit):
                self.asked += 1
                yield SourceItem(ImageSource(Path(f"/{number}")), content=self.content + b"%d" % number)
        finally:
            self.closed.set()


def fails_after(calls: int, error: BaseException) -> Callable[[torch.Tensor], ImageDescription]:
    seen = itertools.count(1)

    def dying(pixels: torch.Tensor) -> ImageDescription:
        if next(seen) > calls:
            raise error
        return describe(pixels)

    return dying


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("out of memory")])
def test_when_the_model_fails_what_was_described_is_kept(
    images: list[ImageSource], error: BaseException
) -> None:
    """All threads end, the source is closed, finished batches are committed, the error comes through."""
    source, writer = Endless(images[0]), MemoryWriter()
    with pytest.raises(type(error)):
        run_pipeline(source, fails_after(3, error), writer, READING, settings(4))
    assert [row.source.path.name for row in writer.rows] == [str(number) for number in range(12)]
    assert source.closed.is_set()


@pytest.fixture
def _keys_interrupt() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C, and Python leaves it at that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_keys_interrupt")
def test_ctrl_c_while_waiting_for_a_slow_source_ends_the_run(images: list[ImageSource]) -> None:
    """The key is pressed while every thread waits for an image that does not come."""
    two_batches, let_go = threading.Event(), threading.Event()

    class Slow(GivenSource):
        def __iter__(self) -> Iterator[SourceItem]:
            yield from super().__iter__()
            let_go.wait(60)

    class Watched(MemoryWriter):
        def append(self, rows: Sequence[IndexedImage], vectors: Vectors) -> None:
            super().append(rows, vectors)
            if rows[0].source == images[4]:
                two_batches.set()

    def press() -> None:
        two_batches.wait(60)
        time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # wakes it from any wait
        time.sleep(0.5)
        let_go.set()

    presser = threading.Thread(target=press)
    presser.start()
    writer = Watched()
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(Slow(images), describe, writer, READING, settings(4))
    presser.join()
    assert [row.source for row in writer.rows] == images[:8]


def test_when_the_source_breaks_what_came_before_is_kept(images: list[ImageSource]) -> None:
    """The failure takes its place in the order."""

    class Breaking(GivenSource):
        def __iter__(self) -> Iterator[SourceItem]:
            yield from super().__iter__()
            raise DatasetError("the disk was pulled out")

    writer = MemoryWriter()
    with pytest.raises(DatasetError, match="pulled out"):
        run_pipeline(Breaking(images), describe, writer, READING, settings(4))
    assert [row.source for row in writer.rows] == images


@pytest.mark.parametrize("where", ["known", "append", "commit"])
def test_when_the_writer_fails_the_run_ends(images: list[ImageSource], where: str) -> None:
    """Even in the middle of an endless source; nothing is committed twice or out of order."""

    class Full(MemoryWriter):
        calls = 0

        def fail(self, name: str) -> None:
            self.calls += name == where
            if name == where and self.calls > 2:
                raise StorageError("the disk is full")

        def known(self, key: str) -> bool:
            self.fail("known")
            return super().known(key)

        def append(self, rows: Sequence[IndexedImage], vectors: Vectors) -> None:
            self.fail("append")
            super().append(rows, vectors)

        def commit(self) -> None:
            self.fail("commit")
            super().commit()

    source, writer = Endless(images[0]), Full()
    with pytest.raises(StorageError, match="disk is full"):
        run_pipeline(source, describe, writer, READING, settings(4, rows=4))
    names = [row.source.path.name for row in writer.rows]
    assert names == [str(number) for number in range(len(names))]
    assert len(names) == (2 if where == "known" else 8)
    assert source.closed.wait(5)


def test_progress_that_fails_ends_the_run(images: list[ImageSource]) -> None:
    """A broken display is an error like others, not a hang."""

    def broken(_: IndexProgress) -> None:
        raise ValueError("no terminal")

    with pytest.raises(ValueError, match="no terminal"):
        run_pipeline(Endless(images[0], 500), describe, MemoryWriter(), READING, settings(4), progress=broken)


def test_a_slow_model_holds_the_source_back(images: list[ImageSource]) -> None:
    """However large the source, only a few batches are in memory."""
    source, furthest, done = Endless(images[0], 400), 0, 0

    def slow(pixels: torch.Tensor) -> ImageDescription:
        nonlocal furthest, done
        time.sleep(0.002)
        furthest, done = max(furthest, source.asked - done), done + len(pixels)
        return describe(pixels)

    batch, workers = 4, 2
    assert run_pipeline(source, slow, MemoryWriter(), READING, settings(batch, workers)).added == 400
    assert furthest <= 2 * batch + 2 * workers + 5 * batch


def test_a_slow_writer_holds_the_model_back(images: list[ImageSource]) -> None:
    """Described batches do not pile up."""
    described = written = furthest = 0

    def counted(pixels: torch.Tensor) -> ImageDescription:
        nonlocal described, furthest
        described += 1
        furthest = max(furthest, described - written)
        return describe(pixels)

    class Slow(MemoryWriter):
        def append(self, rows: Sequence[IndexedImage], vectors: Vectors) -> None:
            nonlocal written
            time.sleep(0.003)
            super().append(rows, vectors)
            written += 1

    run_pipeline(Endless(images[0], 200), counted, Slow(), READING, settings(4))
    assert described == 50
    assert furthest <= 5


def test_decoding_describing_and_writing_overlap(images: list[ImageSource]) -> None:
    """A later image is decoded while one batch is described and an earlier one written."""
    meeting = threading.Barrier(3, timeout=30)
    met: list[str] = []

    def meet(who: str) -> None:
        meeting.wait()
        met.append(who)

    class Item(SourceItem):
        def load(self, archives: object) -> bytes:
            if self.source.path.name == "13":
                meet("decoding")
            assert self.content is not None
            return self.content

    class Source(Endless):
        def __iter__(self) -> Iterator[SourceItem]:
            for item in super().__iter__():
                yield Item(item.source, content=item.content)

    class Writer(MemoryWriter):
        def append(self, rows: Sequence[IndexedImage], vectors: Vectors) -> None:
            if rows[0].source.path.name == "0":
                meet("writing")
            super().append(rows, vectors)

    batches = itertools.count()

    def meeting_model(pixels: torch.Tensor) -> ImageDescription:
        if next(batches) == 1:
            meet("describing")
        return describe(pixels)

    summary = run_pipeline(Source(images[0], 20), meeting_model, Writer(), READING, settings(4, 1))
    assert counts(summary) == (20, 0, 0)
    assert sorted(met) == ["decoding", "describing", "writing"]


def test_progress_tells_counts_total_and_rate(images: list[ImageSource]) -> None:
    """It only grows, and ends with what the summary says."""
    images[4].path.write_bytes(b"broken")
    reports: list[IndexProgress] = []
    summary = run_pipeline(
        GivenSource([*images, images[0]]),
        describe,
        MemoryWriter(),
        READING,
        settings(2),
        progress=reports.append,
    )
    last = reports[-1]
    assert (last.added, last.already_there, last.quarantined) == counts(summary) == (10, 1, 1)
    assert (last.done, last.total, last.seconds_left) == (12, 12, 0)
    assert last.images_per_s > 0
    assert [report.done for report in reports] == sorted(report.done for report in reports)


def test_a_source_without_images_is_done(tmp_path: Path) -> None:
    """Nothing is described, nothing committed."""
    writer = MemoryWriter()
    assert counts(run_pipeline(FolderSource(tmp_path), describe, writer, READING)) == (0, 0, 0)
    assert (writer.rows, writer.vectors, writer.commits) == ([], None, [])


def test_vectors_that_do_not_fit_the_images_are_refused(images: list[ImageSource]) -> None:
    """A model that drops an image would shift every row after it."""

    def short(pixels: torch.Tensor) -> ImageDescription:
        return ImageDescription(torch.zeros(len(pixels) - 1, 3), None)

    with pytest.raises(InputError, match=r"expected 4 vectors from the model, got 3"):
        run_pipeline(GivenSource(images), short, MemoryWriter(), READING, settings(4))


@pytest.mark.parametrize(
    "wrong", [{"batch": 0}, {"workers": 0}, {"rows_per_commit": 0}, {"seconds_per_commit": -1.0}]
)
def test_impossible_numbers_are_refused(wrong: dict[str, float]) -> None:
    """A batch of nothing would never end."""
    with pytest.raises(InputError, match="at least"):
        PipelineSettings(**wrong)


def test_measures_are_taken_before_resizing(tmp_path: Path) -> None:
    """A large sharp image is not small and blurred."""
    (small,) = write_images(tmp_path, 1)
    pixels = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    from PIL import Image

    Image.fromarray(pixels).save(small.path)
    writer = MemoryWriter()
    run_pipeline(GivenSource([small]), describe, writer, READING)
    (row,) = writer.rows
    assert (row.quality.height_px, row.quality.width_px) == (90, 70)
    assert row.thumbnail is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")
@pytest.mark.parametrize("stand_back", [True, False])
def test_decoding_gives_way_where_told(images: list[ImageSource], *, stand_back: bool) -> None:
    """The threads that decode take the least priority, the model's thread keeps its own."""
    found: list[int] = []

    class Item(SourceItem):
        def load(self, archives: object) -> bytes:
            found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            return super().load(archives)  # type: ignore[arg-type]

    class Source(GivenSource):
        def __iter__(self) -> Iterator[SourceItem]:
            return (Item(item.source) for item in super().__iter__())

    before = os.getpriority(os.PRIO_PROCESS, 0)
    given = replace(settings(), stand_back=stand_back)
    assert counts(run_pipeline(Source(images), describe, MemoryWriter(), READING, given)) == (11, 0, 0)
    assert found == [19 if stand_back else before] * 11
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
