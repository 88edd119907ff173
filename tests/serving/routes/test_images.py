"""Adding images over REST: judged at once, added by a job, found by a search."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from attrieve.serving.service import Service
from attrieve.serving.state.ledger import Action
from serving.place import make_place, service_over
from serving.routes.uploading import done, files
from serving.uploads.strangers import animated, archive, encoded, png_claiming
from small_disk import small_file_system

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Service]]:
    folder = tmp_path_factory.mktemp("images")
    limits = {"upload_bytes_most": 60_000, "upload_request_bytes_most": 400_000, "upload_images_most": 8}
    with service_over(make_place(folder / "place", rows=4), folder / "state", **limits) as both:
        yield both


@pytest.fixture
def client(opened: tuple[TestClient, Service]) -> TestClient:
    return opened[0]


@pytest.fixture
def service(opened: tuple[TestClient, Service]) -> Service:
    return opened[1]


def left(service: Service) -> list[Path]:
    folder = service.workshop.state / "uploads"
    return list(folder.iterdir()) if folder.exists() else []


def test_several_files_with_what_is_said_of_them(client: TestClient, service: Service) -> None:
    """Of all, and of single ones; what is refused does not stop the rest."""
    wine, green = encoded(colour=(120, 0, 40)), encoded(colour=(0, 120, 40))
    metadata = {"green.png": {"camera": "C8", "lux": 3.5, "box": [1, 2, 30, 60]}, "bad.png": {"time": "noon"}}
    answer = client.post(
        "/api/v1/images",
        files=files(("wine.png", wine), ("x.svg", SVG), ("green.png", green), ("bad.png", encoded())),
        data={
            "camera": "C7",
            "time": "2024-05-06T07:08:09Z",
            "source": "gate",
            "metadata": json.dumps(metadata),
        },
        params={"purpose": "stock", "case": "1/24"},
    )
    told = {file["name"]: file for file in answer.json()["files"]}
    assert {name: file["verdict"] for name, file in told.items()} == {
        "wine.png": "accepted",
        "x.svg": "not-an-image",
        "green.png": "accepted",
        "bad.png": "bad-metadata",
    }
    assert (answer.json()["accepted"], answer.json()["refused"]) == (2, 2)
    job = done(client, answer)
    assert job["result"] == {"added": 2, "already_there": 0, "refused": []}
    first = client.get(f"/api/v1/persons/{told['wine.png']['key']}").json()
    second = client.get(f"/api/v1/persons/{told['green.png']['key']}").json()
    assert (first["camera"], second["camera"]) == ("C7", "C8")
    assert first["time"].startswith("2024-05-06T07:08:09")
    assert first["columns"]["source_name"] == "gate"
    assert second["columns"] | {"file_name": "green.png", "lux": 3.5} == second["columns"]
    assert second["image"] == "available"
    assert not left(service)
    entries = service.ledger.entries(action=Action.ADDITION, case="1/24")
    assert [entry.details["what"] for entry in entries] == ["images received", "images added"]
    assert set(entries[0].keys) == {file["key"] for file in told.values() if file["key"]}


def test_a_picture_alone_and_an_archive(client: TestClient) -> None:
    picture = encoded("JPEG", colour=(9, 9, 90))
    alone = client.post(
        "/api/v1/images?name=../a.jpg&camera=C1", content=picture, headers={"Content-Type": "image/jpeg"}
    )
    assert alone.json()["files"][0]["name"] == "../a.jpg"
    packed = archive({"../../up.png": encoded(colour=(1, 1, 1)), "same.jpg": picture, "x.txt": b"x"})
    several = client.post("/api/v1/images", content=packed, headers={"Content-Type": "application/zip"})
    assert [file["verdict"] for file in several.json()["files"]] == ["accepted", "accepted", "not-an-image"]
    assert several.json()["files"][1]["key"] == alone.json()["files"][0]["key"]
    assert done(client, alone)["result"]["added"] == 1
    assert done(client, several)["result"] == {"added": 1, "already_there": 1, "refused": []}


def test_nothing_accepted_is_a_problem_with_all_verdicts(client: TestClient, service: Service) -> None:
    """No job, nothing kept, but an entry in the ledger."""
    before = service.jobs.find(limit=1)
    given = files(("a", SVG), ("b", animated("PNG")), ("c", png_claiming(60_000, 60_000)), ("d", b""))
    answer = client.post("/api/v1/images", files=given)
    assert (answer.status_code, answer.json()["type"]) == (422, "/api/v1/problems/image-not-readable")
    verdicts = [file["verdict"] for file in answer.json()["files"]]
    assert verdicts == ["not-an-image", "animated", "too-many-pixels", "empty"]
    assert service.jobs.find(limit=1) == before
    assert not left(service)


def test_limits_of_bytes_and_count(client: TestClient) -> None:
    """One file too large or one too many is refused alone; too much together is refused whole."""
    good, large = encoded(), encoded() + bytes(70_000)
    given = files(("large.png", large), *((f"{n}.png", good) for n in range(9)))
    answer = client.post("/api/v1/images", files=given)
    verdicts = {file["name"]: file["verdict"] for file in answer.json()["files"]}
    assert verdicts["large.png"] == "too-large"
    assert list(verdicts.values()).count("too-many") == 2
    assert list(verdicts.values()).count("accepted") == 7
    done(client, answer)
    whole = client.post("/api/v1/images", files=files(*((f"{n}", bytes(59_000)) for n in range(8))))
    assert whole.status_code == 413
    stated = client.post("/api/v1/images", content=bytes(500_000), headers={"Content-Type": "image/png"})
    assert stated.status_code == 413


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"x", "text/plain", 415),
        (b"x", "", 415),
        (b"x", "multipart/form-data", 415),
        (b"x", "multipart/form-data; boundary=b", 400),
        (
            b"--b\r\nContent-Disposition: form-data; name=a; filename=a\r\n\r\ncut",
            "multipart/form-data; boundary=b",
            400,
        ),
        (b"--b\r\nX: y\r\n\r\nz\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
        (
            b"--b\r\nContent-Disposition: form-data\r\n\r\nz\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
            400,
        ),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 422),
        (
            b'--b\r\nContent-Disposition: form-data; name="camera"\r\n\r\n\xff\xfe\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            400,
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n[1]\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            422,
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="camera"\r\n\r\n' + b"x" * 5000 + b"\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
            413,
        ),
        (b"x", "multipart/form-data; boundary=" + "b" * 400, 400),
        (b"", "image/png", 422),
    ],
)
def test_bodies_that_are_none(
    client: TestClient, service: Service, content: bytes, kind: str, status: int
) -> None:
    """Each has a status that fits, and leaves nothing behind."""
    answer = client.post("/api/v1/images", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not left(service)


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "a\x00b.png", "x" * 5000, "'; DROP TABLE x; --", "=1+1"]
)
def test_names_of_files_are_data(client: TestClient, service: Service, name: str) -> None:
    """They come back as labels and lead nowhere."""
    colour = sum(map(ord, name)) % 200
    body = (
        b'--b\r\nContent-Disposition: form-data; name="images"; filename="'
        + name.encode()
        + b'"\r\n\r\n'
        + encoded(colour=(colour, 77, 3))
        + b"\r\n--b--\r\n"
    )
    answer = client.post(
        "/api/v1/images", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    [file] = answer.json()["files"]
    assert len(file["name"]) <= 255
    assert "\x00" not in file["name"]
    done(client, answer)
    row = client.get(f"/api/v1/persons/{file['key']}").json()
    assert Path(row["source"]).parent.parent == service.workshop.kept.folder
    assert row["columns"]["file_name"] == file["name"]


def test_columns_keep_their_type(client: TestClient) -> None:
    """A value that does not fit is refused when it is sent, not when it is too late."""
    first = client.post(
        "/api/v1/images",
        files=files(("a.png", encoded(colour=(5, 6, 7)))),
        data={"metadata": json.dumps({"a.png": {"height_cm": 180}})},
    )
    done(client, first)
    second = client.post(
        "/api/v1/images",
        files=files(("b.png", encoded(colour=(6, 7, 8))), ("c.png", encoded(colour=(7, 8, 9)))),
        data={"metadata": json.dumps({"b.png": {"height_cm": "tall"}, "c.png": {"no column": 1}})},
    )
    assert [file["verdict"] for file in second.json()["files"]] == ["bad-metadata", "bad-metadata"]
    assert "height_cm" in second.json()["files"][0]["reason"]


def test_without_a_run_nothing_is_taken(tmp_path: Path) -> None:
    with service_over(make_place(tmp_path / "place", rows=2), tmp_path / "state", with_run=False) as (
        client,
        service,
    ):
        answer = client.post("/api/v1/images", files=files(("a.png", encoded())))
        assert (answer.status_code, answer.json()["type"]) == (503, "/api/v1/problems/model-missing")
        assert client.post("/api/v1/gallery/re-index", json={}).status_code == 503
        assert client.post("/api/v1/search", json={"query": "hat"}).status_code == 200
        assert not left(service)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of eight mebibytes, where mounting is allowed."""
    with small_file_system(tmp_path / "disk", 8) as folder:
        yield folder


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    """Writes are refused as such, what needs none goes on; with room again all is as it was."""
    with service_over(make_place(tmp_path / "place", rows=4), small_disk / "state") as (client, service):
        case = {"number": "1/24", "title": "t", "purpose": "p"}
        assert client.post("/api/v1/cases", json=case).status_code == 201
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
        upload = client.post("/api/v1/images", files=files(("a.png", encoded(size=(60, 120)))))
        assert upload.status_code == 507, upload.text
        assert upload.json()["type"] == "/api/v1/problems/storage-refused"
        statuses = {
            client.post("/api/v1/cases", json=case | {"number": f"{n}/24"}).status_code for n in range(2, 60)
        }
        assert statuses <= {201, 507}
        assert 507 in statuses
        assert client.get("/api/v1/cases/1").json()["title"] == "t"
        assert client.get("/api/v1/jobs").status_code == 200
        assert client.get("/api/v1/vocabulary").status_code == 200
        filler.unlink()
        answer = client.post("/api/v1/images", files=files(("a.png", encoded(size=(60, 120)))))
        assert done(client, answer)["result"]["added"] == 1
        assert service.ledger.verify().clean


def test_a_form_that_was_read_already_is_taken(client: TestClient, service: Service) -> None:
    """As after the check of a page's form token."""
    from starlette.datastructures import FormData, UploadFile
    from starlette.requests import Request

    from attrieve.serving.access.roles import local_actor

    request = Request({"type": "http", "method": "POST", "headers": [], "query_string": b""})
    upload = UploadFile(io.BytesIO(encoded(colour=(44, 55, 66))), filename="page.png")
    request._form = FormData([("csrf", "t"), ("camera", "C5"), ("images", upload)])
    taken = client.portal.call(service.workshop.upload_orders.take, request, local_actor())  # type: ignore[union-attr]
    assert taken.job is not None
    assert taken.job.payload["images"][0]["fields"] == {"camera": "C5", "file_name": "page.png"}
