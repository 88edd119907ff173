"""From what a person types to a source."""

from collections.abc import Iterable
from pathlib import Path

from attrieve.errors import DatasetError, nearest_names
from attrieve.gallery.sources.folder import FolderSource
from attrieve.gallery.sources.given import GivenSource
from attrieve.gallery.sources.huggingface import HuggingFaceSource
from attrieve.gallery.sources.item import Source
from attrieve.gallery.sources.joined import JoinedSource
from attrieve.gallery.sources.listed import LIST_ENDINGS, ListSource
from attrieve.gallery.sources.naming import has_image_ending
from attrieve.gallery.sources.tar import TAR_ENDINGS, TarSource
from attrieve.gallery.sources.webdataset import WebDatasetSource
from attrieve.gallery.sources.zip import ZipSource
from attrieve.schema import ImageSource

KINDS = ("list", "webdataset", "hf")
EXPECTED = (
    "a folder, an image, a zip or tar archive, a list (.txt, .csv, .tsv, .jsonl), list:FILE, "
    "webdataset:PATTERN or hf:NAME[:SPLIT][:COLUMN]"
)


def open_source(text: str) -> Source:
    """Return the source that a text names; nothing but lists and directories of archives is read yet.

    ============================  =======================================================
    a folder                      :class:`~attrieve.gallery.sources.folder.FolderSource`
    an image file                 itself
    ``.zip``                      :class:`~attrieve.gallery.sources.zip.ZipSource`
    ``.tar``, ``.tar.gz``, ...    :class:`~attrieve.gallery.sources.tar.TarSource`
    ``.txt``, ``.csv``, ...       :class:`~attrieve.gallery.sources.listed.ListSource`
    ``list:FILE``                 the same, said in full
    ``webdataset:PATTERN``        :class:`~attrieve.gallery.sources.webdataset.WebDatasetSource`
    ``hf:NAME[:SPLIT][:COLUMN]``  :class:`~attrieve.gallery.sources.huggingface.HuggingFaceSource`
    ============================  =======================================================

    A file whose name begins with one of these words is meant by ``./list:odd``.

    Raises:
        DatasetError: if nothing of the kind is there; says what was expected.
        ConfigurationError: if the library it needs is not installed.
    """
    kind, mark, rest = text.partition(":")
    if mark and kind in KINDS:
        if not rest:
            raise DatasetError(f"expected {EXPECTED}; got {text!r}, which names nothing")
        return _open_kind(kind, rest)
    return _open_path(text)


def open_sources(texts: Iterable[str]) -> Source:
    """Return several sources as one, in the order given.

    Raises:
        DatasetError: as :func:`open_source`, for the first that cannot be opened.
        ConfigurationError: as :func:`open_source`.
    """
    sources = [open_source(text) for text in texts]
    return sources[0] if len(sources) == 1 else JoinedSource(sources)


def _open_kind(kind: str, rest: str) -> Source:
    if kind == "list":
        return ListSource(rest)
    if kind == "webdataset":
        return WebDatasetSource(rest)
    return HuggingFaceSource(*_hf_parts(rest))


def _hf_parts(text: str) -> tuple[str, str | None, str | None]:
    """Split name, split and column; a folder that has colons in its name is found all the same."""
    for after in range(3):
        name, *more = text.rsplit(":", after)
        if Path(name).exists():
            break
    else:
        name, *more = text.split(":", 2)
    split, column, *_ = [*(part or None for part in more), None, None]
    return name, split, column


def _open_path(text: str) -> Source:
    path = Path(text)
    name = path.name.lower()
    try:
        if path.is_dir():
            return FolderSource(path)
        exists = path.is_file()
    except (OSError, ValueError):  # a null byte, or a name too long for the system
        exists = False
    if not exists:
        kind, mark, _ = text.partition(":")
        near = nearest_names(kind, KINDS, most=1) if mark else ()
        advice = f"; did you mean {near[0]}:...?" if near else ""
        raise DatasetError(f"expected {EXPECTED}; nothing is at {text!r}{advice}")
    if name.endswith(".zip"):
        return ZipSource(path)
    if name.endswith(TAR_ENDINGS):
        return TarSource(path)
    if path.suffix.lower() in LIST_ENDINGS:
        return ListSource(path)
    if has_image_ending(name):
        return GivenSource([ImageSource(path)], str(path.absolute()))
    raise DatasetError(f"expected {EXPECTED}; {text!r} is a file of another kind")
