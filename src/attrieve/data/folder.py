"""Images without annotations: a folder tree, a zip archive, a text list or a single file."""

import os
from pathlib import Path

from attrieve.data.archives import list_members
from attrieve.data.decoding import IMAGE_EXTENSIONS
from attrieve.errors import DatasetError
from attrieve.schema.person import ImageSource

LIST_EXTENSIONS = frozenset({".txt", ".lst"})
"""Endings, in lower case, of text files that name one image a line."""


def read_folder(root: Path) -> list[ImageSource]:
    """List the images at ``root``, sorted by path; nothing is opened but archives and lists.

    * A folder: every image below it, whatever the depth. Links are followed, each folder visited
      once, so that loops end. Hidden files and folders are left out; archives are not entered.
    * A ``.zip`` archive: its images, which stay inside.
    * A ``.txt`` or ``.lst`` file: one path a line, relative to the list; empty lines and lines that
      begin with ``#`` are skipped; ``archive.zip!member`` names a member of an archive.
    * An image file: itself.

    An image is known by the ending of its name (:data:`attrieve.data.decoding.IMAGE_EXTENSIONS`).

    Raises:
        DatasetError: if ``root`` does not exist or holds no image, a listed file is missing, or the
            archive cannot be read.
    """
    root = Path(root)
    if root.is_dir():
        found = [ImageSource(path) for path in _images_below(root)]
    elif not root.is_file():
        raise DatasetError(
            f"expected a folder, a zip archive, a list or an image at {root}; nothing is there"
        )
    elif root.suffix.lower() == ".zip":
        names = (info.filename for info in list_members(root))
        found = [ImageSource(root, name) for name in names if _is_visible_image(name)]
    elif root.suffix.lower() in LIST_EXTENSIONS:
        found = _read_list(root)
    else:
        found = [ImageSource(root)] if _has_image_ending(root.name) else []
    if not found:
        raise DatasetError(f"no images at {root}; known endings are {', '.join(sorted(IMAGE_EXTENSIONS))}")
    return sorted(set(found))


def _images_below(root: Path) -> list[Path]:
    visited: set[tuple[int, int]] = set()
    found: list[Path] = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        state = Path(folder).stat()
        if (state.st_dev, state.st_ino) in visited:
            subfolders.clear()
            continue
        visited.add((state.st_dev, state.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found.extend(Path(folder) / name for name in names if _is_visible_image(name))
    return found


def _read_list(path: Path) -> list[ImageSource]:
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"expected a text list of images in UTF-8 at {path}: {error}") from error
    sources = [_listed_source(line, path.parent) for line in lines if line and not line.startswith("#")]
    missing = [source for source in sources if not source.path.is_file()]
    if missing:
        shown = ", ".join(str(source) for source in missing[:3])
        raise DatasetError(f"{len(missing)} of {len(sources)} files listed in {path} are missing: {shown}")
    return [source for source in sources if _has_image_ending(source.member or source.path.name)]


def _listed_source(line: str, folder: Path) -> ImageSource:
    archive, mark, member = line.partition(".zip!")
    if mark:
        return ImageSource(folder / f"{archive}.zip", member)
    return ImageSource(folder / line)


def _is_visible_image(name: str) -> bool:
    parts = name.split("/")
    return _has_image_ending(name) and not any(part.startswith((".", "__MACOSX")) for part in parts)


def _has_image_ending(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGE_EXTENSIONS
