"""Whatever a stranger sends gets a verdict of its own; only pixels come back."""

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from attrieve.data.decoding import decode_image
from attrieve.serving.uploads import decoder
from attrieve.serving.uploads.decoder_channel import DecoderError
from attrieve.serving.uploads.kept_images import KeptImages
from attrieve.serving.uploads.picture import picture_end
from attrieve.serving.uploads.verdict import Verdict, shown_name
from serving.uploads.strangers import LIMITS, animated, archive, decode, encoded, mutated, png_claiming

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def test_each_file_gets_its_verdict(tmp_path: Path) -> None:
    """In one process, one after the other; what is refused says why."""
    plain = encoded()
    cases = {
        "plain png": (plain, Verdict.ACCEPTED, ""),
        "plain jpeg": (encoded("JPEG"), Verdict.ACCEPTED, ""),
        "plain webp": (encoded("WEBP"), Verdict.ACCEPTED, ""),
        "empty": (b"", Verdict.EMPTY, "empty"),
        "svg": (SVG, Verdict.NOT_AN_IMAGE, "no JPEG"),
        "html": (HTML, Verdict.NOT_AN_IMAGE, "no JPEG"),
        "pdf": (b"%PDF-1.7 ...", Verdict.NOT_AN_IMAGE, "no JPEG"),
        "program": (b"\x7fELF" + bytes(100), Verdict.NOT_AN_IMAGE, "no JPEG"),
        "gif": (animated("GIF"), Verdict.NOT_AN_IMAGE, "no JPEG"),
        "tiff": (encoded("TIFF"), Verdict.NOT_AN_IMAGE, "no JPEG"),
        "moving png": (animated("PNG"), Verdict.ANIMATED, "3 pictures"),
        "moving webp": (animated("WEBP"), Verdict.ANIMATED, "3 pictures"),
        "cut png": (plain[:-30], Verdict.DAMAGED, "truncated"),
        "cut jpeg": (encoded("JPEG")[:300], Verdict.DAMAGED, ""),
        "bomb": (png_claiming(60_000, 60_000), Verdict.TOO_MANY_PIXELS, "60000 x 60000"),
        "lying": (png_claiming(900, 900), Verdict.DAMAGED, ""),
        "html behind": (plain + HTML, Verdict.ACCEPTED, f"{len(HTML)} bytes behind"),
        "zip behind": (encoded("JPEG") + archive({"x": b"y"}), Verdict.ACCEPTED, "bytes behind"),
        "webp and more": (encoded("WEBP") + HTML, Verdict.ACCEPTED, "bytes behind"),
        "html before": (HTML + plain, Verdict.NOT_AN_IMAGE, "no JPEG"),
        "noise": (mutated(bytes(5000), 1), Verdict.NOT_AN_IMAGE, "no JPEG"),
    }
    found = decode(tmp_path, [data for data, _, _ in cases.values()])
    assert [one.part for one in found] == list(range(len(cases)))
    for (name, (_, verdict, reason)), one in zip(cases.items(), found, strict=True):
        assert (name, one.verdict.verdict) == (name, verdict), one.verdict
        assert reason in one.verdict.reason, (name, one.verdict)
        assert (one.picture is not None) == (verdict is Verdict.ACCEPTED)


def test_the_pixels_are_those_of_the_picture(tmp_path: Path) -> None:
    """Upright and RGB, as the gallery's own decoder sees them."""
    turned = Image.new("RGB", (30, 10), (10, 200, 30))
    exif = turned.getexif()
    exif[0x0112] = 6
    exif[0x010E] = "who took it, and where"
    buffer = io.BytesIO()
    turned.save(buffer, "JPEG", exif=exif)
    grey = io.BytesIO()
    Image.linear_gradient("L").resize((40, 80)).save(grey, "PNG")
    files = [encoded(), encoded("JPEG"), buffer.getvalue(), grey.getvalue()]
    for data, one in zip(files, decode(tmp_path, files), strict=True):
        assert one.picture is not None
        expected = Image.fromarray(decode_image(data))
        assert one.picture.tobytes() == expected.tobytes()
        assert (one.verdict.width_px, one.verdict.height_px) == expected.size
    assert decode(tmp_path, files[2:3])[0].verdict.width_px == 10


def test_nothing_but_pixels_is_kept(tmp_path: Path) -> None:
    """No metadata, nothing that lay behind the picture; the same file sent again is kept once."""
    exif = Image.Exif()
    exif[0x010E] = "SECRET-DESCRIPTION"
    files = [encoded("JPEG", exif=exif, comment=b"SECRET-COMMENT") + b"SECRET-TAIL", encoded("JPEG")]
    kept = KeptImages(tmp_path / "state")
    made = {kept.keep(one.picture, one.key) for one in decode(tmp_path, files * 2) if one.picture and one.key}
    assert made == set(kept.files())
    assert len(made) == 2
    for path in made:
        content = path.read_bytes()
        assert b"SECRET" not in content
        with Image.open(io.BytesIO(content)) as opened:
            assert (opened.format, opened.info) == ("PNG", {})
        assert kept.relative(path) is not None


