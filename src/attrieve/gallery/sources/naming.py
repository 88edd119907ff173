"""Which names are images, and which are out of sight."""

from pathlib import PurePosixPath

from attrieve.data.decoding import IMAGE_EXTENSIONS


def is_visible_image(name: str) -> bool:
    """Say whether a path within a folder or archive ends like an image and nothing in it is hidden.

    >>> is_visible_image("a/b.JPG"), is_visible_image("a/.b/c.jpg"), is_visible_image("__MACOSX/a.jpg")
    (True, False, False)
    """
    return has_image_ending(name) and not any(is_hidden(part) for part in name.split("/") if part != ".")


def has_image_ending(name: str) -> bool:
    """Say whether a name ends like an image; see :data:`attrieve.data.decoding.IMAGE_EXTENSIONS`."""
    return PurePosixPath(name).suffix.lower() in IMAGE_EXTENSIONS


def is_hidden(name: str) -> bool:
    """Say whether a file or folder is left out: dotfiles, and what macOS adds to archives."""
    return name.startswith((".", "__MACOSX"))
