"""What cannot be recorded is not erased; what is recorded is, also after a kill in between."""

from pathlib import Path

import pytest

from attrieve.errors import StorageError
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.writing import open_database_writer
from attrieve.serving.cases.cases import Cases
from attrieve.serving.cases.export_index import ExportIndex
from attrieve.serving.erasure import Erased, Erasure, RowToErase
from attrieve.serving.state.ledger import Action, Ledger
from attrieve.serving.uploads.kept_images import KeptImages
from gallery.database.made import key_of, model, rows, vectors
from serving.state.ledgers import LEE


def test_a_picture_stays_until_its_erasure_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the ledger cannot be written nothing happens; afterwards it can be done again, whole."""
    state, gallery = tmp_path / "state", tmp_path / "gallery"
    ledger = Ledger.open(state)
    cases, exports = Cases(ledger.database, ledger), ExportIndex(state, ledger.database)
    erasure = Erasure(state, ledger.database, cases, exports, ledger)
    image = KeptImages(state).folder / "00" / "00c0ffee.png"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"a picture")
    elsewhere = tmp_path / "elsewhere.png"
    elsewhere.write_bytes(b"not the service's")
    with open_database_writer(gallery, model=model()) as writer:
        writer.add(rows([1, 2]), vectors([1, 2]))
        wanted = [RowToErase(key_of(1), image), RowToErase(key_of(2), elsewhere)]

        def full(*_: object, **__: object) -> None:
            raise StorageError("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(ledger, "record", full)
            with pytest.raises(StorageError):
                erasure.erase(writer, wanted, LEE)
        assert image.exists()
        assert len(GallerySnapshot.open(gallery).columns().key) == 2

        with monkeypatch.context() as killed:
            killed.setattr(KeptImages, "remove", full)
            with pytest.raises(StorageError):
                erasure.erase(writer, wanted, LEE)
        assert len(GallerySnapshot.open(gallery).columns().key) == 2  # so that they are found again

        assert erasure.erase(writer, wanted, LEE) == Erased(rows=2, images=1)
    assert not image.exists()
    assert elsewhere.exists()
    assert len(GallerySnapshot.open(gallery).columns().key) == 0
    told = ledger.entries(action=Action.ERASURE)
    assert [entry.details["images"] for entry in told] == [1, 1]
    assert all(set(entry.keys) == {key_of(1), key_of(2)} for entry in told)
    ledger.database.close()