def test_keys_are_those_of_the_files_as_they_were_sent(tmp_path: Path) -> None:
    """Of members, too, and with all that is not kept of a file."""
    sent = [encoded("JPEG", comment=b"door") + b"tail", encoded(), encoded("WEBP")]
    packed = archive({f"{place}": content for place, content in enumerate(sent)})
    expected = [hashlib.sha256(content).hexdigest()[:16] for content in sent]
    assert [one.key for one in decode(tmp_path, [*sent, packed, b""])] == [*expected, *expected, None]


def test_files_of_an_archive_are_files(tmp_path: Path) -> None:
    """Names are labels: nothing is unpacked to disk, wherever they point."""
    good, names = encoded(), ["../../../evil.png", "/etc/evil.png", "C:\\evil.png", "a/b/c.png", "x" * 9000]
    packed = archive(
        {
            **dict.fromkeys(names, good),
            "inner.zip": archive({"a.png": good}),
            "note.txt": b"hello",
            "__MACOSX/._a.png": b"",
            "folder/.DS_Store": b"",
            "empty.png": b"",
        }
    )
    found = decode(tmp_path, [good, packed, good])
    assert [one.part for one in found] == [0, *[1] * 8, 2]
    assert [one.verdict.name for one in found[1:5]] == names[:4]
    assert len(found[5].verdict.name) == 255
    verdicts = [one.verdict.verdict for one in found[1:9]]
    assert verdicts == [Verdict.ACCEPTED] * 5 + [Verdict.NOT_AN_IMAGE, Verdict.NOT_AN_IMAGE, Verdict.EMPTY]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["received"]


def test_bombs_in_archives_are_not_believed(tmp_path: Path) -> None:
    """A file that unpacks to too much, many that do together, too many files, a lying directory."""
    bomb = archive({"a.png": encoded(), "zeros.png": bytes(50_000_000), "b.png": encoded()})
    assert len(bomb) < 100_000
    assert [one.verdict.verdict for one in decode(tmp_path, [bomb])] == [
        Verdict.ACCEPTED,
        Verdict.TOO_LARGE,
        Verdict.ACCEPTED,
    ]
    together = archive({f"{n}.png": bytes(150_000) for n in range(30)})
    found = decode(tmp_path, [together])
    assert found[-1].verdict.verdict is Verdict.TOO_LARGE
    assert "archive" in found[-1].verdict.reason
    assert len(found) < 10
    many = archive({f"{n:03d}.png": encoded() for n in range(60)})
    found = decode(tmp_path, [many])
    assert [one.verdict.verdict for one in found] == [Verdict.ACCEPTED] * 50 + [Verdict.TOO_MANY]
    lying = bytearray(archive({"a.png": bytes(3_000_000)}))
    place = lying.rfind(b"PK\x01\x02")
    lying[place + 24 : place + 28] = (100).to_bytes(4, "little")
    assert decode(tmp_path, [bytes(lying)])[0].picture is None


