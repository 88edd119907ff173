"""What a person types becomes the right source, or says what was expected."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from attrieve.errors import DatasetError
from attrieve.gallery.sources import (
    FolderSource,
    GivenSource,
    JoinedSource,
    ListSource,
    TarSource,
    ZipSource,
    factory,
    open_source,
    open_sources,
)
from attrieve.schema import ImageSource, Person
from gallery.sources.pictures import picture, read_all, write


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """The same picture in every kind of wrapping."""
    image = write(tmp_path / "in" / "a.png", picture(0))
    with zipfile.ZipFile(tmp_path / "a.ZIP", "w") as archive:
        archive.write(image, "a.png")
    for ending, mode in (("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz")):
        with tarfile.open(tmp_path / f"a.{ending}", mode) as packed:
            packed.add(image, "a.png")
    write(tmp_path / "a.txt", b"in/a.png\n")
    write(tmp_path / "a.csv", b"path\nin/a.png\n")
    write(tmp_path / "a.jsonl", b'{"path": "in/a.png"}\n')
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("in", FolderSource),
        ("in/a.png", GivenSource),
        ("a.ZIP", ZipSource),
        ("a.tar", TarSource),
        ("a.tar.gz", TarSource),
        ("a.tgz", TarSource),
        ("a.txt", ListSource),
        ("list:a.csv", ListSource),
        ("./a.jsonl", ListSource),
    ],
)
def test_paths_open_by_what_they_are(
    everything: Path, monkeypatch: pytest.MonkeyPatch, text: str, kind: type
) -> None:
    """Each holds the same picture, and paths are kept whole."""
    monkeypatch.chdir(everything)
    source = open_source(text)
    assert isinstance(source, kind)
    assert read_all(source) == [picture(0)]
    assert all(item.source.path.is_absolute() for item in source)


def test_several_sources_come_one_after_the_other(everything: Path) -> None:
    """The sum is known if each is."""
    texts = [str(everything / name) for name in ("in", "a.ZIP", "a.txt")]
    joined = open_sources(texts)
    assert isinstance(joined, JoinedSource)
    assert read_all(joined) == [picture(0)] * 3
    assert joined.count() == 3
    assert open_sources([*texts, str(everything / "a.tar")]).count() is None
    assert open_sources([]).count() == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nowhere", "expected a folder, an image"),
        ("webdatset:x.tar", "did you mean webdataset:"),
        ("list:", "names nothing"),
        ("a\0b", "nothing is at"),
        ("x" * 5000, "nothing is at"),
    ],
)
def test_what_cannot_be_opened_says_what_was_expected(
    everything: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    """Before anything is indexed."""
    monkeypatch.chdir(everything / "in")
    with pytest.raises(DatasetError, match=said):
        open_source(text)


def test_a_file_of_another_kind_is_refused(everything: Path) -> None:
    """Naming it."""
    with pytest.raises(DatasetError, match=r"model\.bin.*another kind"):
        open_source(str(write(everything / "model.bin", b"")))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("user/set", ("user/set", None, None)),
        ("user/set:train", ("user/set", "train", None)),
        ("user/set:train:crop", ("user/set", "train", "crop")),
        ("user/set::crop", ("user/set", None, "crop")),
        ("{}/odd:name", ("{}/odd:name", None, None)),
        ("{}/odd:name:test:image", ("{}/odd:name", "test", "image")),
    ],
)
def test_hugging_face_names_are_taken_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, parts: tuple[str | None, ...]
) -> None:
    """Split and column after colons; a folder with a colon in its name is a folder."""
    (tmp_path / "odd:name").mkdir()
    asked: list[tuple[str | None, ...]] = []

    def opened(*given: str | None) -> GivenSource:
        asked.append(given)
        return GivenSource([])

    monkeypatch.setattr(factory, "HuggingFaceSource", opened)
    open_source("hf:" + text.format(tmp_path))
    assert asked == [tuple(part and part.format(tmp_path) for part in parts)]


def test_persons_bring_camera_and_time() -> None:
    """What a data set knows is kept."""
    person = Person("p", ImageSource(Path("/x/a.png")), (), camera="c")
    (item,) = GivenSource([person])
    assert (item.source, item.metadata.camera) == (person.image, "c")
