"""Jobs that change the gallery: what is added is there, what is erased is nowhere."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attrieve.errors import InputError, QueryError
from attrieve.gallery.database.manifest import DatabaseManifest, GalleryModel
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.writing import KEEP_VERSIONS, only_database_writer
from attrieve.serving.cases.case import HitToSave, Mark
from attrieve.serving.cases.export_index import ExportKind
from attrieve.serving.jobs.deleting import RowChoice
from attrieve.serving.jobs.job import JobKind, JobState
from attrieve.serving.problems import ProblemError
from attrieve.serving.state.ledger import Action
from gallery.building import small_retriever
from serving.jobs.workplace import KIM, LEE, Workplace, make_workplace


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    made = make_workplace(tmp_path, thumbnail_px=16)
    yield made
    made.close()


def keys_of(workplace: Workplace) -> set[str]:
    return {f"{number:016x}" for number in GallerySnapshot.open(workplace.gallery).columns().key.tolist()}


def test_uploaded_images_become_rows(workplace: Workplace) -> None:
    """With what was said of them; a second time nothing happens."""
    before = keys_of(workplace)
    fields = {"camera": "C7", "time": "2024-05-06T07:08:00+00:00", "source_name": "gate", "lux": 12.5}
    images = workplace.images(3, seed=1, **fields)
    first, second = workplace.add(images), workplace.add(images)
    worker = workplace.worker()
    assert worker.run_one()
    assert worker.run_one()
    added = {str(image["key"]) for image in images}
    assert keys_of(workplace) == before | added
    [row] = GallerySnapshot.open(workplace.gallery).rows([str(images[1]["key"])])
    assert (row.camera, row.user["source_name"], row.user["file_name"], row.user["lux"]) == (
        "C7",
        "gate",
        "upload-1-1.png",
        12.5,
    )
    assert row.time == datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
    assert row.thumbnail is not None
    assert row.source.path.is_file()
    assert workplace.jobs.get(first).result == {"added": 3, "already_there": 0, "refused": []}
    assert workplace.jobs.get(second).result == {"added": 0, "already_there": 3, "refused": []}
    assert workplace.changes == 2
    assert workplace.ledger.count(action=Action.ADDITION) == 2


def test_an_image_that_is_gone_or_does_not_fit_is_refused_and_the_rest_is_added(workplace: Workplace) -> None:
    worker = workplace.worker()
    workplace.add(workplace.images(1, seed=1, lux=1.5))
    assert worker.run_one()
    gone, misfit, good = workplace.images(3, seed=2)
    (workplace.kept.folder / str(gone["file"])).unlink()
    misfit["fields"] = {"lux": "bright", "file_name": "bright.png"}
    number = workplace.add([gone, misfit, good])
    assert worker.run_one()
    result = workplace.jobs.get(number).result
    assert result is not None
    assert result["added"] == 1
    reasons = {refused["name"]: refused["reason"] for refused in result["refused"]}
    assert not any(str(workplace.folder) in reason for reason in reasons.values())
    assert "no such image file" in reasons["upload-2-0.png"]
    assert "lux" in reasons["bright.png"]
    assert str(good["key"]) in keys_of(workplace)


def test_without_a_model_the_job_says_so(workplace: Workplace) -> None:
    """And can be tried again when there is one."""
    number = workplace.add(workplace.images(1, seed=1))
    retriever, workplace.retriever = workplace.retriever, None
    assert workplace.worker().run_one()
    problem = workplace.jobs.get(number).problem
    assert problem is not None
    assert "run" in problem.detail
    workplace.retriever = retriever
    workplace.jobs.retry(number)
    assert workplace.worker().run_one()
    assert workplace.jobs.get(number).state is JobState.DONE


def test_a_job_waits_while_somebody_else_writes(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never fails on it, and is done when the other has ended."""
    monkeypatch.setattr("attrieve.serving.jobs.gallery_writing.WAIT_S", 0.05)
    number = workplace.add(workplace.images(1, seed=1))
    with only_database_writer(workplace.gallery):
        assert workplace.worker().run_one()
        job = workplace.jobs.get(number)
        assert job.state is JobState.QUEUED
        assert "another process is writing" in str(job.message)
    monkeypatch.setattr("attrieve.serving.jobs.gallery_writing.WAIT_S", 60.0)
    with workplace.database.transaction() as connection:
        connection.execute("UPDATE jobs SET not_before = 0")
    assert workplace.worker().run_one()
    assert workplace.jobs.get(number).state is JobState.DONE


