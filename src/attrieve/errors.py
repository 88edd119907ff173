"""Every exception attrieve raises, as a tree.

::

    AttrieveError
    ├── InputError              something handed in is wrong; the caller can mend it
    │   ├── UnknownNameError    a name that is not in a list; the nearest one is suggested
    │   ├── QueryError          a description that cannot be read
    │   ├── ConfigurationError  a recipe or setting that cannot be used
    │   ├── ImageError          an image that cannot be decoded, or is too large to try
    │   ├── DatasetError        a data set folder that is not what it should be
    │   ├── GalleryFormatError  a folder that is no gallery, or one of another format
    │   └── SchemaMismatchError two vocabularies where one is needed
    ├── CheckpointError         a saved model or training state that cannot be read
    ├── StorageError            the disk refused (full, read-only, gone)
    │   └── GalleryBusyError    another process is writing to the gallery; it can be tried again
    ├── ClusterError            machines that were to work together cannot
    └── TrainingError           training cannot go on
        └── NonFiniteLossError  a loss part became NaN or infinite

Messages say what was expected, what came, and what to do.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cached_property


class AttrieveError(Exception):
    """Root of every error raised on purpose."""


class InputError(AttrieveError):
    """Something handed in is wrong; the caller can mend it."""


class UnknownNameError(InputError):
    """A name that is not in a known list; carries the nearest known names.

    Args:
        kind: what was named, e.g. "attribute".
        name: the name that came.
        known: the names that would have been right.
        where: where it stands, e.g. "at character 7".
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        self.where = where
        super().__init__(kind, name, self.known)

    @cached_property
    def nearest(self) -> tuple[str, ...]:
        """The nearest known names; looked for when asked, since many an error is caught and forgotten."""
        return nearest_names(self.name, self.known)

    def __str__(self) -> str:
        if self.nearest:
            advice = "did you mean " + " or ".join(repr(candidate) for candidate in self.nearest) + "?"
        elif not self.known:
            advice = "there is none"
        else:
            shown = ", ".join(self.known[:12])
            advice = f"known: {shown}" + (", ..." if len(self.known) > 12 else "")
        return f"unknown {self.kind} {self.name!r}{self.where and ' ' + self.where}; {advice}"


class QueryError(InputError):
    """A description that cannot be read."""


class ConfigurationError(InputError):
    """A recipe or setting that cannot be used."""


class ImageError(InputError):
    """An image that cannot be decoded, or is too large to try."""


class DatasetError(InputError):
    """A data set on disk that is not what it should be."""


class GalleryFormatError(InputError):
    """A folder that is no gallery, or a gallery of another format."""


class SchemaMismatchError(InputError):
    """Two vocabularies where one is needed; shows both names and fingerprints."""


class CheckpointError(AttrieveError):
    """A saved model or training state that cannot be read."""


class StorageError(AttrieveError):
    """The disk refused: full, read-only or gone."""


class GalleryBusyError(StorageError):
    """Another process is writing to the gallery; the same can be tried again when it has ended."""


class ClusterError(AttrieveError):
    """Machines that were to work together cannot: none is there, or too many have died."""


class TrainingError(AttrieveError):
    """Training cannot go on."""


class NonFiniteLossError(TrainingError):
    """A loss part became NaN or infinite; names the part."""


def nearest_names(name: str, known: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """Return up to ``most`` known names close to ``name``, compared without case or separators.

    >>> nearest_names("bakpack", ["carryingBackpack", "backpack", "hat"], most=1)
    ('backpack',)
    """
    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(fold_name(candidate), candidate)
    wanted = fold_name(name)
    close = get_close_matches(wanted, folded, n=most, cutoff=0.6)
    if not close and len(wanted) >= 3:
        close = [key for key in folded if wanted in key][:most]
    return tuple(folded[key] for key in close)


def fold_name(name: str) -> str:
    """Fold a name for comparison: no case, no underscores, dashes or spaces.

    >>> fold_name("Upper_Body Plaid")
    'upperbodyplaid'
    """
    return "".join(character for character in name.casefold() if character not in "_- ")
