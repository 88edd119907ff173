"""What the gallery holds, counted again by hand."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.store import Gallery
from attrieve.schema import ImageSource
from attrieve.serving.statistics import count
from gallery.building import small_retriever
from serving.place import START, Place


def test_gallery_tells_what_it_is(client: TestClient, place: Place) -> None:
    told = client.get("/api/v1/gallery").json()
    assert (told["name"], told["rows"], told["model"]) == ("gallery", 24, "small-run")
    assert told["columns"]["note"] == "string"
    assert told["run_loaded"]
    assert told["thumbnails"]
    assert "embedding" not in told["columns"]


def test_statistics_count_rows(client: TestClient, place: Place) -> None:
    told = client.get("/api/v1/gallery/statistics").json()
    assert {one["value"]: one["rows"] for one in told["cameras"]} == Counter(row.camera for row in place.rows)
    assert (told["first_time"], told["last_time"]) == (
        START.isoformat(),
        (START + timedelta(minutes=23)).isoformat(),
    )
    assert told["time_step"] == "minute"
    assert [one["rows"] for one in told["times"]] == [1] * 24
    sources = {one["value"]: one["rows"] for one in told["sources"]}
    folder = str(place.folder / "images")
    assert sources == {folder: 23, f"{folder}/crop-022.png": 1}  # a frame belongs to its video


def test_statistics_count_attributes(client: TestClient, place: Place) -> None:
    told = client.get("/api/v1/gallery/statistics").json()["attributes"]
    assert [one["rows"] for one in told] == (place.probability >= 0.5).sum(axis=0).tolist()
    assert [one["expected"] for one in told] == pytest.approx(
        place.probability.sum(axis=0).tolist(), rel=1e-5
    )
    assert [one["share"] for one in told] == pytest.approx((place.probability >= 0.5).mean(axis=0).tolist())


@pytest.mark.parametrize(
    ("days", "step", "bins"),
    [(0.5, "hour", 13), (60, "day", 61), (365, "week", 53), (2000, "month", 67), (20_000, "year", 55)],
)
def test_bins_of_time_are_few_and_hold_every_row(tmp_path: Path, days: float, step: str, bins: int) -> None:
    retriever = small_retriever()
    times = [
        datetime(1999, 12, 31, 23, tzinfo=UTC),
        datetime(1999, 12, 31, 23, tzinfo=UTC) + timedelta(days=days),
    ]
    rows = [
        GalleryRow(f"{index:016x}", ImageSource(Path("a.png")), time=time) for index, time in enumerate(times)
    ]
    rows.append(GalleryRow("f" * 16, ImageSource(Path("b.png"))))
    vectors = Vectors(np.eye(3, 6, dtype=np.float32), np.full((3, 8), 0.5, np.float32))
    with open_database_writer(
        tmp_path / "gallery", model=GalleryModel.of(retriever), query_side=retriever.query_side()
    ) as writer:
        writer.add(rows, vectors)
    told = count(Gallery.open(tmp_path / "gallery"))
    assert told.time_step == step
    assert abs(len(told.times) - bins) <= 2
    assert sum(one.rows for one in told.times) == 2
    assert told.times[0].rows >= 1
    assert told.times[-1].rows >= 1
    assert told.without_time == 1
    assert told.cameras[0].model_dump() == {"value": None, "rows": 3}
    starts = [datetime.fromisoformat(one.start) for one in told.times]
    assert starts == sorted(set(starts))
    assert starts[0] <= times[0]


def test_vocabulary_holds_every_attribute_once(client: TestClient, place: Place) -> None:
    told = client.get("/api/v1/vocabulary").json()
    names = [one["name"] for group in told["groups"] for one in group["attributes"]]
    assert sorted(names) == sorted(place.retriever.schema.names)
    assert {group["name"]: group["region"] for group in told["groups"]}["hat"] == "head"


def test_synonyms_mean_what_a_search_takes_them_for(client: TestClient) -> None:
    told = client.get("/api/v1/vocabulary/synonyms").json()["synonyms"]
    meant = {one["phrase"]: one["query"] for one in told}
    assert meant["rucksack"] == "backpack"
    read = client.get("/api/v1/vocabulary/reading", params={"q": "somebody with a rucksack"}).json()
    assert read["text"] == "backpack"


def test_unknown_language(client: TestClient) -> None:
    response = client.get("/api/v1/vocabulary/synonyms", params={"language": "tlh"})
    assert (response.status_code, response.json()["type"]) == (422, "/api/v1/problems/unknown-name")
    assert client.get("/api/v1/vocabulary/languages").json() == ["en"]
