"""Cases over REST: from a search to a folder, marks, refinement and exports; and the care of the gallery."""

import hashlib
import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.feedback.marks_file import marks_from_json
from attrieve.serving.cases.archive_check import check_archive
from attrieve.serving.jobs.job import JobKind
from attrieve.serving.service import Service
from attrieve.serving.state.ledger import Action
from serving.place import Place, make_place, service_over

CASE = {
    "number": "2024-117",
    "title": "Missing child",
    "purpose": "Find the child",
    "members": {"kim": "reader"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("place"), rows=12)


@pytest.fixture
def opened(place: Place, tmp_path: Path) -> Iterator[tuple[TestClient, Service]]:
    with service_over(place, tmp_path / "state") as both:
        yield both


@pytest.fixture
def client(opened: tuple[TestClient, Service]) -> TestClient:
    return opened[0]


@pytest.fixture
def service(opened: tuple[TestClient, Service]) -> Service:
    return opened[1]


@pytest.fixture
def case(client: TestClient) -> str:
    answer = client.post("/api/v1/cases", json=CASE)
    assert answer.status_code == 201
    return str(answer.headers["Location"])


def json_of(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def final(client: TestClient, address: str) -> dict[str, Any]:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        told: dict[str, Any] = client.get(address).json()
        if told["state"] in ("done", "failed", "cancelled"):
            return told
        time.sleep(0.05)
    raise AssertionError(told)


def test_a_case_from_a_search_to_its_exports(
    client: TestClient, service: Service, case: str, tmp_path: Path
) -> None:
    """Every step stands in the ledger under the case's number."""
    search = {"query": "hat, !scarf", "where": ["camera=C0,C1"], "top": 6}
    hits = json_of(client.post("/api/v1/search", json=search | {"case": "2024-117"}))["hits"]
    query = json_of(client.post(f"{case}/queries", json={"request": search, "name": "first"}), 201)
    assert query["text"] == "hat, !scarf"
    keys = [hit["key"] for hit in hits[:3]]
    saved = json_of(client.post(f"{case}/hits", json={"keys": keys, "query": query["id"]}), 201)
    for mine, found in zip(saved, hits, strict=False):
        assert mine["facts"] == {name: value for name, value in found.items() if name != "links"} | {
            "query_text": "hat, !scarf"
        }
    json_of(client.put(f"{case}/hits/{keys[0]}/mark", json={"mark": "right"}))
    json_of(client.put(f"{case}/hits/{keys[1]}/mark", json={"mark": "wrong"}))
    json_of(client.put(f"{case}/hits/{keys[2]}/mark", json={"mark": "unsure"}))
    json_of(client.post(f"{case}/notes", json={"text": "at the gate", "key": keys[0]}), 201)
    refined = json_of(client.post(f"{case}/refine", json=search))
    same = json_of(client.post("/api/v1/search", json=search | {"right": keys[:1], "wrong": keys[1:2]}))
    assert [hit["key"] for hit in refined["hits"]] == [hit["key"] for hit in same["hits"]]
    assert refined["feedback"] == same["feedback"]
    marks = marks_from_json(json_of(client.get(f"{case}/marks")), service.galleries.current().schema)
    assert (marks.right, marks.wrong) == ((keys[0],), (keys[1],))
    assert {mark.query for mark in marks.marks} == {"hat, !scarf"}
    for kind in ("pdf", "zip"):
        begun = client.post(f"{case}/exports", json={"kind": kind})
        made = final(client, begun.headers["Location"])
        assert made["state"] == "done", made
        got = client.get(made["download"])
        assert hashlib.sha256(got.content).hexdigest() == made["sha256"]
        assert got.headers["Content-Disposition"] == f'attachment; filename="{made["file"]}"'
        (tmp_path / f"case.{kind}").write_bytes(got.content)
    assert (tmp_path / "case.pdf").read_bytes().startswith(b"%PDF-")
    assert check_archive(tmp_path / "case.zip", service.ledger.key.public_key).clean
    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        audit = archive.read("audit.jsonl").decode()
        assert archive.read("case.pdf").startswith(b"%PDF-")
    assert audit.count('"action": "search"') == 2
    told = [
        entry.details.get("what") for entry in service.ledger.entries(case="2024-117", action=Action.EXPORT)
    ]
    assert told == ["export-case asked for", "case exported", "export downloaded"] * 2
    assert [export["kind"] for export in json_of(client.get(f"{case}/exports"))] == ["zip", "pdf"]
    assert json_of(client.get(case))["hits"] == 3


def test_changing_and_deleting(client: TestClient, case: str) -> None:
    changed = json_of(client.patch(case, json={"title": "Found child", "status": "closed"}))
    assert (changed["title"], changed["status"]) == ("Found child", "closed")
    assert client.post(f"{case}/notes", json={"text": "late"}).status_code == 409
    assert json_of(client.put(f"{case}/members/ann", json={"role": "editor"}))["members"][0]["name"] == "ann"
    assert len(json_of(client.delete(f"{case}/members/ann"))["members"]) == 2
    made = final(client, client.post(f"{case}/exports", json={"kind": "pdf"}).headers["Location"])
    assert client.delete(case).status_code == 204
    assert client.get(case).status_code == 404
    assert client.get(made["download"]).status_code == 404
    assert json_of(client.get("/api/v1/cases"))["cases"] == []


def test_what_is_unknown(client: TestClient, case: str, place: Place) -> None:
    """404 with the name of the problem, whatever is asked of it."""
    for method, path, body in (
        ("GET", "/api/v1/cases/99", None),
        ("GET", "/api/v1/cases/99/exports", None),
        ("POST", "/api/v1/cases/99/exports", {"kind": "pdf"}),
        ("POST", "/api/v1/cases/99/refine", {"query": "hat"}),
        ("POST", "/api/v1/cases/99/hits", {"keys": [place.keys[0]]}),
        ("PATCH", "/api/v1/cases/99", {"title": "x"}),
        ("GET", "/api/v1/cases/99/marks", None),
    ):
        answer = client.request(method, path, json=body)
        assert (answer.status_code, answer.json()["type"]) == (404, "/api/v1/problems/case-not-found"), path
    for method, path in (
        ("GET", f"{case}/exports/7"),
        ("GET", f"{case}/exports/7/file"),
        ("GET", f"{case}/hits/{'0' * 16}"),
        ("DELETE", f"{case}/queries/7"),
        ("DELETE", f"{case}/notes/7"),
        ("GET", "/api/v1/jobs/7"),
        ("POST", "/api/v1/jobs/7/cancel"),
        ("DELETE", f"/api/v1/persons/{'0' * 16}"),
    ):
        assert client.request(method, path).status_code == 404, path
    assert client.post(f"{case}/hits", json={"keys": ["0" * 16]}).status_code == 404
    assert client.post(f"{case}/queries", json={"request": {"query": "hatt"}}).status_code == 422


def test_hits_whose_image_is_gone_are_saved_and_exported(client: TestClient, case: str, place: Place) -> None:
    """With a placeholder and the reason."""
    json_of(client.post(f"{case}/hits", json={"keys": [place.keys[-1], place.keys[-2]]}), 201)
    made = final(client, client.post(f"{case}/exports", json={"kind": "zip"}).headers["Location"])
    with zipfile.ZipFile(io.BytesIO(client.get(made["download"]).content)) as archive:
        scores = archive.read("scores.csv").decode()
        assert not [name for name in archive.namelist() if name.startswith("crops/")]
    assert "no such image file" in scores
    assert "of a video" in scores


def test_deleting_asks_twice(tmp_path: Path) -> None:
    """First a count, then the deletion of exactly so many; what it erased is gone from search and disk."""
    place = make_place(tmp_path / "place", rows=9)
    with service_over(place, tmp_path / "state") as (client, service):
        where = {"where": ["camera=C1"], "why": "retention period"}
        assert json_of(client.post("/api/v1/gallery/delete", json=where)) == {
            "dry_run": True,
            "rows": 3,
            "job": None,
        }
        for expect in (None, 2):
            wrong = client.post("/api/v1/gallery/delete", json={**where, "dry_run": False, "expect": expect})
            assert (wrong.status_code, wrong.json()["rows"]) == (409, 3)
        both = client.post("/api/v1/gallery/delete", json={**where, "older_than_days": 3.0})
        assert both.status_code == 422
        assert client.post("/api/v1/gallery/delete", json={}).status_code == 422
        begun = client.post("/api/v1/gallery/delete", json={**where, "dry_run": False, "expect": 3})
        assert final(client, begun.headers["Location"])["result"]["rows"] == 3
        assert json_of(client.post("/api/v1/gallery/delete", json={"older_than_days": 0}))["rows"] == 6
        erased = client.delete(f"/api/v1/persons/{place.keys[0]}", params={"why": "asked for it"})
        assert final(client, erased.headers["Location"])["result"]["rows"] == 1
        service.galleries.refresh()
        assert client.get(f"/api/v1/persons/{place.keys[0]}").status_code == 404
        hits = json_of(client.post("/api/v1/search", json={"query": "hat"}))["hits"]
        assert {hit["key"] for hit in hits} == {place.keys[n] for n in (2, 3, 5, 6, 8)}
        assert service.ledger.entries(action=Action.ERASURE)[0].details["why"] == "asked for it"


def test_work_waits_while_the_gallery_is_compacted(tmp_path: Path) -> None:
    """Searches go on meanwhile, and the job is done afterwards."""
    place = make_place(tmp_path / "place", rows=6)
    with service_over(place, tmp_path / "state") as (client, _):
        with open_database_writer(place.gallery) as writer:
            begun = client.delete(f"/api/v1/persons/{place.keys[0]}")
            writer.compact()
            time.sleep(2.5)
            job = json_of(client.get(begun.headers["Location"]))
            assert job["state"] in ("queued", "running")
            assert client.post("/api/v1/search", json={"query": "hat"}).status_code == 200
        assert final(client, begun.headers["Location"])["result"]["rows"] == 1
        compacted = client.post("/api/v1/gallery/compact")
        assert final(client, compacted.headers["Location"])["state"] == "done"
        anew = client.post("/api/v1/gallery/re-index", json={"columns_only": True})
        assert final(client, anew.headers["Location"])["result"]["columns_remade"] is True


def test_following_jobs(client: TestClient, service: Service) -> None:
    """Paged, by state and kind; a job that waits is cancelled at once, and tried again."""
    service.workshop.worker.stop()
    numbers = [client.post("/api/v1/gallery/compact").json()["number"] for _ in range(5)]
    first = json_of(client.get("/api/v1/jobs", params={"limit": 2}))
    second = json_of(client.get("/api/v1/jobs", params={"limit": 3, "before": first["next_before"]}))
    assert [job["number"] for job in first["jobs"] + second["jobs"]] == numbers[::-1]
    assert second["next_before"] is None
    cancelled = json_of(client.post(f"/api/v1/jobs/{numbers[0]}/cancel"), 202)
    assert cancelled["state"] == "cancelled"
    assert client.post(f"/api/v1/jobs/{numbers[1]}/retry").status_code == 409
    assert json_of(client.post(f"/api/v1/jobs/{numbers[0]}/retry"), 202)["state"] == "queued"
    queued = json_of(client.get("/api/v1/jobs", params={"state": "queued", "kind": JobKind.COMPACT.value}))
    assert len(queued["jobs"]) == 5
    assert json_of(client.get("/api/v1/jobs", params={"kind": "add-images"}))["jobs"] == []
    told = [entry.details["what"] for entry in service.ledger.entries(action=Action.REINDEXING)]
    assert told[-2:] == ["compact cancelled", "compact tried again"]
