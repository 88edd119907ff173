"""A case as an archive: whole, checkable, the same bytes each time, and harmless to a spreadsheet."""

import csv
import hashlib
import io
import json
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from attrieve.cli.case import app
from attrieve.errors import InputError
from attrieve.serving.cases.archive import MANIFEST, SIGNATURE, case_archive
from attrieve.serving.cases.archive_check import check_archive
from attrieve.serving.cases.content import LEAD, HitContent
from serving.cases.folder import KEY, content, key_of, note, picture, saved_hit

FORMULAS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "|calc", "%0A=1"]


def members(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(files: dict[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_everything_is_in_it() -> None:
    files = members(case_archive(content(notes=(note(1, "general"),)), KEY, b"%PDF-"))
    assert LEAD in files["README.txt"].decode()
    assert json.loads(files["query.json"])[0]["request"] == {"query": "bag?, !hat", "where": ["camera=C1"]}
    assert json.loads(files["model.json"])["model_fingerprint"] == "0123456789abcdef"
    case = json.loads(files["case.json"])
    assert [hit["mark"] for hit in case["hits"]] == ["right", "wrong", None]
    assert case["hits"][2]["picture_missing"] == "/c/3.png: no such image file"
    scores = table(files["scores.csv"])
    assert [row["distance"] for row in scores] == ["0.125", "0.25", "0.375"]
    assert [row["picture"] for row in scores] == [f"crops/{key_of(1)}.jpg", f"crops/{key_of(2)}.jpg", ""]
    assert [row["attribute"] for row in table(files["attributes.csv"])] == ["hat", "bag"] * 3
    assert [row["text"] for row in table(files["notes.csv"])] == ["general", "Seen again at the gate."]
    assert files[f"crops/{key_of(1)}.jpg"] == picture(1).content
    assert files["case.pdf"] == b"%PDF-"


def test_the_manifest_is_what_sha256sum_reads() -> None:
    files = members(case_archive(content(), KEY))
    lines = files[MANIFEST].decode().splitlines()
    assert lines == sorted(lines, key=lambda line: line[66:])
    named = {line[66:]: line[:64] for line in lines}
    assert named == {
        name: hashlib.sha256(data).hexdigest()
        for name, data in files.items()
        if name not in (MANIFEST, SIGNATURE)
    }
    assert KEY.verify(files[MANIFEST], files[SIGNATURE].decode().strip())


def test_equal_content_makes_equal_bytes() -> None:
    assert case_archive(content(), KEY) == case_archive(content(), KEY)
    assert case_archive(content(title="Other"), KEY) != case_archive(content(), KEY)


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str) -> None:
    """Wherever text of people, cameras or files stands in a table."""
    evil = saved_hit(1, camera=text, source=text, time=text, track=text)
    evil.facts["reasons"][0].update(attribute=text, label=text)  # type: ignore[index]
    hit = HitContent(replace(evil, saved_by=text), picture(1), (note(3, text, key_of(1)),))
    files = members(case_archive(content((hit,), notes=(note(2, text),)), KEY))
    for name in ("scores.csv", "attributes.csv", "notes.csv"):
        for row in csv.reader(io.StringIO(files[name].decode(), newline="")):
            for cell in row:
                assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "|", "%"), (name, cell)


def test_names_in_the_archive_are_ours_alone() -> None:
    """Whatever files and cases are called, nothing unpacks elsewhere."""
    evil = HitContent(saved_hit(1, source="../../etc/passwd", camera="/root"), picture(1), ())
    for name in members(case_archive(content((evil,), number="../../x", title="../y"), KEY, b"%PDF-")):
        assert ".." not in name
        assert not name.startswith("/")
        assert "\\" not in name


def test_an_untouched_archive_is_clean(tmp_path: Path) -> None:
    path = tmp_path / "case.zip"
    path.write_bytes(case_archive(content(), KEY))
    found = check_archive(path, KEY.public_key)
    assert found.clean
    assert (found.key_given, found.files) == (True, 11)
    assert not check_archive(path).key_given
    other = check_archive(path, "00" * 32)
    assert not other.signed
    assert not other.clean


def test_every_change_is_found(tmp_path: Path) -> None:
    """Of content, of names, of the manifest, of the signature; files added or left out."""
    whole = members(case_archive(content(), KEY))
    path = tmp_path / "case.zip"
    for name in whole:
        if name in (MANIFEST, SIGNATURE):
            continue
        changed = check_archive(packed({**whole, name: whole[name] + b" "}, path), KEY.public_key)
        assert (changed.changed, changed.clean) == ((name,), False)
        missing = check_archive(
            packed({other: data for other, data in whole.items() if other != name}, path), KEY.public_key
        )
        assert (missing.missing, missing.clean) == ((name,), False)
    added = check_archive(packed({**whole, "extra.txt": b"x"}, path), KEY.public_key)
    assert (added.added, added.clean) == (("extra.txt",), False)
    again = hashlib.sha256(b"other").hexdigest()
    manifest = whole[MANIFEST].replace(
        hashlib.sha256(whole["scores.csv"]).hexdigest().encode(), again.encode()
    )
    forged = check_archive(
        packed({**whole, "scores.csv": b"other", MANIFEST: manifest}, path), KEY.public_key
    )
    assert (forged.signed, forged.changed, forged.clean) == (False, (), False)


def test_a_name_that_stands_twice_is_a_change(tmp_path: Path) -> None:
    """Else one program would check one of them and another show the other."""
    path = tmp_path / "case.zip"
    path.write_bytes(case_archive(content(), KEY))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("scores.csv", members(path.read_bytes())["scores.csv"])
    assert check_archive(path, KEY.public_key).changed == ("scores.csv",)


def test_a_flipped_byte_never_passes_for_other_content(tmp_path: Path) -> None:
    """Either the check says so, or nothing that is read from the archive has changed."""
    whole = case_archive(content(), KEY)
    before = members(whole)
    path = tmp_path / "case.zip"
    chance = random.Random(0)
    found = 0
    for _ in range(150):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(data))
        try:
            clean = check_archive(path, KEY.public_key).clean
        except InputError:
            clean = False
        found += not clean
        assert not clean or members(bytes(data)) == before
    assert found > 100


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + bytes(18), b"no zip", b"PK\x03\x04" + bytes(40)])
def test_what_is_no_archive_is_told_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "case.zip"
    path.write_bytes(data)
    with pytest.raises(InputError):
        check_archive(path)
    with pytest.raises(InputError, match="no file"):
        check_archive(tmp_path / "nowhere.zip")


def test_the_command(tmp_path: Path) -> None:
    """Exit code 0 for what is clean, 1 for what is not, whatever the reason."""
    path = tmp_path / "case.zip"
    path.write_bytes(case_archive(content(), KEY))
    runner = CliRunner()
    clean = runner.invoke(app, ["verify", str(path), "--public-key", KEY.public_key, "--json"])
    assert clean.exit_code == 0
    assert json.loads(clean.stdout)["clean"] is True
    own = runner.invoke(app, ["verify", str(path)])
    assert own.exit_code == 0
    assert "compare it" in own.stdout
    packed({**members(path.read_bytes()), "scores.csv": b"changed"}, path)
    changed = runner.invoke(app, ["verify", str(path)])
    assert changed.exit_code == 1
    assert "changed: scores.csv" in changed.stdout
    path.write_bytes(b"no zip")
    assert runner.invoke(app, ["verify", str(path)]).exit_code == 1
