"""Lists: text, tables and JSON lines name images and say what is known of them."""

import csv
import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attrieve.errors import DatasetError
from attrieve.gallery.sources import ListSource, Metadata, SourceItem
from attrieve.schema import ImageSource
from gallery.sources.pictures import read_all, write


def items(path: Path) -> list[SourceItem]:
    source = ListSource(path)
    read = list(source)
    assert source.count() == len(read)
    assert list(source) == read
    return read


def test_text_names_one_image_a_line(tmp_path: Path) -> None:
    """Relative to the list, absolute, inside archives; comments and empty lines are skipped."""
    write(tmp_path / "in" / "a.png", b"a")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("m/b.png", b"b")
    content = f"# crops\n\nin/a.png\n{tmp_path}/in/a.png\nz.zip!m/b.png\nmissing.png\n"
    listed = write(tmp_path / "list.txt", content.encode())
    a = ImageSource(tmp_path / "in" / "a.png")
    inside = ImageSource(tmp_path / "z.zip", "m/b.png")
    assert [item.source for item in items(listed)] == [a, a, inside, ImageSource(tmp_path / "missing.png")]
    *found, missing = read_all(ListSource(listed))
    assert found == [b"a", b"a", b"b"]
    assert isinstance(missing, str)
    assert "no such image file" in missing


def test_a_table_says_what_is_known(tmp_path: Path) -> None:
    """Own fields by name, other columns as text, or as the header says."""
    with (tmp_path / "list.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["note", "path", "camera", "time", "track", "box", "score:float", "age:int", "in:bool"])
        rows.writerow(["a, b\nc", "x\ny.png", "7", "2024-05-06T07:08", "t1", "1,2,3,4.5", "0.5", "30", "yes"])
        rows.writerow(["", "z.png", "", "", "", "", "", "", ""])
    first, second = items(tmp_path / "list.csv")
    assert first.source.path == tmp_path / "x\ny.png"
    assert first.metadata == Metadata(
        "7",
        datetime(2024, 5, 6, 7, 8),
        "t1",
        (1.0, 2.0, 3.0, 4.5),
        {"note": "a, b\nc", "score": 0.5, "age": 30, "in": True},
    )
    assert second.metadata == Metadata(columns={"note": "", "score": None, "age": None, "in": None})


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    """Numbers stay numbers; lists and objects become JSON text; times may be seconds since 1970."""
    document = {"path": "a.png", "time": 1_700_000_000, "box": [0, 0, 5, 9], "n": 3, "x": 1.5, "ok": False}
    document |= {"none": None, "tags": ["b", "a"], "camera": "c"}
    (item,) = items(write(tmp_path / "l.jsonl", (json.dumps(document) + "\n\n").encode()))
    time = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    columns = {"n": 3, "x": 1.5, "ok": False, "none": None, "tags": '["b", "a"]'}
    assert item.metadata == Metadata("c", time, None, (0.0, 0.0, 5.0, 9.0), columns)


@pytest.mark.parametrize(
    ("name", "lines", "reason"),
    [
        ("l.jsonl", ["{broken", "[1]", '{"camera": "c"}'], "expected"),
        ("l.jsonl", ['{"path": ""}', '{"path": 7}', '{"path": null}'], "path"),
        ("l.jsonl", ['{"path": "a.png", "time": "noon"}'], "ISO 8601"),
        ("l.jsonl", ['{"path": "a.png", "time": 1e300}'], "ISO 8601"),
        ("l.jsonl", ['{"path": "a.png", "box": [1, 2, 0, 4]}', '{"path": "a.png", "box": 3}'], "box"),
        ("l.jsonl", ['{"path": "a.png", "camera": ["c"]}'], "camera"),
        ("l.jsonl", ['{"path": "a.png", "n": 9223372036854775808}'], "64 bits"),
        ("l.jsonl", ['{"path": "a.png", "note": "\\ud800"}'], "Unicode"),
        ("l.csv", ["path,n:int", "a.png,three"], "does not fit"),
        ("l.csv", ["path,note", "a.png", "a.png,b,c"], "expected 2 values"),
        ("l.tsv", ["path\ttime", "a.png\tyesterday"], "ISO 8601"),
        ("l.csv", ["path,note", '"a"b,c'], "comma-separated"),
    ],
)
def test_entries_that_cannot_be_read_are_named_by_line(
    tmp_path: Path, name: str, lines: list[str], reason: str
) -> None:
    """The rest of the list goes on."""
    good = {"l.jsonl": '{"path": "good.png"}', "l.csv": "good.png,1", "l.tsv": "good.png\t2024-05-06"}[name]
    header = [] if name == "l.jsonl" else lines[:1]
    bad = lines[len(header) :]
    listed = write(tmp_path / name, "\n".join([*header, good, *bad, good]).encode())
    first, *refused, last = items(listed)
    assert first.source.path == last.source.path == tmp_path / "good.png"
    assert len(refused) == len(bad)
    for number, item in enumerate(refused, start=len(header) + 2):
        assert item.source == ImageSource(listed, f"line {number}")
        assert item.problem is not None
        assert reason in item.problem
        assert f"line {number}" in item.problem


def test_undecodable_names_are_kept(tmp_path: Path) -> None:
    """A file name is bytes; a list of such names still finds the files."""
    name = b"\xff\xfe caf\xe9.png"
    write(tmp_path / os.fsdecode(name), b"pixels")
    for listed, content in (("l.txt", name), ("l.csv", b"path\n" + name + b"\n")):
        assert read_all(ListSource(write(tmp_path / listed, content))) == [b"pixels"]


def test_a_mark_of_the_byte_order_is_no_part_of_the_header(tmp_path: Path) -> None:
    """Spreadsheets write one."""
    listed = write(tmp_path / "l.csv", b"\xef\xbb\xbfpath\r\na.png\r\n")
    assert [item.source.path.name for item in items(listed)] == ["a.png"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("l.csv", "pth,camera\na,b\n", "path.*did you mean 'pth'"),
        ("l.csv", "", "it is empty"),
        ("l.csv", "path,path\na,b\n", "its own name"),
        ("l.csv", "path,\na,b\n", "its own name"),
        ("l.dat", "a.png\n", r"\.jsonl"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused_at_once(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    """Before anything is indexed."""
    with pytest.raises(DatasetError, match=said):
        ListSource(write(tmp_path / name, content.encode()))


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    """Naming the path."""
    with pytest.raises(DatasetError, match=r"nowhere\.txt"):
        ListSource(tmp_path / "nowhere.txt")


def test_an_empty_list_has_nothing(tmp_path: Path) -> None:
    """Which is no error."""
    assert items(write(tmp_path / "l.txt", b"")) == []
    assert items(write(tmp_path / "l.csv", b"path\n")) == []
