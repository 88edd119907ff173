"""What somebody judged of rows, right or wrong: data that change a search only while it is given them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from attrieve.errors import InputError
from attrieve.gallery.database.keys import key_numbers


@dataclass(frozen=True)
class Mark:
    """One judgement of one row.

    Args:
        key: of the row, 16 hexadecimal digits.
        right: whether the row shows what was described; False if it does not.
        query: the description it was judged by, in the query language, or "" if that is not known.
        time: when it was judged, or None.
        by: who judged, or None.

    Raises:
        InputError: if the key is none.
    """

    key: str
    right: bool
    query: str = ""
    time: datetime | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        key_numbers([self.key])

    @property
    def verdict(self) -> str:
        """The judgement as a word."""
        return "right" if self.right else "wrong"


@dataclass(frozen=True)
class Marks:
    """Judgements of rows, at most one of each; empty marks change nothing.

    Args:
        marks: in the order they were made; a search does not depend on it.

    Raises:
        InputError: if a row is marked right and wrong, or twice.

    >>> marks = Marks.of(right=["00000000000000ff"], wrong=["0000000000000001"])
    >>> marks.right, marks.wrong, len(marks.without(["00000000000000ff"]))
    (('00000000000000ff',), ('0000000000000001',), 1)
    """

    marks: tuple[Mark, ...] = field(default=())

    def __post_init__(self) -> None:
        seen: dict[str, bool] = {}
        for mark in self.marks:
            if mark.key not in seen:
                seen[mark.key] = mark.right
            elif seen[mark.key] != mark.right:
                raise InputError(f"row {mark.key} is marked right and wrong; decide for one, or leave it out")
            else:
                raise InputError(f"row {mark.key} is marked {mark.verdict} twice; once is enough")

    @classmethod
    def of(cls, right: Iterable[str] = (), wrong: Iterable[str] = ()) -> "Marks":
        """Return marks of keys alone; a key given twice with the same judgement counts once.

        Raises:
            InputError: if a key is both right and wrong, or no key.
        """
        judged = [Mark(key, True) for key in dict.fromkeys(right)]
        return cls((*judged, *(Mark(key, False) for key in dict.fromkeys(wrong))))

    def __len__(self) -> int:
        return len(self.marks)

    @property
    def right(self) -> tuple[str, ...]:
        """Keys marked right, ascending."""
        return tuple(sorted(mark.key for mark in self.marks if mark.right))

    @property
    def wrong(self) -> tuple[str, ...]:
        """Keys marked wrong, ascending."""
        return tuple(sorted(mark.key for mark in self.marks if not mark.right))

    def get(self, key: str) -> Mark | None:
        """Return the mark of a row, or None."""
        return next((mark for mark in self.marks if mark.key == key), None)

    def with_mark(self, mark: Mark) -> "Marks":
        """Return these marks with one more; an earlier one of the same row gives way."""
        return Marks((*(kept for kept in self.marks if kept.key != mark.key), mark))

    def without(self, keys: Iterable[str]) -> "Marks":
        """Return these marks with those of some rows taken back.

        Raises:
            InputError: if one of them bears no mark.
        """
        taken = set(keys)
        missing = sorted(taken - {mark.key for mark in self.marks})
        if missing:
            raise InputError(f"row {missing[0]} bears no mark that could be taken back")
        return Marks(tuple(mark for mark in self.marks if mark.key not in taken))