def test_erasing_a_row_leaves_it_nowhere(workplace: Workplace) -> None:
    """Not in the gallery, the kept images, the exports or what cases know; that it happened stays."""
    worker = workplace.worker()
    erased, kept = workplace.images(2, seed=1)
    workplace.add([erased, kept])
    worker.run_one()
    key, other = str(erased["key"]), str(kept["key"])
    case = workplace.cases.create(LEE, number="7/24", title="theft", purpose="find the coat")
    facts = {"camera": "C1", "distance": 0.5}
    workplace.cases.save_hits(LEE, case.id, [HitToSave(key, facts), HitToSave(other, facts)])
    workplace.cases.mark(LEE, case.id, key, Mark.RIGHT)
    for number, contained in ((101, [key, other]), (102, [other])):
        made = workplace.exports.add(
            number,
            case=case.id,
            case_number="7/24",
            kind=ExportKind.PDF,
            created_by="lee",
            created_at=datetime.now(UTC),
            content=b"%PDF " + str(contained).encode(),
            keys=contained,
        )
        assert made is not None
    number = workplace.jobs.submit(JobKind.DELETE_ROWS, RowChoice(keys=(key,)).to_payload(), KIM).number
    assert worker.run_one()
    assert workplace.jobs.get(number).result == {"rows": 1, "images": 1, "cases": 1, "exports": 1}
    assert key not in keys_of(workplace)
    assert other in keys_of(workplace)
    assert not (workplace.kept.folder / str(erased["file"])).exists()
    assert (workplace.kept.folder / str(kept["file"])).exists()
    hit = workplace.cases.hit(LEE, case.id, key)
    assert hit.facts == {}
    assert hit.erased_at is not None
    assert hit.mark is Mark.RIGHT
    assert workplace.cases.hit(LEE, case.id, other).facts == facts
    gone, there = workplace.exports.get(case.id, 101), workplace.exports.get(case.id, 102)
    with pytest.raises(ProblemError, match="a row that was erased"):
        workplace.exports.content(gone)
    assert b"%PDF" in workplace.exports.content(there)
    assert workplace.exports.keys(101) == (other,)
    assert not any(key.encode() in path.read_bytes() for path in (workplace.state / "exports").iterdir())
    [entry] = workplace.ledger.entries(action=Action.ERASURE)
    assert (entry.keys, entry.who) == ((key,), "kim")
    assert workplace.ledger.verify().clean
    [compaction] = workplace.jobs.find(kinds=[JobKind.COMPACT])
    assert compaction.not_before > datetime.now(UTC) + timedelta(minutes=59)


def test_an_export_that_is_being_made_meanwhile_is_not_kept(workplace: Workplace) -> None:
    [image] = workplace.images(1, seed=1)
    key = str(image["key"])
    case = workplace.cases.create(LEE, number="7/24", title="theft", purpose="find the coat")
    workplace.cases.save_hits(LEE, case.id, [HitToSave(key, {})])
    workplace.cases.erase([key])
    made = workplace.exports.add(
        1,
        case=case.id,
        case_number="7/24",
        kind=ExportKind.ZIP,
        created_by="lee",
        created_at=datetime.now(UTC),
        content=b"PK",
        keys=[key],
    )
    assert made is None
    assert not list((workplace.state / "exports").iterdir())


