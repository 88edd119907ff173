"""Drawn galleries: reproducible, resumable, plausible, and searched like real ones."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from attrieve.errors import ConfigurationError, InputError, SchemaMismatchError, UnknownNameError
from attrieve.gallery import synthesize as synthesis
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.gallery.synthesize import SyntheticSettings, synthesize
from attrieve.gallery.synthesize_rows import BLOCK_ROWS, SyntheticWorld, block_keys
from attrieve.schema import parse_query

SETTINGS = SyntheticSettings(seed=3, embedding_dim=16)
ROWS = BLOCK_ROWS + 500


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "gallery"
    assert synthesize(folder, ROWS, SETTINGS).added == ROWS
    return folder


@pytest.fixture(scope="module")
def world() -> SyntheticWorld:
    return SyntheticWorld(SETTINGS)


def content(folder: Path) -> dict[str, str]:
    """A digest of every row, by key: all columns, vectors included."""
    rows = [row for batch in GallerySnapshot.open(folder).stream() for row in batch.to_pylist()]
    return {row["key"]: hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest() for row in rows}


class StopError(Exception):
    """Ends a run in the middle."""


def test_a_stopped_run_goes_on_and_ends_alike(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces, with another number of threads: the same rows to the last bit."""
    monkeypatch.setattr(synthesis, "BLOCKS_PER_COMMIT", 1)

    def stop(rows: int) -> None:
        raise StopError

    other = tmp_path / "other"
    with pytest.raises(StopError):
        synthesize(other, ROWS, SETTINGS, progress=stop, threads=1)
    assert len(GallerySnapshot.open(other)) == BLOCK_ROWS
    told: list[int] = []
    summary = synthesize(other, ROWS, SETTINGS, progress=told.append, threads=2)
    assert (summary.added, summary.already_there, sum(told)) == (500, BLOCK_ROWS, ROWS)
    assert content(other) == content(folder)


def test_asking_again_changes_nothing_and_asking_for_more_adds(tmp_path: Path) -> None:
    """A smaller gallery is the beginning of a larger one."""
    small = tmp_path / "small"
    assert synthesize(small, 70, SETTINGS).added == 70
    assert synthesize(small, 70, SETTINGS).already_there == 70
    assert synthesize(small, 30, SETTINGS).already_there == 30
    before = content(small)
    assert synthesize(small, 100, SETTINGS).added == 30
    assert before.items() <= content(small).items()
    assert len(GallerySnapshot.open(small)) == 100


def test_the_gallery_is_sound_and_says_what_it_is(folder: Path) -> None:
    """Images are frames of videos that never were, so nothing is missed."""
    assert verify_database(folder, images=True).clean
    snapshot = GallerySnapshot.open(folder)
    assert snapshot.model.name == "synthetic-seed-3"
    assert snapshot.model.schema.name == "peta35"
    [source] = {row["source"][:17] for batch in snapshot.stream() for row in batch.to_pylist()}
    assert source == "synthetic/seed-3/"


def test_another_seed_is_another_gallery(folder: Path) -> None:
    """Refused with both names; nothing is mixed."""
    with pytest.raises(SchemaMismatchError, match=r"synthetic-seed-3.*synthetic-seed-4"):
        synthesize(folder, 10, SyntheticSettings(seed=4, embedding_dim=16))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"seed": -1}, ConfigurationError),
        ({"embedding_dim": 1}, ConfigurationError),
        ({"vocabulary": "peta36"}, UnknownNameError),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        SyntheticSettings(**changes)  # type: ignore[arg-type]


def test_a_negative_number_of_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="-1"):
        synthesize(tmp_path / "gallery", -1, SETTINGS)


def test_keys_never_repeat() -> None:
    """Over blocks of one seed; another seed has others."""
    keys = np.concatenate([block_keys(0, block) for block in range(20)])
    assert len(np.unique(keys)) == len(keys)
    assert not np.isin(block_keys(1, 0), keys).any()


def test_a_column_of_keys_reads_back(world: SyntheticWorld) -> None:
    described, _ = world.draw(7)
    assert np.array_equal(key_numbers(described.column("key").combine_chunks()), block_keys(3, 7))


def test_rows_lie_around_their_category_and_tracks_hold_together(world: SyntheticWorld) -> None:
    """Within a track rows are alike, most rows are nearest to the category that was drawn for them."""
    described, vectors = world.draw(0)
    assert vectors.embedding is not None
    assert vectors.probability is not None
    track = np.unique(described.column("track").to_numpy(), return_inverse=True)[1]
    vectors.require_sound(embedding_dim=16, attributes=35)
    same = track[:-1] == track[1:]
    alike = (vectors.embedding[:-1] * vectors.embedding[1:]).sum(axis=1)
    assert alike[same].mean() > 0.8
    assert alike[~same].mean() < 0.3
    nearest = (vectors.embedding @ world.centres.T).max(axis=1)
    assert nearest.mean() > 0.75


def test_labels_are_as_frequent_as_drawn_and_the_classifier_is_good_but_not_perfect(
    world: SyntheticWorld,
) -> None:
    """Each row's labels are taken from the nearest centre, so the area under the curve is a little low."""
    from sklearn.metrics import roc_auc_score

    described, vectors = world.draw(1)
    assert vectors.embedding is not None
    assert vectors.probability is not None
    labels = world.categories[(vectors.embedding @ world.centres.T).argmax(axis=1)]
    rate = world.share @ world.categories
    assert np.abs(labels.mean(axis=0) - rate).max() < 0.08
    areas = [
        roc_auc_score(labels[:, column], vectors.probability[:, column])
        for column in range(35)
        if 0.05 < labels[:, column].mean() < 0.95
    ]
    assert 0.7 < np.mean(areas) < 0.98
    time = described.column("time").to_numpy()
    assert np.ptp(time) > np.timedelta64(20, "D")
    assert len(set(described.column("camera").to_pylist())) > 10


def test_a_description_finds_the_rows_it_describes(folder: Path, world: SyntheticWorld) -> None:
    """A full description of the most frequent category: hits are nearer than nearly all rows."""
    common = world.categories[int(world.share.argmax())]
    names = SETTINGS.schema.names
    text = ", ".join(name if value else f"!{name}" for name, value in zip(names, common, strict=True))
    gallery = Gallery.open(folder)
    ranking = search(gallery, parse_query(text, gallery.schema), top=10)
    columns = GallerySnapshot.open(folder).columns()
    assert columns.embedding is not None
    assert columns.probability is not None
    centre = world.centres[int(world.share.argmax())]
    usual = np.quantile(1 - columns.embedding @ centre, 0.05)
    usual_attributes = np.quantile(np.linalg.norm(columns.probability - common, axis=1), 0.2)
    for hit in ranking.hits:
        assert hit.embedding_distance is not None
        assert hit.attribute_distance is not None
        assert hit.embedding_distance < usual
        assert hit.attribute_distance < usual_attributes
