"""``attrieve calibrate``, ``attrieve gallery calibrate``, and searches of a calibrated gallery."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from attrieve.gallery.ingest import index_images
from attrieve.gallery.matches import as_precise_as, expected_matches
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.models.checkpoint import CALIBRATION_FILE
from attrieve.models.retriever import Retriever
from attrieve.schema import ImageSource, load_vocabulary, parse_query
from cli.training_commands import document_of, invoke
from models.tiny import tiny_settings

pytestmark = pytest.mark.usefixtures("small_backbone")


def make_run(folder: Path, kind: str = "multi_task", *, validation: int = 6) -> Path:
    settings = tiny_settings(kind)
    recipe = {
        "name": "small",
        "data": {"test_categories": 5, "validation_categories": validation},
        "model": settings.model_dump(mode="json"),
    }
    Retriever(settings, load_vocabulary("peta35"), name="small").save_pretrained(folder)
    (folder / "recipe.toml").write_bytes(tomli_w.dumps(recipe).encode())
    return folder


@pytest.fixture(scope="module")
def calibrated(
    small_backbone: None, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[str, object]]:
    """A run, a gallery it filled before it was calibrated, and what was told."""
    run = make_run(tmp_path_factory.mktemp("run"))
    gallery = tmp_path_factory.mktemp("gallery") / "g"
    images = sorted((data / "images").iterdir())[:12]
    index_images(Retriever.from_pretrained(run), gallery, [ImageSource(path) for path in images])
    asked = ("calibrate", run, "--data", data, "--device", "cpu", "--miss", 3, "--descriptions", 10)
    told = document_of(invoke(*asked, "--json"))
    return run, gallery, told


def test_a_run_keeps_its_calibration(calibrated: tuple[Path, Path, dict[str, object]]) -> None:
    """Beside weights that stay what they were: curves, errors, thresholds and a picture."""
    run, _, told = calibrated
    retriever = Retriever.from_pretrained(run)
    kept = retriever.query.calibration
    assert kept is not None
    assert kept.model == retriever.fingerprint
    assert kept.facts == told["facts"]
    assert kept.facts["part"] == "validation"
    thresholds = kept.attributes.thresholds(miss=3.0, false_alarm=1.0).tolist()
    assert told["thresholds"] == dict(zip(retriever.schema.names, thresholds, strict=True))
    ElementTree.parse(run / "calibration.svg")
    (run / CALIBRATION_FILE).rename(run / "aside")
    try:
        bare = Retriever.from_pretrained(run)
        assert bare.query.calibration is None
        assert bare.fingerprint == retriever.fingerprint
    finally:
        (run / "aside").rename(run / CALIBRATION_FILE)


def test_a_copy_of_the_run_takes_it_along(
    calibrated: tuple[Path, Path, dict[str, object]], tmp_path: Path
) -> None:
    """Saved and loaded; other weights in the same folder do away with it, or it is not used."""
    run, _, _ = calibrated
    retriever = Retriever.from_pretrained(run)
    retriever.save_pretrained(tmp_path / "copy")
    assert Retriever.from_pretrained(tmp_path / "copy").query.calibration == retriever.query.calibration
    stale = (tmp_path / "copy" / CALIBRATION_FILE).read_bytes()
    make_run(tmp_path / "copy")
    assert not (tmp_path / "copy" / CALIBRATION_FILE).exists()
    (tmp_path / "copy" / CALIBRATION_FILE).write_bytes(stale)
    with pytest.warns(UserWarning, match="made for other weights"):
        assert Retriever.from_pretrained(tmp_path / "copy").query.calibration is None


def test_a_gallery_is_calibrated_without_indexing_again(
    calibrated: tuple[Path, Path, dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, it says it is not and refuses a precision; afterwards hits say how probable they are."""
    monkeypatch.setenv("COLUMNS", "200")
    run, gallery, _ = calibrated
    assert document_of(invoke("search", gallery, "hat", "--json"))["calibrated"] is False
    assert "no: `attrieve calibrate" in invoke("gallery", "info", gallery).stdout
    refused = invoke("search", gallery, "hat", "--precision", 0.5)
    assert refused.exit_code == 1
    assert "attrieve gallery calibrate" in " ".join(refused.stderr.split())
    document_of(invoke("gallery", "calibrate", gallery, "--run", run, "--json"))
    assert document_of(invoke("gallery", "info", gallery, "--json"))["models"][0]["calibrated"] is True

    opened = Gallery.open(gallery)
    query = parse_query("male, !hat?, age:<30|<45", opened.schema)
    ranking = search(opened, query, top=12)
    found = [hit.match_probability for hit in ranking.hits]
    count = expected_matches(opened, query)
    assert count == pytest.approx(sum(p for p in found if p is not None), rel=1e-3)
    told = document_of(invoke("search", gallery, query.to_text(), "--top", 12, "--json"))
    assert [hit["match_probability"] for hit in told["hits"]] == found
    assert told["expected_matches"]["gallery"] == pytest.approx(count)
    kept = opened.query_side.calibration
    assert kept is not None
    places = [opened.schema.names.index(reason.attribute) for reason in ranking.hits[0].reasons]
    for reason, place in zip(ranking.hits[0].reasons, places, strict=True):
        curve = kept.attributes.curves[place]
        odds = np.log(reason.probability / (1 - reason.probability))
        mended = np.interp(odds, curve.logit, curve.mended)
        mended += curve.slope * (min(odds - curve.logit[0], 0) + max(odds - curve.logit[-1], 0))
        assert reason.calibrated == pytest.approx(1 / (1 + np.exp(-mended)), abs=1e-5)
    shown = invoke("search", gallery, query.to_text(), "--top", 3).stdout
    assert "P(match)" in shown
    assert "matches expected in the gallery" in shown


