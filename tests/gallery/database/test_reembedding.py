"""A gallery under a new model, while the old one stays searchable."""

from pathlib import Path

import numpy as np
import pytest

from attrieve.errors import InputError
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.reembedding import Reembedding
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.database.writing import open_database_writer
from gallery.database.made import key_of, model, rows, vectors, vocabulary

NUMBERS = {key_of(number): number for number in range(40)}
NEW = model("bbbb", embedding_dim=9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_database_writer(tmp_path / "gallery", model=model()) as writer:
        writer.add(rows(list(range(20))), vectors(list(range(20))))
    return tmp_path / "gallery"


def describe_all(work: Reembedding, most: int | None = None) -> None:
    keys = work.missing()[:most]
    work.put(keys, vectors([NUMBERS[key] for key in keys], salt=7, dim=9))


def test_the_old_model_is_searched_until_the_new_one_is_complete(folder: Path) -> None:
    """A second run goes on where the first ended; both can be opened afterwards."""
    with open_database_writer(folder) as writer:
        describe_all(Reembedding(writer, NEW), most=12)
        assert GallerySnapshot.open(folder).model.fingerprint == "aaaa"
    with pytest.raises(InputError, match="still being filled"):
        GallerySnapshot.open(folder, model="bbbb")
    assert verify_database(folder).clean
    with open_database_writer(folder) as writer:
        work = Reembedding(writer, NEW)
        assert len(work.missing()) == 8
        assert sum(len(batch) for batch in work.missing_rows(3)) == 8
        with pytest.raises(InputError, match="8 rows"):
            work.finish()
        describe_all(work)
        work.finish()
    new, old = GallerySnapshot.open(folder), GallerySnapshot.open(folder, model="aaaa")
    assert (new.model.fingerprint, old.model.fingerprint) == ("bbbb", "aaaa")
    by_key = sorted(range(20), key=key_of)
    np.testing.assert_array_equal(new.columns().embedding, vectors(by_key, 7, 9).embedding)
    np.testing.assert_array_equal(old.columns().embedding, vectors(by_key).embedding)
    assert [row.camera for row in new.rows([key_of(4)])] == ["C1"]
    assert verify_database(folder).clean


def test_rows_added_replaced_and_deleted_meanwhile(folder: Path) -> None:
    """Added ones are still missing, deleted ones do not come back, replaced ones take their new facts."""
    with open_database_writer(folder) as writer:
        describe_all(Reembedding(writer, NEW))
    with open_database_writer(folder) as writer:
        writer.add(rows([30]), vectors([30]))
        writer.delete([key_of(3)])
        writer.upsert(rows([5], camera="moved"), vectors([5]))
    with open_database_writer(folder) as writer:
        work = Reembedding(writer, NEW)
        assert set(work.missing()) == {key_of(30), key_of(5)}
        describe_all(work)
        work.finish()
        writer.delete([key_of(6)])
    for fingerprint in ("aaaa", "bbbb"):
        snapshot = GallerySnapshot.open(folder, model=fingerprint)
        keys = {f"{number:016x}" for number in snapshot.columns().key.tolist()}
        assert keys == {key_of(number) for number in [*range(20), 30] if number not in (3, 6)}
    assert GallerySnapshot.open(folder).rows([key_of(5)])[0].camera == "moved"


def test_models_are_switched_and_dropped(folder: Path) -> None:
    """The one that is searched cannot be dropped; a dropped one leaves the disk."""
    with open_database_writer(folder) as writer:
        work = Reembedding(writer, NEW)
        describe_all(work)
        work.finish()
        with pytest.raises(InputError, match="switch"):
            writer.drop_model("bbbb")
        writer.switch_model("aaaa")
        assert GallerySnapshot.open(folder).model.fingerprint == "aaaa"
        writer.drop_model("bbbb")
    assert not (folder / "rows-bbbb.lance").exists()
    assert len(GallerySnapshot.open(folder)) == 20


def test_what_cannot_be_re_embedded(folder: Path) -> None:
    """The model there is, a row that is not there, one fingerprint with two vocabularies."""
    with open_database_writer(folder) as writer:
        with pytest.raises(InputError, match="already"):
            Reembedding(writer, model())
        work = Reembedding(writer, NEW)
        with pytest.raises(InputError, match="holds no row"):
            work.put([key_of(35)], vectors([35], dim=9))
        with pytest.raises(InputError, match="1 keys came with 2"):
            work.put([key_of(3)], vectors([3, 4], dim=9))
        assert work.put([key_of(3), key_of(3)], vectors([3, 3], dim=9)) == 1
        assert work.put([key_of(3)], vectors([3], dim=9)) == 0
        with pytest.raises(InputError, match="other"):
            Reembedding(writer, model("bbbb", schema=vocabulary("other", ("a", "b"))))


def test_nobody_switches_to_a_model_that_is_being_filled(folder: Path) -> None:
    """The gallery would hold no sound rows to search; it stays as it was."""
    with open_database_writer(folder) as writer:
        Reembedding(writer, NEW)
        with pytest.raises(InputError, match=r"run-bbbb.*still being filled"):
            writer.switch_model("bbbb")
    assert GallerySnapshot.open(folder).model.fingerprint == "aaaa"
