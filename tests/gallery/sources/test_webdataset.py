"""WebDataset shards: samples by key, shard by shard, nothing shuffled, nothing lost unsaid."""

import io
import json
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from attrieve.errors import ConfigurationError, DatasetError
from attrieve.gallery.sources import Metadata, WebDatasetSource
from attrieve.schema import ImageSource
from gallery.sources.pictures import picture, read_all

pytest.importorskip("webdataset", reason="the library webdataset is not installed")


def write_shard(path: Path, files: list[tuple[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two shards of two samples."""
    for shard in range(2):
        files = []
        for sample in range(2):
            key, number = f"cam{shard}/{sample:04d}", 2 * shard + sample
            document = {"camera": f"c{shard}", "score": 0.25 * number, "nested": {"a": [1]}}
            files += [
                (f"{key}.jpg", picture(number, "JPEG")),
                (f"{key}.json", json.dumps(document).encode()),
                (f"{key}.txt", f"person {number}".encode()),
            ]
        write_shard(tmp_path / f"crops-{shard:02d}.tar", files)
    return tmp_path


@pytest.mark.parametrize("pattern", ["crops-{00..01}.tar", "crops-*.tar"])
def test_samples_bring_what_is_written_beside_them(shards: Path, pattern: str) -> None:
    """Image bytes, fields of the JSON document and the text, in the order of shards and files."""
    source = WebDatasetSource(f"{shards}/{pattern}")
    assert read_all(source) == [picture(number, "JPEG") for number in range(4)]
    last = list(source)[-1]
    assert last.source == ImageSource(shards / "crops-01.tar", "cam1/0001.jpg")
    columns = {"score": 0.75, "nested": '{"a": [1]}', "text": "person 3"}
    assert last.metadata == Metadata(camera="c1", columns=columns)
    assert source.count() is None


def test_odd_samples_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    """No image, several images, a broken document, a file twice, a link."""
    path = write_shard(
        tmp_path / "a.tar",
        [
            ("none.txt", b"no image here"),
            ("two.left.png", b"left"),
            ("two.right.PNG", b"right"),
            ("bad.png", b"pixels"),
            ("bad.json", b"{"),
            ("list.png", b"pixels"),
            ("list.json", b"[1]"),
            ("time.png", b"pixels"),
            ("time.json", b'{"time": "noon"}'),
            ("twice.png", b"first"),
            ("twice.png", b"second"),
            ("good.webp", b"good"),
        ],
    )
    read = read_all(WebDatasetSource(str(path)))
    assert [content for content in read if isinstance(content, bytes)] == [
        b"left",
        b"right",
        b"first",
        b"good",
    ]
    reasons = "\n".join(reason for reason in read if isinstance(reason, str))
    for said in ("none: expected an image", "bad: expected a JSON", "list: expected a JSON", "ISO 8601"):
        assert said in reasons
    assert "twice.png: occurs twice" in reasons
    assert len(read) == 9


def test_a_shard_that_breaks_off_does_not_stop_the_next(shards: Path) -> None:
    """Its whole samples come, then the reason, then the other shard."""
    first = shards / "crops-00.tar"
    first.write_bytes(first.read_bytes()[:2600])
    read = read_all(WebDatasetSource(f"{shards}/crops-{{00..01}}.tar"))
    reasons = [reason for reason in read if isinstance(reason, str)]
    assert len(reasons) == 1
    assert "breaks off" in reasons[0]
    assert read[-2:] == [picture(2, "JPEG"), picture(3, "JPEG")]


def test_a_shard_that_vanishes_is_named(shards: Path) -> None:
    """Between opening the source and reading it."""
    source = WebDatasetSource(f"{shards}/crops-{{00..01}}.tar")
    (shards / "crops-00.tar").unlink()
    reason, *rest = read_all(source)
    assert isinstance(reason, str)
    assert "crops-00.tar" in reason
    assert len(rest) == 2


def test_missing_shards_are_refused_at_once(shards: Path) -> None:
    """A pattern that reaches too far is a mistake, not a shorter data set."""
    with pytest.raises(DatasetError, match=r"crops-02\.tar"):
        WebDatasetSource(f"{shards}/crops-{{00..02}}.tar")
    with pytest.raises(DatasetError, match="missing"):
        WebDatasetSource(f"{shards}/other-*.tar")


@pytest.mark.parametrize(
    "address", ["pipe:touch {}/ran", "s3://bucket/a.tar", "gs://b/a.tar", "ftp://h/a.tar"]
)
def test_commands_and_unknown_addresses_are_refused(tmp_path: Path, address: str) -> None:
    """What is indexed is data; nothing is handed to a shell."""
    with pytest.raises(DatasetError, match="local paths or http"):
        list(WebDatasetSource(address.format(tmp_path)))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def address(shards: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(shards)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_shards_come_over_http(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamed; one that is not there is named and the next comes."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    read = read_all(WebDatasetSource(f"{address}/crops-{{00..02}}.tar"))
    assert read[:4] == [picture(number, "JPEG") for number in range(4)]
    assert len(read) == 5
    assert isinstance(read[4], str)
    assert "404" in read[4]


def test_without_the_library_the_extra_is_named(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain installation says what to install."""
    monkeypatch.setitem(sys.modules, "webdataset", None)
    with pytest.raises(ConfigurationError, match=r"webdataset.*attrieve\[data\]"):
        WebDatasetSource(f"{shards}/crops-00.tar")
