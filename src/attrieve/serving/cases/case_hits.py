"""Hits of a case folder, their marks, and what is left of them when they are erased."""

from collections.abc import Sequence

from attrieve.errors import InputError
from attrieve.gallery.database.keys import key_numbers
from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.case import HitToSave, Mark, MemberRole, Page, SavedHit
from attrieve.serving.cases.case_rows import read_case, read_hit, read_query, read_saved_hit
from attrieve.serving.cases.case_store import (
    HITS_MOST,
    PAGE_SIZE,
    CaseStore,
    plain_json,
    visible_case,
)
from attrieve.serving.state.ledger import Action


class CaseHits(CaseStore):
    """Saved hits and their marks."""

    def save_hits(self, actor: Actor, case: int, hits: Sequence[HitToSave]) -> tuple[SavedHit, ...]:
        """Choose hits; one that is there already gets the new facts and keeps its mark.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            NotAllowedInCaseError: for readers.
            InputError: for a key that is none, or too many hits.
            ProblemError: if the case is closed, or holds no query that is named; ``person-not-found`` for a
                row that was erased since its facts were read.
        """
        keys = [hit.key for hit in hits]
        key_numbers(keys)
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            self._erased.require_none(connection, keys)
            for hit in hits:
                if hit.query is not None:
                    read_query(connection, before, hit.query)
                connection.execute(
                    "INSERT INTO case_hits (case_id, key, facts, query_id, saved_by, saved_at)"
                    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (case_id, key) DO UPDATE SET"
                    " facts = excluded.facts, query_id = coalesce(excluded.query_id, query_id),"
                    " erased_at = NULL",
                    [case, hit.key, plain_json(hit.facts), hit.query, actor.name, self._now()],
                )
            after = read_case(connection, case)
            if after.hits > HITS_MOST:
                raise InputError(f"a case holds at most {HITS_MOST:,} hits; this would make {after.hits:,}")
            self._record(actor, after, "hits saved", keys=keys)
            return tuple(read_hit(connection, after, key) for key in keys)

    def hit(self, actor: Actor, case: int, key: str) -> SavedHit:
        """Return one saved hit.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            ProblemError: if the case holds no such hit.
        """
        with self._database.snapshot() as connection:
            return read_hit(connection, visible_case(connection, actor, case), key)

    def hits(
        self,
        actor: Actor,
        case: int,
        *,
        mark: Mark | None = None,
        page: int = 1,
        page_size: int = PAGE_SIZE,
    ) -> Page[SavedHit]:
        """Return saved hits in the order they were saved; with a mark, only those that bear it."""
        return self._listed(
            actor,
            case,
            "case_hits",
            read_saved_hit,
            order="saved_at, key",
            page=page,
            page_size=page_size,
            mark=None if mark is None else mark.value,
        )

    def remove_hit(self, actor: Actor, case: int, key: str) -> None:
        """Take a hit out of a case; notes about it stay.

        Raises:
            UnknownCaseError: if there is none that the asker may see.
            NotAllowedInCaseError: for readers.
            ProblemError: if the case is closed, or holds no such hit.
        """
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            read_hit(connection, before, key)
            connection.execute("DELETE FROM case_hits WHERE case_id = ? AND key = ?", [case, key])
            self._record(actor, before, "hit removed", keys=[key])

    def mark(self, actor: Actor, case: int, key: str, mark: Mark | None) -> SavedHit:
        """Say what one thinks of a hit; None takes the mark away. Raises as :meth:`remove_hit`."""
        with self._changing(actor, case, MemberRole.EDITOR) as (connection, before):
            was = read_hit(connection, before, key).mark
            connection.execute(
                "UPDATE case_hits SET mark = ?, marked_by = ?, marked_at = ? WHERE case_id = ? AND key = ?",
                [None if mark is None else mark.value, actor.name, self._now(), case, key],
            )
            told = {"mark": mark and mark.value, "was": was and was.value}
            self._record(actor, before, "marked", action=Action.MARK, keys=[key], **told)
            return read_hit(connection, before, key)

    def marks(self, actor: Actor, case: int) -> dict[str, Mark]:
        """Return the mark of every hit that bears one; raises as :meth:`get`."""
        with self._database.snapshot() as connection:
            visible_case(connection, actor, case)
            rows = connection.execute(
                "SELECT key, mark FROM case_hits WHERE case_id = ? AND mark IS NOT NULL ORDER BY key", [case]
            ).fetchall()
            return {row["key"]: Mark(row["mark"]) for row in rows}

    def erase(self, keys: Sequence[str]) -> dict[int, list[str]]:
        """Forget what cases know of rows that are erased everywhere; that they were chosen stays.

        Within a transaction it joins it. It records nothing: whoever erases does, and says
        :meth:`erasure_ended` once the gallery holds them no longer.

        Returns:
            The keys that were found, by case.
        """
        found: dict[int, list[str]] = {}
        with self._database.transaction() as connection:
            self._erased.begin(keys)
            for key in keys:
                rows = connection.execute("SELECT case_id FROM case_hits WHERE key = ?", [key]).fetchall()
                for row in rows:
                    found.setdefault(row["case_id"], []).append(key)
                connection.execute(
                    "UPDATE case_hits SET facts = '{}', erased_at = ? WHERE key = ?", [self._now(), key]
                )
        return found

    def erasure_ended(self, keys: Sequence[str]) -> None:
        """Say that rows have left the gallery: if they come back, they can be chosen again."""
        self._erased.end(keys)
