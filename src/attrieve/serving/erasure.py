"""Erasing rows everywhere the service keeps something of them, with a record that it happened.

::

    exports         the row leaves their index; files that contain it are removed, and say why
    case folders    facts are forgotten; that the row was chosen, marked and erased stays. From here on nobody
                    can save facts of it that were read before
    ledger          an entry with the keys; what was recorded before stays, it holds no pictures
    kept image      deleted
    gallery         the row, its vectors and its thumbnail, from every model's table
    disk            bytes of old versions leave with the next compaction, which is queued

The picture goes after the entry is on the disk: what cannot be recorded is not done. The gallery comes last
but one: after a kill in between the rows are found again, and all is done again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attrieve.gallery.database.writing import DatabaseWriter
from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.cases import Cases
from attrieve.serving.cases.export_index import ExportIndex
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import Action, Ledger
from attrieve.serving.uploads.kept_images import KeptImages


@dataclass(frozen=True)
class RowToErase:
    """A row of the gallery, or one that is gone from it and may have left traces.

    Args:
        key: of the row.
        image: where its image lies, or None if nobody knows; only a kept image is deleted.
    """

    key: str
    image: Path | None = None


@dataclass(frozen=True)
class Erased:
    """What was erased.

    Args:
        rows: of the gallery.
        images: kept ones.
        cases: case folders that knew a row.
        exports: whose file was removed.
    """

    rows: int = 0
    images: int = 0
    cases: int = 0
    exports: int = 0

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(
            self.rows + other.rows,
            self.images + other.images,
            self.cases + other.cases,
            self.exports + other.exports,
        )


class Erasure:
    """Erases rows.

    Args:
        state: folder of the service's state.
        database: of the service.
        cases: case folders.
        exports: what was exported.
        ledger: where it is recorded.
    """

    def __init__(
        self, state: Path, database: StateDatabase, cases: Cases, exports: ExportIndex, ledger: Ledger
    ) -> None:
        self._kept = KeptImages(state)
        self._database = database
        self._cases = cases
        self._exports = exports
        self._ledger = ledger

    def has_traces(self, key: str) -> bool:
        """Whether a case or the exports' index knows a row that may be gone from the gallery."""
        return bool(
            self._database.rows(
                "SELECT 1 FROM case_hits WHERE key = :key AND erased_at IS NULL"
                " UNION ALL SELECT 1 FROM export_keys WHERE key = :key LIMIT 1",
                {"key": key},
            )
        )

    def erase(
        self,
        writer: DatabaseWriter,
        rows: Sequence[RowToErase],
        actor: Actor,
        *,
        action: Action = Action.ERASURE,
        purpose: str | None = None,
        case: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Erased:
        """Erase some rows, a thousand or so at a time; doing it twice does no harm.

        Args:
            writer: of the gallery.
            rows: to erase.
            actor: who wants it.
            action: how it is called in the ledger.
            purpose: what for.
            case: number of the case it belongs to.
            details: further facts for the ledger.

        Raises:
            StorageError: if the disk refuses.
        """
        keys = [row.key for row in rows]
        if not keys:
            return Erased()
        images = [row.image for row in rows if row.image is not None and self._is_kept(row.image)]
        with self._database.transaction():
            exports = self._exports.erase(keys)
            cases = self._cases.erase(keys)
            told = {"images": len(images), "exports": exports, "cases": sorted(cases)}
            self._ledger.record(
                actor, action, purpose=purpose, case=case, details={**(details or {}), **told}, keys=keys
            )
        # what was overwritten in the file still lies in its log
        self._database.forget_deleted()
        removed = self._kept.remove(images)
        rows_deleted = writer.delete(keys)
        self._cases.erasure_ended(keys)
        return Erased(rows_deleted, removed, len(cases), len(exports))

    def _is_kept(self, image: Path) -> bool:
        return self._kept.relative(image) is not None and image.exists()