def test_deleting_by_condition_and_age(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """In steps, each with its entry in the ledger."""
    monkeypatch.setattr("attrieve.serving.jobs.deleting.ROWS_AT_ONCE", 2)
    worker = workplace.worker()
    workplace.add(workplace.images(5, seed=1, camera="C9", time="2020-01-01T00:00:00+00:00"))
    workplace.add(workplace.images(3, seed=2, camera="C8", time="2021-01-01T00:00:00+00:00"))
    worker.run_one()
    worker.run_one()
    by_camera = RowChoice(where=("camera=C9",))
    by_age = RowChoice(before=datetime(2021, 6, 1, tzinfo=UTC))
    snapshot = GallerySnapshot.open(workplace.gallery)
    assert (by_camera.count(snapshot), by_age.count(snapshot)) == (5, 8)
    assert RowChoice.from_payload(by_age.to_payload()) == by_age
    for choice, rows in ((by_camera, 5), (by_age, 3), (by_age, 0)):
        number = workplace.jobs.submit(JobKind.DELETE_ROWS, choice.to_payload(), KIM).number
        assert worker.run_one()
        result = workplace.jobs.get(number).result
        assert result is not None
        assert (result["rows"], result["images"]) == (rows, rows)
    assert len(GallerySnapshot.open(workplace.gallery)) == 4
    assert [len(entry.keys) for entry in workplace.ledger.entries(action=Action.DELETION)] == [2, 2, 1, 2, 1]
    assert len(workplace.jobs.find(kinds=[JobKind.COMPACT])) == 1


def test_each_deletion_is_followed_by_a_compaction_that_is_late_enough(workplace: Workplace) -> None:
    """Two in a short time share one; one that has waited long would come too soon for what is deleted now."""
    keys = sorted(keys_of(workplace))
    worker = workplace.worker()

    def delete(key: str) -> list[datetime]:
        workplace.jobs.submit(JobKind.DELETE_ROWS, RowChoice(keys=(key,)).to_payload(), KIM)
        assert worker.run_one()
        return sorted(job.not_before for job in workplace.jobs.find(kinds=[JobKind.COMPACT]))

    first = delete(keys[0])
    assert delete(keys[1]) == first
    with workplace.database.transaction() as connection:
        connection.execute("UPDATE jobs SET not_before = not_before - 1200 WHERE kind = 'compact'")
    soon, late = delete(keys[2])
    assert soon == first[0] - timedelta(seconds=1200)
    assert late > datetime.now(UTC) + KEEP_VERSIONS


def test_a_choice_is_one_choice(workplace: Workplace) -> None:
    snapshot = GallerySnapshot.open(workplace.gallery)
    for wrong in ({}, {"keys": ("0" * 16,), "where": ("camera=1",)}, {"keys": ("no key",)}):
        with pytest.raises(InputError):
            RowChoice(**wrong)  # type: ignore[arg-type]
    with pytest.raises(QueryError):
        RowChoice(where=("camera",)).count(snapshot)


def test_compacting_frees_the_disk_and_deletes_what_belongs_to_nothing(workplace: Workplace) -> None:
    """Images of rows and of jobs that wait stay, and so do new ones, whose upload may be under way."""
    worker = workplace.worker()
    row, old, new, waiting = workplace.images(4, seed=1)
    workplace.add([row])
    worker.run_one()
    for image in (row, old, waiting):
        os.utime(workplace.kept.folder / str(image["file"]), (1e9, 1e9))
    workplace.jobs.submit(JobKind.COMPACT, {}, KIM)
    workplace.add([waiting])
    assert worker.run_one()
    result = workplace.jobs.find(kinds=[JobKind.COMPACT])[0].result
    assert result is not None
    assert result["orphans"] == 1
    there = {path.relative_to(workplace.kept.folder).as_posix() for path in workplace.kept.files()}
    assert there == {str(image["file"]) for image in (row, new, waiting)}


def test_indexing_anew_by_another_run(workplace: Workplace, tmp_path: Path) -> None:
    """Every image is described by the run of the settings; by the same run only the columns are made anew."""
    other = small_retriever(seed=5, name="better")
    other.save_pretrained(tmp_path / "run")
    workplace.run = tmp_path / "run"
    worker = workplace.worker()
    for described, remade in ((4, False), (0, True)):
        number = workplace.jobs.submit(JobKind.REEMBED, {}, KIM).number
        assert worker.run_one()
        result = workplace.jobs.get(number).result
        assert result is not None
        assert (result["described"], result["columns_remade"], result["finished"]) == (
            described,
            remade,
            True,
        )
        assert DatabaseManifest.read(workplace.gallery).active == GalleryModel.of(other).fingerprint
    assert workplace.ledger.count(action=Action.REINDEXING) == 2


def test_cancelling_an_addition_keeps_what_was_added(workplace: Workplace) -> None:
    """And says that it was cancelled; tried again it adds the rest."""
    assert workplace.retriever is not None
    describe, seen, go_on = workplace.retriever.embed_images, threading.Event(), threading.Event()

    def slowly(pixels: object) -> object:
        seen.set()
        assert go_on.wait(60)
        return describe(pixels)  # type: ignore[arg-type]

    workplace.retriever.embed_images = slowly  # type: ignore[method-assign, assignment]
    number = workplace.add(workplace.images(40, seed=1))
    worker = workplace.worker(beat_s=0.02)
    worker.start()
    assert seen.wait(60)
    workplace.jobs.cancel(number)
    threading.Event().wait(0.2)
    go_on.set()
    while not workplace.jobs.get(number).state.is_final:
        threading.Event().wait(0.01)
    assert worker.stop(60.0)
    assert workplace.jobs.get(number).state is JobState.CANCELLED
    assert 4 < len(keys_of(workplace)) < 44
    workplace.jobs.retry(number)
    assert workplace.worker().run_one()
    assert len(keys_of(workplace)) == 44