def test_a_list_is_as_precise_as_asked(calibrated: tuple[Path, Path, dict[str, object]]) -> None:
    """The longest beginning whose mean probability reaches it; of several witnesses as well."""
    run, gallery, _ = calibrated
    invoke("gallery", "calibrate", gallery, "--run", run)
    opened = Gallery.open(gallery)
    for text, precision in (("male", 0.5), ("male, jeans", 0.2), ("!hat", 0.9)):
        ranking = search(opened, parse_query(text, opened.schema), top=12)
        found = [hit.match_probability or 0.0 for hit in ranking.hits]
        lengths = [n for n in range(1, 13) if sum(found[:n]) / n >= precision]
        assert len(as_precise_as(ranking, precision)) == max(lengths, default=0)
    nobody = invoke("search", gallery, "male, hat, sandals, plaid", "--precision", 1)
    assert "no list of hits" in nobody.stdout
    told = document_of(
        invoke(
            *("search", gallery, "--witness", "A: male", "--witness", "B: !hat", "--top", 5),
            *("--precision", 0.01, "--distance", "group", "--json"),
        )
    )
    assert len(told["hits"]) == len(told["witnesses"]["ranks_without"]["A"]) > 0
    assert told["fusion"]["distance"] == "group"


@pytest.mark.parametrize("distance", ["independent", "group", "ranked"])
def test_contributions_of_a_likelihood_sum_to_the_distance(
    calibrated: tuple[Path, Path, dict[str, object]], distance: str
) -> None:
    """In nats, the embedding's included; a refused group is shared among what was refused of it."""
    _, gallery, _ = calibrated
    text = "male, !age:<30|<45, jeans?, any:hat|backpack"
    told = document_of(
        invoke("search", gallery, text, "--distance", distance, "--nats", 7, "--top", 6, "--json")
    )
    assert told["fusion"]["embedding_weight"] == 7
    for hit in told["hits"]:
        parts = [reason["contribution"] for reason in hit["reasons"]]
        assert sum(parts) == pytest.approx(hit["attribute_distance"], rel=1e-5, abs=1e-6)
        assert hit["distance"] == pytest.approx(sum(parts) + 7 * hit["embedding_distance"], rel=1e-5)
    assert [hit["distance"] for hit in told["hits"]] == sorted(hit["distance"] for hit in told["hits"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--distance", "group", "--fusion-weight", 2), "--nats"),
        (("--precision", 0), "above 0"),
        (("--precision", 1.5), "at most 1"),
        (("--distance", "grup"), "grup"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(
    calibrated: tuple[Path, Path, dict[str, object]], options: tuple[object, ...], told: str
) -> None:
    """Exit code 2, and what to do."""
    result = invoke("search", calibrated[1], "hat", *options)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_training_images_are_never_calibrated_on(data: Path, tmp_path: Path) -> None:
    """A run that set nothing aside is refused with advice; half of its test categories do."""
    run = make_run(tmp_path / "run", "attributes", validation=0)
    refused = invoke("calibrate", run, "--data", data)
    assert refused.exit_code == 1
    assert "data.validation_categories=200" in " ".join(refused.stderr.split())
    other = make_run(tmp_path / "other", "embedding")
    refused = invoke("calibrate", other, "--data", data)
    assert "embeds only" in " ".join(refused.stderr.split())
    refused = invoke("calibrate", make_run(tmp_path / "third"), "--data", data, "--part", "test-half")
    assert "--part validation" in " ".join(refused.stderr.split())


def test_a_calibration_of_another_run_is_refused(
    calibrated: tuple[Path, Path, dict[str, object]], tmp_path: Path
) -> None:
    """A gallery takes that of the model that filled it; damaged files are named."""
    run, gallery, _ = calibrated
    document = json.loads((run / CALIBRATION_FILE).read_text("utf-8"))
    other = make_run(tmp_path / "other")
    bare = invoke("gallery", "calibrate", gallery, "--run", other)
    assert "holds no calibration.json" in " ".join(bare.stderr.split())
    (other / CALIBRATION_FILE).write_text(json.dumps(document | {"model": "f" * 16}), "utf-8")
    refused = invoke("gallery", "calibrate", gallery, "--run", other)
    assert refused.exit_code == 1
    assert "give the run that filled the gallery" in " ".join(refused.stderr.split())
    for spoilt in ("{", json.dumps({}), json.dumps(document | {"vocabulary": "0" * 16})):
        (other / CALIBRATION_FILE).write_text(spoilt, "utf-8")
        refused = invoke("gallery", "calibrate", gallery, "--run", other)
        assert refused.exit_code == 1
        assert "calibrat" in refused.stderr
