"""Shards find what a search of the whole finds, or nothing is answered."""

import pickle
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from attrieve.errors import ClusterError, InputError, SchemaMismatchError, StorageError, UnknownNameError
from attrieve.gallery.calibrating import calibrate_gallery
from attrieve.gallery.counterfactual import ranks_without_terms
from attrieve.gallery.database.keys import key_text
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.reading import DamagedGalleryWarning, GallerySnapshot
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.distributed.search import ShardedGallery, open_sharded
from attrieve.gallery.distributed.shard import GalleryShard, ShardSearch, ShardSettings
from attrieve.gallery.distributed.shards import SearchClusterSettings, divide, shard_bytes
from attrieve.gallery.feedback import Marks, with_feedback
from attrieve.gallery.likelihood import Distance, LikelihoodFusion
from attrieve.gallery.likelihood.asked import match_query
from attrieve.gallery.matches import expected_matches
from attrieve.gallery.next_question import next_questions
from attrieve.gallery.recognised import description_of_row
from attrieve.gallery.search import fused_query, prepare_search, search
from attrieve.gallery.store import Gallery
from attrieve.gallery.witness_search import search_for_witnesses
from attrieve.models.calibration import AnswerWeights, Calibration, Curve, MatchCorrection, ModelCalibration
from attrieve.schema import ImageSource, load_vocabulary, parse_query
from attrieve.schema.witnesses import read_witness
from attrieve.scoring.fusion import Fusion, Normalisation
from gallery.building import NAMES, small_query_side
from gallery.distributed.in_process import InProcessRay

Use = Callable[..., InProcessRay]
QUERIES = ("hat", "hat, !bag", "young|old, backpack~0.3", "!scarf?, adult, nothing")
FILTERS: tuple[list[str] | None, ...] = (None, ["camera=C1"], ["camera!=C1", "blur>50"], ["camera=C9"])


def write_gallery(folder: Path, rows: int, seed: int = 0, commits: int = 3) -> None:
    """Rows of few different vectors, so that many distances are equal, in several fragments."""
    generator = np.random.default_rng(seed)
    query_side = small_query_side(0)
    model = GalleryModel.of_query_side(query_side, "run", "a" * 16)
    embedding = generator.normal(size=(5, query_side.settings.embedding_dim))
    embedding = (embedding / np.linalg.norm(embedding, axis=1, keepdims=True)).astype(np.float32)
    probability = generator.random((5, len(NAMES))).astype(np.float32)
    kinds = generator.integers(0, 5, rows)
    keys = [f"{number:016x}" for number in generator.integers(0, 2**60, rows)]
    with open_database_writer(folder, model=model, query_side=query_side) as writer:
        for part in np.array_split(np.arange(rows), commits):
            writer.add(
                [
                    GalleryRow(keys[index], ImageSource(Path(f"{index}.png")), camera=f"C{index % 3}")
                    for index in part
                ],
                Vectors(
                    embedding[kinds[part]].astype(np.float32), probability[kinds[part]].astype(np.float32)
                ),
            )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sharded") / "g"
    write_gallery(made, 200)
    return made


def die_now_and_then(in_process: Use, seed: int) -> None:
    """Every fifth call, by chance, finds its process dead."""
    fates = iter((np.random.default_rng(seed).random(1000) < 0.2).tolist())
    in_process(seed, lambda *_: next(fates))


def opened(folder: Path, shards: int = 3, patience_s: float = 60.0) -> Any:
    cluster = SearchClusterSettings(shards=shards, threads=1, patience_s=patience_s)
    return open_sharded(folder, address=None, settings=cluster)


