"""``attrieve gallery info``, ``rows`` and ``verify``."""

from pathlib import Path

import pytest

from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.quarantine import write_quarantine
from attrieve.gallery.rows import content_key
from attrieve.schema import ImageSource
from cli.gallery_commands import asked, failure, filled, shown
from gallery.database.made import key_of, model, row, vectors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "gallery", list(range(12)))


def test_info_counts_what_is_there(folder: Path) -> None:
    """Against the rows as they were made: row n has camera n % 3, day n, blur n."""
    with open_database_writer(folder) as writer:
        writer.add([row(50, camera=None, time=None, measures=None)], vectors([50]))
    write_quarantine(folder, {ImageSource(Path("/bad.png")): "no image"})
    facts = asked("info", folder)
    assert (facts["rows"], facts["quarantined"], facts["without_camera"]) == (13, 1, 1)
    assert facts["cameras"] == {"C0": 4, "C1": 4, "C2": 4}
    assert facts["time"] == {
        "first": "2024-01-01T00:00:00+00:00",
        "last": "2024-01-12T00:00:00+00:00",
        "unknown": 1,
    }
    assert facts["quality"]["blur"] == {"least": 0.0, "median": 5.5, "most": 11.0, "unknown": 1}
    [only] = facts["models"]
    assert (only["name"], only["active"], only["rows"], only["fragments"]) == ("run-aaaa", True, 13, 2)
    assert only["versions"] >= 3
    inside = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert facts["bytes"]["all"] == inside > only["bytes"] > 0
    assert {"name": "camera", "type": "string", "own": False} in facts["columns"]


def test_info_of_an_empty_gallery(tmp_path: Path) -> None:
    """Nothing is known, and that is said."""
    facts = asked("info", filled(tmp_path / "gallery", []))
    assert (facts["rows"], facts["cameras"], facts["quality"]) == (0, {}, {})
    assert facts["time"] == {"first": None, "last": None, "unknown": 0}
    assert "unknown" in shown("info", tmp_path / "gallery")


def test_people_get_tables(folder: Path) -> None:
    """The model and the cameras are in them."""
    told = shown("info", folder)
    assert "12 rows" in told
    for word in ("run-aaaa", "searched", "C0 4, C1 4, C2 4", "2024-01-12", "quarantine"):
        assert word in told


def test_rows_that_meet_conditions_are_listed(folder: Path) -> None:
    """Conditions must all hold; the limit is told apart from what matches."""
    found = asked("rows", folder, "--where", "camera=C1,C2", "--where", "time>=2024-01-06", "--limit", "3")
    assert found["matching"] == len([n for n in range(5, 12) if n % 3])
    assert len(found["rows"]) == 3
    keys = {key_of(number): number for number in range(12)}
    for listed in found["rows"]:
        number = keys[listed["key"]]
        assert listed["camera"] == f"C{number % 3}"
        assert listed["measures"]["blur"] == number
        assert listed["source"] == f"/crops/{number}.png"
        assert listed["box"] == {"x": 1.0, "y": 2.0, "width": 64.0, "height": 128.0}


def test_names_cannot_disturb_the_terminal(tmp_path: Path) -> None:
    """Line breaks, colours and bytes that are no UTF-8 are shown as code; JSON gives them as they are."""
    name = "a\nb\x1b[31m\udcff.png"
    folder = filled(tmp_path / "gallery", [1], source=ImageSource(Path(name)), camera="[red]C\n1")
    told = shown("rows", folder)
    assert "a\\nb\\x1b[31m\\udcff.png" in told
    assert "[red]C\\n1" in told
    assert "\x1b" not in told
    [listed] = asked("rows", folder)["rows"]
    assert (listed["source"], listed["camera"]) == (name, "[red]C\n1")
    assert "[red]C\\n1 1" in shown("info", folder)
    assert "\\udcff.png" in shown("verify", folder, code=1)


def test_verify_says_clean_or_what_is_not(tmp_path: Path) -> None:
    """Images that are gone or other ones now, then a broken fragment; exit code 1 for each."""
    sources = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        path.write_bytes(bytes([number]) * 10)
        sources.append(path)
    folder = tmp_path / "gallery"
    with open_database_writer(folder, model=model()) as writer:
        made = [row(n, key=content_key(p.read_bytes()), source=ImageSource(p)) for n, p in enumerate(sources)]
        writer.add(made, vectors([0, 1, 2]))
        writer.add([row(9, frame=4)], vectors([9]))
    assert asked("verify", folder)["clean"]
    assert "4 rows are sound" in shown("verify", folder)
    sources[0].unlink()
    sources[1].write_bytes(b"other")
    report = asked("verify", folder, code=1)
    assert {problem["key"] for problem in report["images"]} == {made[0].key, made[1].key}
    assert report["rows"] == 4
    assert "another picture now" in shown("verify", folder, code=1)
    assert asked("verify", folder, "--no-images")["clean"]
    max(folder.rglob("data/*.lance"), key=lambda path: path.stat().st_mtime_ns).unlink()
    told = shown("verify", folder, "--no-images", code=1)
    assert "fragment 1 of rows-aaaa (1 rows)" in told
    assert "--drop-damaged" in told


def test_damaged_rows_are_dropped_only_when_asked_twice(folder: Path) -> None:
    """By the option, and by --yes where there is no terminal; then the gallery is clean."""
    with open_database_writer(folder) as writer:
        writer.add([row(90)], vectors([90]))
    newest = max(folder.rglob("data/*.lance"), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(b"")
    assert "add --yes" in failure("verify", folder, "--no-images", "--drop-damaged", code=2)
    report = asked("verify", folder, "--no-images", "--drop-damaged", "--yes", code=1)
    assert report["dropped"] == 1
    assert asked("verify", folder, "--no-images")["rows"] == 12


def test_failures_exit_with_1_and_wrong_usage_with_2(folder: Path, tmp_path: Path) -> None:
    """The message is on stderr, stdout stays empty."""
    for command in ("info", "rows", "verify"):
        assert "not a gallery" in failure(command, tmp_path / "none")
    assert "'camera'" in failure("rows", folder, "--where", "camra=C1")
    assert "cannot read the condition" in failure("rows", folder, "--where", "camera")
    failure("rows", folder, "--limit", "0", code=2)