def test_damaged_and_encrypted_archives(tmp_path: Path) -> None:
    whole = bytearray(archive({"a.png": encoded(), "b.png": encoded("JPEG")}, zipfile.ZIP_STORED))
    encrypted = bytearray(whole)
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[encrypted.find(start) + offset] |= 1
    cut = bytes(whole[: len(whole) // 2])
    found = decode(tmp_path, [bytes(encrypted), cut, archive({})])
    assert [one.verdict.verdict for one in found] == [
        Verdict.ENCRYPTED,
        Verdict.ACCEPTED,
        Verdict.DAMAGED,
        Verdict.EMPTY,
    ]


def test_too_many_pictures_in_several_archives(tmp_path: Path) -> None:
    """The limit is that of the upload."""
    packed = archive({f"{n}.png": encoded() for n in range(6)})
    found = decode(tmp_path, [packed, packed], replace(LIMITS, pictures=8))
    accepted = [one for one in found if one.picture is not None]
    assert len(accepted) == 8
    assert all(one.verdict.verdict is Verdict.TOO_MANY for one in found[8:])


def test_more_memory_than_allowed_ends_with_a_verdict(tmp_path: Path) -> None:
    """The files behind are decoded all the same."""
    buffer = io.BytesIO()
    Image.new("RGB", (8000, 8000)).save(buffer, "PNG", compress_level=1)
    large = buffer.getvalue()
    limits = replace(LIMITS, file_bytes=10**9, pixels=10**9, memory_bytes=600 << 20)
    found = decode(tmp_path, [encoded(), large, encoded()], limits, 120.0)
    assert [one.verdict.verdict for one in found] == [
        Verdict.ACCEPTED,
        Verdict.BROKE_THE_DECODER,
        Verdict.ACCEPTED,
    ]


def test_a_decoder_that_ends_or_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a file had broken it; after some of that the rest is not tried."""
    module = tmp_path / "stand_in.py"
    module.write_text(STAND_IN)
    monkeypatch.setattr("attrieve.serving.uploads.decoder_channel._MODULE", "stand_in")
    monkeypatch.setattr("attrieve.serving.uploads.decoder_channel.START_S", 30.0)
    monkeypatch.setattr("subprocess.Popen", _with_path(tmp_path))
    kinds = [b"good", b"hang", b"good", b"exit", b"talk", b"liar", b"good"]
    found = decode(tmp_path, kinds, seconds=3.0)
    assert [one.part for one in found] == list(range(7))
    good = [one.verdict.verdict is Verdict.ACCEPTED for one in found]
    assert good == [kind == b"good" for kind in kinds]
    told = [one.verdict.reason for one in found]
    assert "longer than 3 seconds" in told[1]
    assert "end" in told[3]
    assert "nonsense" in told[4]
    assert "nonsense" in told[5]
    monkeypatch.setattr(decoder, "RESTARTS_MOST", 2)
    found = decode(tmp_path, [b"exit"] * 5, seconds=30.0)
    assert ["again and again" in one.verdict.reason for one in found] == [False, False, True, True, True]


def test_a_decoder_that_cannot_start_is_the_installations_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No verdict on the files, but an error that says what happened."""
    monkeypatch.setattr("attrieve.serving.uploads.decoder_channel._MODULE", "no.such.module")
    with pytest.raises(DecoderError, match=r"no\.such"):
        decode(tmp_path, [encoded()])


STAND_IN = """
import json, os, sys, time
def say(header, pixels=b""):
    text = json.dumps(header).encode()
    sys.stdout.buffer.write(len(text).to_bytes(4, "big") + text + pixels)
    sys.stdout.buffer.flush()
say({"ready": True})
for number, offset, length, skip in json.loads(sys.argv[2]):
    kind = os.pread(0, length, offset)
    place = {"task": number, "member": None, "name": None}
    say(place | {"begun": True})
    if kind == b"hang":
        time.sleep(100)
    elif kind == b"exit":
        os._exit(3)
    elif kind == b"talk":
        sys.stdout.buffer.write(b"\\xff" * 100)
        sys.stdout.buffer.flush()
        time.sleep(100)
    elif kind == b"liar":
        say(place | {"verdict": "accepted", "reason": "", "size": [100000, 100000]})
        time.sleep(100)
    else:
        say(place | {"verdict": "accepted", "reason": "", "size": [2, 1]}, bytes(6))
say({"end": True})
"""


def _with_path(folder: Path) -> object:
    """Start processes that find a module in a folder."""
    import subprocess

    real = subprocess.Popen

    def start(command: list[str], **options: object) -> object:
        command = [part for part in command if part != "-I"]
        environment = {**options.pop("env"), "PYTHONPATH": str(folder)}  # type: ignore[dict-item]
        return real(command, env=environment, **options)  # type: ignore[call-overload]

    return start


@pytest.mark.parametrize("examples", [120, pytest.param(4000, marks=pytest.mark.slow)])
def test_mutated_pictures_never_break_anything(tmp_path: Path, examples: int) -> None:
    """Each gets a verdict; those accepted have as many pixels as their header may claim."""
    seeds = [
        encoded(),
        encoded("JPEG"),
        encoded("JPEG", progressive=True),
        encoded("WEBP"),
        archive({"a": encoded()}),
    ]
    for first in range(0, examples, 40):
        files = [mutated(seeds[number % len(seeds)], number) for number in range(first, first + 40)]
        found = decode(tmp_path, files, replace(LIMITS, pictures=1000))
        assert {one.part for one in found} == set(range(40))
        for one in found:
            assert one.verdict.verdict in Verdict
            if one.picture is not None:
                assert one.picture.width * one.picture.height <= LIMITS.pixels
                assert one.picture.mode == "RGB"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_where_a_picture_ends(kind: str) -> None:
    """At the end of its file, whatever follows; nowhere if it is cut."""
    options = [{}, {"progressive": True}, {"quality": 100}] if kind == "JPEG" else [{}]
    for more in options:
        data = encoded(kind, size=(63, 97), **more)
        assert picture_end(data, kind) == len(data)
        assert picture_end(data + b"\xff\xd9IEND\x00\xff", kind) == len(data)
        assert picture_end(data[:-20], kind) in (None, len(data) - 20) or kind == "JPEG"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.png", "a.png"),
        ("../../../etc/passwd", "../../../etc/passwd"),
        ("a\x00.png", "a\ufffd.png"),
        ("\ud800\udfff", "\ufffd\ufffd"),
        ("photo\u202egnp.exe", "photo\ufffdgnp.exe"),
        ("a\r\nSet-Cookie: x", "a\ufffd\ufffdSet-Cookie: x"),
        ("  ", ""),
    ],
)
def test_names_are_labels(name: str, shown: str) -> None:
    assert shown_name(name) == shown
    shown_name(name).encode("utf-8")
