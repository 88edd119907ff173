"""Style sheet, script and icon: named by their content, so that browsers may keep them for ever."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from attrieve.errors import UnknownNameError

MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"
"""Cache-Control of a file whose name changes with its content."""


@dataclass(frozen=True)
class Asset:
    """A file the pages bring along.

    Args:
        name: without a hash, e.g. ``attrieve.css``.
        content: its bytes.
        media_type: for the Content-Type header.
    """

    name: str
    content: bytes
    media_type: str

    @property
    def hashed_name(self) -> str:
        """Its name with twelve digits of its content's SHA-256, e.g. ``attrieve.0123456789ab.css``."""
        stem, _, ending = self.name.rpartition(".")
        return f"{stem}.{hashlib.sha256(self.content).hexdigest()[:12]}.{ending}"


@cache
def assets() -> dict[str, Asset]:
    """Return all assets by name; they are read once."""
    folder = resources.files("attrieve.serving.web") / "static"
    found = {}
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        ending = path.name.rpartition(".")[2]
        if ending in MEDIA_TYPES:
            found[path.name] = Asset(path.name, path.read_bytes(), MEDIA_TYPES[ending])
    return found


def asset_address(name: str) -> str:
    """Return where the pages find an asset.

    Raises:
        UnknownNameError: if there is none of that name.
    """
    if name not in assets():
        raise UnknownNameError("asset of the pages", name, assets())
    return f"/static/{assets()[name].hashed_name}"


def asset_at(hashed_name: str) -> Asset | None:
    """Return the asset with a hashed name, or None; an old hash is none."""
    return next((asset for asset in assets().values() if asset.hashed_name == hashed_name), None)
