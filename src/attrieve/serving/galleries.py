"""The gallery that is served: one snapshot shared by all requests, exchanged when the gallery changes."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from attrieve.errors import AttrieveError
from attrieve.gallery.database.filters import Condition, Filter, Operator
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.manifest_file import MANIFEST_NAME
from attrieve.gallery.store import Gallery

log = logging.getLogger(__name__)

Stamp = tuple[int | str, ...]
TABLE_ENDING = ".lance"


class GalleryHolder:
    """Holds the newest snapshot of a gallery; several threads may ask at once.

    A request keeps the snapshot it began with. A new one is opened beside the old one, by a thread of its
    own (:meth:`watch`) or when somebody who has changed the gallery says so (:meth:`refresh`). What takes
    memory, the columns for searching, is mapped from files, which all processes share.

    Args:
        folder: of the gallery.
        gallery: an opened one, or None to open the folder. One that lies nowhere is never exchanged.

    Raises:
        AttrieveError: as :meth:`attrieve.gallery.store.Gallery.open`.
    """

    def __init__(self, folder: Path | str, gallery: Gallery | None = None) -> None:
        self.folder = Path(folder)
        self._opening = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._problem: str | None = None
        self._stamp = self._now() or ()
        self._gallery = Gallery.open(self.folder) if gallery is None else gallery

    def current(self) -> Gallery:
        """Return the newest snapshot that is open."""
        return self._gallery

    @property
    def version(self) -> str:
        """What changes whenever the gallery does."""
        return version_of(self._gallery)

    def holds(self, keys: Sequence[str]) -> set[str]:
        """Return which rows the gallery on the disk holds now, whatever is served.

        Raises:
            AttrieveError: if it cannot be opened.
        """
        if not keys:
            return set()
        wanted = Filter((Condition("key", Operator.EQUAL, tuple(keys)),))
        return set(GallerySnapshot.open(self.folder).describe(wanted).column("key").to_pylist())

    @property
    def problem(self) -> str | None:
        """Why the newest state of the gallery could not be opened, or None."""
        return self._problem

    def refresh(self) -> bool:
        """Open the gallery anew if it has changed, and return whether it had.

        Where it cannot be opened the old snapshot stays, and :attr:`problem` says why.
        """
        with self._opening:
            now = self._now()
            if now is None or now == self._stamp:
                return False
            try:
                opened = Gallery.open(self.folder)
            except AttrieveError as error:
                if str(error) != self._problem:
                    log.warning("the gallery %s cannot be opened anew: %s", self.folder, error)
                self._problem = str(error)
                return False
            self._gallery, self._stamp, self._problem = opened, now, None
            return True

    def watch(self, seconds: float) -> None:
        """Look every so often whether the gallery has changed, until :meth:`close`."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._look, args=(seconds,), name="gallery", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _look(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            try:
                self.refresh()
            except Exception:  # whatever it is, the service goes on with the snapshot it has
                log.exception("looking at the gallery %s failed", self.folder)

    def _now(self) -> Stamp | None:
        """Return what the files say without opening them, or None if there are none.

        A writer commits by putting a file into the table's folder of versions, a change of model by
        putting another manifest in the old one's place.
        """
        try:
            manifest = (self.folder / MANIFEST_NAME).stat()
            versions = sorted(self.folder.glob(f"*{TABLE_ENDING}/_versions/*"))
        except OSError:
            return None
        return (manifest.st_ino, manifest.st_mtime_ns, *map(str, versions))


def version_of(gallery: Gallery) -> str:
    """Return what changes whenever a gallery does.

    A snapshot's is made of its model and the version of its table; of rows in memory, of their number.
    """
    store = gallery.store
    number = store.version if isinstance(store, GallerySnapshot) else len(gallery)
    return f"{gallery.model.fingerprint}-{number}"