@given(
    st.integers(1, 7),
    st.sampled_from(QUERIES),
    st.sampled_from(FILTERS),
    st.sampled_from(list(Normalisation)),
    st.sampled_from([1, 7, 60, 500]),
    st.integers(0, 100),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_shards_find_what_the_whole_finds(
    folder: Path,
    in_process: Use,
    shards: int,
    text: str,
    terms: list[str] | None,
    normalisation: Normalisation,
    top: int,
    seed: int,
) -> None:
    """Hits, distances, ties and reasons are equal for any division, though processes die in between."""
    die_now_and_then(in_process, seed)
    whole = Gallery.open(folder)
    query = parse_query(text, whole.schema)
    where = None if terms is None else whole.store.parse(terms)
    fusion = Fusion(normalisation=normalisation)
    with opened(folder, shards) as sharded:
        found = sharded.search(query, top=top, where=where, fusion=fusion)
    assert found == search(whole, query, top=top, where=where, fusion=fusion)


def calibration(folder: Path) -> ModelCalibration:
    """A made-up calibration of the gallery's model: curves that bend, and a correction with embeddings."""
    curves = tuple(
        Curve("platt", (-2.0, 0.5, 3.0), (-1.5 + 0.05 * place, 0.0, 2.0), 0.8) for place in range(len(NAMES))
    )
    model = GallerySnapshot.open(folder).model
    numbers = np.linspace(0.4, 1.6, len(NAMES)).tolist()
    return ModelCalibration(
        Calibration(curves),
        MatchCorrection(0.3, 0.8, 0.5, -0.4, 0.6),
        MatchCorrection(0.3, 0.8, 0.5, -0.4, 0.6, 1.5, 0.7),
        model.fingerprint,
        model.schema.fingerprint,
        answers=AnswerWeights(tuple(1.0 - one for one in numbers), tuple(numbers), tuple(numbers[::-1])),
    )


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("calibrated") / "g"
    write_gallery(made, 200)
    calibrate_gallery(made, calibration(made))
    return made


@given(
    st.integers(1, 7),
    st.sampled_from(QUERIES),
    st.sampled_from(FILTERS),
    st.sampled_from([Distance.GROUP, Distance.INDEPENDENT, Distance.RANKED, None]),
    st.sampled_from([0.0, 7.5]),
    st.sampled_from([1, 7, 500]),
    st.integers(0, 100),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_likelihoods_and_probabilities_are_those_of_the_whole(
    calibrated: Path,
    in_process: Use,
    shards: int,
    text: str,
    terms: list[str] | None,
    distance: Distance | None,
    nats: float,
    top: int,
    seed: int,
) -> None:
    """Hits, P(match), reasons and the number of matches to be expected, though processes die in between."""
    die_now_and_then(in_process, seed)
    whole = Gallery.open(calibrated)
    query = parse_query(text, whole.schema)
    where = None if terms is None else whole.store.parse(terms)
    fusion = None if distance is None else LikelihoodFusion(embedding_weight=nats, distance=distance)
    with opened(calibrated, shards) as sharded:
        found = sharded.search(query, top=top, where=where, fusion=fusion)
        count = sharded.expected_matches(query, where=where)
    assert found == search(whole, query, top=top, where=where, fusion=fusion)
    assert all(hit.match_probability is not None for hit in found.hits)
    assert count == pytest.approx(expected_matches(whole, query, where=where), rel=1e-9)


@given(
    st.integers(1, 7),
    st.sampled_from([Distance.GROUP, Distance.RANKED, None]),
    st.lists(st.integers(0, 199), min_size=1, max_size=4, unique=True),
    st.integers(0, 100),
)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_marks_witnesses_and_questions_are_those_of_the_whole(
    calibrated: Path,
    in_process: Use,
    shards: int,
    distance: Distance | None,
    marked: list[int],
    seed: int,
) -> None:
    """Whatever looks rows up, or searches again in another way, though processes die in between."""
    die_now_and_then(in_process, seed)
    whole = Gallery.open(calibrated)
    keys = [key_text(whole.columns.key[index]) for index in marked]
    marks = Marks.of(keys[::2], keys[1::2])
    query = parse_query("hat, !bag, young?", whole.schema)
    witnesses = [read_witness(text, whole.schema) for text in ("A: hat, !bag", "B~0.6: young, no hat")]
    fusion = None if distance is None else LikelihoodFusion(embedding_weight=7.5, distance=distance)
    with opened(calibrated, shards) as sharded:
        for place in (sharded, whole):
            assert place.seen(keys) == pytest.approx(whole.columns.vectors(np.array(marked)).probability)
        found, truth = (
            [
                search(place, query, top=7, fusion=fusion, marks=marks),
                search_for_witnesses(place, witnesses, top=7, fusion=fusion, marks=marks),
                ranks_without_terms(place, query, search(place, query, top=7), fusion=fusion, marks=marks),
                next_questions(place, query, search(place, query, top=7, marks=marks)),
                with_feedback(place, query, marks).to_json(),
                description_of_row(place, keys[0]),
            ]
            for place in (sharded, whole)
        )
    assert found == truth
    assert truth[0] != search(whole, query, top=7, fusion=fusion)


def test_a_row_no_shard_holds_is_told_with_the_nearest(folder: Path, in_process: Use) -> None:
    """One digit off: the key that was meant is suggested, from whichever shard holds it."""
    in_process()
    key = key_text(Gallery.open(folder).columns.key[150])
    slip = key[:-1] + ("0" if key[-1] != "0" else "1")
    with opened(folder, 4) as sharded:
        query = parse_query("hat", sharded.schema)
        with pytest.raises(UnknownNameError, match=key):
            sharded.search(query, marks=Marks.of([slip], []))
        with pytest.raises(UnknownNameError, match=key):
            description_of_row(sharded, slip)
        with pytest.raises(InputError, match="16 lower-case"):
            sharded.seen(["no key"])


@given(st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_unknown_rows_are_told_as_on_one_machine(folder: Path, in_process: Use, data: st.DataObject) -> None:
    """Whether a key like it lies in one shard, in several or in none."""
    in_process()
    whole = Gallery.open(folder)
    keys = [key_text(number) for number in whole.columns.key]
    digits = st.text("0123456789abcdef", min_size=16, max_size=16)
    head, tail = data.draw(st.sampled_from(keys)), data.draw(st.sampled_from(keys))
    key = data.draw(st.one_of(st.just(head[:8] + tail[8:]), digits))
    assume(key not in keys)
    with pytest.raises(UnknownNameError) as truth:
        whole.seen([key])
    with opened(folder, data.draw(st.integers(2, 6))) as sharded, pytest.raises(UnknownNameError) as told:
        sharded.seen([keys[0], key])
    assert str(told.value) == str(truth.value)


def test_a_gallery_that_is_not_calibrated_expects_no_number(folder: Path, in_process: Use) -> None:
    in_process()
    with opened(folder) as sharded:
        query = parse_query("hat", sharded.schema)
        assert sharded.expected_matches(query) is None
        assert sharded.search(query).hits[0].match_probability is None


def test_what_shards_are_asked_survives_the_way_to_another_machine(calibrated: Path) -> None:
    """Descriptions are sent as pickles; a shard answers a copy as it answers the original."""
    snapshot = GallerySnapshot.open(calibrated)
    ids = snapshot.row_ids()
    held = ShardSettings(
        calibrated, snapshot.model.fingerprint, snapshot.version, int(ids[0]), int(ids[-1]), len(ids)
    )
    side = snapshot.query_side()
    query = parse_query("hat, !bag", snapshot.model.schema)
    fusion = LikelihoodFusion()
    prepared = prepare_search(Gallery.open(calibrated), query, 9, fusion, None)
    asked = ShardSearch("s", prepared.wanted, None, prepared.likely, embedding=True)
    shard, maxima = GalleryShard(held), np.ones((1, 2))
    own = shard.finish(asked, 9, maxima)
    sent = shard.finish(pickle.loads(pickle.dumps(asked)), 9, maxima)
    assert own.embedding is not None
    assert sent.embedding is not None
    assert (own.key.tolist(), own.distance.tolist()) == (sent.key.tolist(), sent.distance.tolist())
    assert own.embedding.tolist() == sent.embedding.tolist()
    matching = match_query(query, side)
    assert matching is not None
    assert shard.matches(pickle.loads(pickle.dumps(matching)), None) == shard.matches(matching, None)


def test_all_shards_hold_the_version_of_the_moment_they_were_opened(tmp_path: Path, in_process: Use) -> None:
    """Rows that come and go are not seen, not even by a shard that dies and loads again."""
    write_gallery(tmp_path / "g", 60)
    dying: list[bool] = []
    in_process(0, lambda *_: bool(dying) and dying.pop())
    with opened(tmp_path / "g") as sharded:
        query = parse_query("hat", sharded.schema)
        before = sharded.search(query, top=100)
        write_gallery(tmp_path / "g", 90, seed=1)
        with open_database_writer(tmp_path / "g") as writer:
            writer.delete([hit.key for hit in before.hits[:5]])
        dying.append(True)
        assert sharded.search(query, top=100) == before
        assert not dying
    with opened(tmp_path / "g") as sharded:
        assert len(sharded) == 60 + 90 - 5


def test_a_shard_that_never_answers_has_the_search_refused(folder: Path, in_process: Use) -> None:
    """The message names the shard; nothing comes of the others' answers."""
    ray = in_process()
    with opened(folder, patience_s=0.05) as sharded:
        query = parse_query("hat", sharded.schema)
        sharded.search(query)
        ray._starts = False
        with pytest.raises(ClusterError, match=r"shard 1, 2, 3 of 3 did not answer within 0.05 s"):
            sharded.search(query)


def test_a_shard_that_cannot_be_kept_alive_has_the_search_refused(folder: Path, in_process: Use) -> None:
    """What Ray says of it is passed on."""
    ray = in_process()
    with opened(folder) as sharded:
        ray.kill(ray.actors[1])
        ray.actors[1].options["max_restarts"] = 0
        with pytest.raises(ClusterError, match="shard 2 of 3 cannot be kept alive"):
            sharded.search(parse_query("hat", sharded.schema))


def test_an_error_of_a_shard_is_raised_as_itself(folder: Path, in_process: Use) -> None:
    """A version that compaction took away while a shard had to load again is told, not searched around."""
    dying: list[bool] = []
    in_process(0, lambda *_: bool(dying) and dying.pop())
    with opened(folder) as sharded, pytest.MonkeyPatch.context() as patch:

        def gone(*_: object, **__: object) -> None:
            raise StorageError("version 3 is gone")

        patch.setattr(GallerySnapshot, "open", gone)
        dying.append(True)
        with pytest.raises(StorageError, match="version 3 is gone"):
            sharded.search(parse_query("hat", sharded.schema))


def test_asking_a_shard_again_gives_the_same(folder: Path) -> None:
    """A copy that never saw the first phase answers the second, as one that did."""
    snapshot = GallerySnapshot.open(folder)
    ids = snapshot.row_ids()
    held = ShardSettings(
        folder, snapshot.model.fingerprint, snapshot.version, int(ids[0]), int(ids[89]), 90, threads=1
    )
    query = fused_query(parse_query("hat, !bag", snapshot.model.schema), snapshot.query_side(), Fusion())
    asked = ShardSearch(uuid.uuid4().hex, query)
    one, other = GalleryShard(held), GalleryShard(held)
    maxima = one.start(asked)
    answers = [one.finish(asked, 9, maxima), one.finish(asked, 9, maxima), other.finish(asked, 9, maxima)]
    assert all(answer.key.tolist() == answers[0].key.tolist() for answer in answers)
    assert all(answer.distance.tolist() == answers[0].distance.tolist() for answer in answers)


def test_a_machine_that_sees_another_gallery_is_found_out(folder: Path) -> None:
    """Its rows are counted: a copy that is behind must not answer."""
    snapshot = GallerySnapshot.open(folder)
    ids = snapshot.row_ids()
    held = ShardSettings(
        folder, snapshot.model.fingerprint, snapshot.version, int(ids[0]), int(ids[-1]), len(ids) + 1
    )
    with pytest.raises(StorageError, match="is it the same gallery on all machines"):
        GalleryShard(held).load()


def test_a_damaged_fragment_is_told_and_the_rest_searched(tmp_path: Path, in_process: Use) -> None:
    """As on one machine: the warning comes from whichever shard holds the fragment."""
    write_gallery(tmp_path / "g", 60)
    data = sorted((tmp_path / "g").glob("rows-*.lance/data/*"))[0]
    data.write_bytes(b"\0" * data.stat().st_size)
    in_process()
    with pytest.warns(DamagedGalleryWarning):
        whole = Gallery.open(tmp_path / "g")
    query = parse_query("hat", whole.schema)
    with ExitStack() as stack:
        with pytest.warns(DamagedGalleryWarning, match="not searched"):
            sharded = stack.enter_context(opened(tmp_path / "g", 3))
        assert len(sharded) == 40
        assert sharded.search(query, top=100) == search(whole, query, top=100)


def test_what_cannot_be_asked_is_refused(folder: Path, tmp_path: Path, in_process: Use) -> None:
    """Empty galleries, other vocabularies and fewer than one hit, as on one machine."""
    in_process()
    write_gallery(tmp_path / "empty", 0)
    with opened(tmp_path / "empty") as sharded:
        with pytest.raises(InputError, match="has no rows"):
            sharded.search(parse_query("hat", sharded.schema))
        for place in (sharded, Gallery.open(tmp_path / "empty")):
            with pytest.raises(InputError, match="has no rows"):
                place.seen([])
            with pytest.raises(UnknownNameError, match="'00000000000000ff'; there is none"):
                place.seen(["00000000000000ff"])
    with opened(folder) as sharded:
        assert isinstance(sharded, ShardedGallery)
        with pytest.raises(InputError, match="top must be at least 1"):
            sharded.search(parse_query("hat", sharded.schema), top=0)
        with pytest.raises(SchemaMismatchError):
            sharded.search(parse_query("hat", load_vocabulary("peta35")))
    with pytest.raises(InputError, match="at least 1 shard"):
        SearchClusterSettings(shards=0)


@given(st.integers(0, 50), st.integers(1, 12))
def test_rows_are_divided_evenly_and_all(rows: int, parts: int) -> None:
    """Runs differ by one row at most, and together they are the rows."""
    ids = np.arange(rows, dtype=np.uint64) * np.uint64(3)
    divided = divide(ids, parts)
    assert [number for part in divided for number in part.tolist()] == ids.tolist()
    lengths = [len(part) for part in divided]
    assert not lengths or (min(lengths) >= 1 and max(lengths) - min(lengths) <= 1)


def test_memory_for_a_shard_follows_from_its_rows() -> None:
    """At 128 entries and 35 attributes a row takes 5 bytes a number and 24, and a tenth more."""
    model = GalleryModel("run", "a" * 16, load_vocabulary("peta35"), 128)
    per_row = (shard_bytes(1_000_000, model) - shard_bytes(0, model)) / 1_000_000
    assert per_row == pytest.approx(1.1 * (5 * 163 + 24))
