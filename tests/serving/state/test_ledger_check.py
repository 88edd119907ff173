"""Whatever is done to the file behind the ledger's back is noticed."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from attrieve.errors import AttrieveError
from attrieve.serving.state.ledger import DATABASE_FILE, Action, Ledger
from attrieve.serving.state.ledger_seal import HEAD_FILE, SignedHead
from serving.state.ledgers import KIM, Clock, attack, check, copied, fill, make

ENTRIES = 6
COLUMNS = {
    "ledger": ("sequence", "entry", "hash"),
    "ledger_head": ("sequence", "hash", "signature"),
    "ledger_tombstones": ("number", "statement", "signature"),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger whose first two entries retention has removed."""
    folder = tmp_path_factory.mktemp("written") / "state"
    make(folder, ENTRIES, retained_from=3)
    assert check(folder).clean
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attacked") / "state"


def contents(folder: Path) -> list[list[tuple[object, ...]]]:
    """Return every cell of the ledger's tables."""
    connection = sqlite3.connect(folder / DATABASE_FILE)
    rows = [
        connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1").fetchall()
        for table, columns in COLUMNS.items()
    ]
    connection.close()
    return rows


@given(data=st.data())
@examples(max_examples=80)
def test_any_changed_cell_is_noticed(written: Path, place: Path, data: st.DataObject) -> None:
    """One character more, fewer or another in any cell of any row, or another number."""
    folder = copied(written, place)
    with attack(folder) as connection:
        table = data.draw(st.sampled_from(sorted(COLUMNS)))
        column = data.draw(st.sampled_from(COLUMNS[table]))
        rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
        rowid, value = data.draw(st.sampled_from(rows))
        if isinstance(value, int):
            changed: object = data.draw(st.integers(-3, 30).filter(lambda other: other != value))
        else:
            changed = data.draw(
                st.one_of(edited(value), st.text(max_size=5)).filter(lambda other: other != value)
            )
        try:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [changed, rowid])
        except (sqlite3.IntegrityError, sqlite3.OperationalError):
            return  # SQLite itself refuses: a number that is there, a text that is no JSON
    assert not check(folder).clean, (table, column, value, changed)


def edited(text: str) -> st.SearchStrategy[str]:
    """Return a text with one character changed in case or digit, put in or left out."""
    places = st.integers(0, len(text) - 1)
    other = st.sampled_from("0123456789abcdefABCDEF \"'{}é")
    return st.one_of(
        st.builds(lambda at, sign: text[:at] + sign + text[at + 1 :], places, other),
        st.builds(lambda at, sign: text[:at] + sign + text[at:], places, other),
        st.builds(lambda at: text[:at] + text[at + 1 :], places),
        st.builds(lambda at: text[:at] + text[at].swapcase() + text[at + 1 :], places),
    )


@given(at=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
@examples(max_examples=80)
def test_any_changed_byte_of_the_file_is_noticed_or_changes_nothing(
    written: Path, place: Path, at: float, mask: int
) -> None:
    """Bytes in unused space change nothing; all others break the file, the chain or a signature."""
    folder = copied(written, place)
    file = folder / DATABASE_FILE
    content = bytearray(file.read_bytes())
    content[int(at * len(content))] ^= mask
    file.write_bytes(content)
    try:
        clean = check(folder).clean
    except AttrieveError:
        return
    if clean:
        assert contents(folder) == contents(written)


def remove_one(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM ledger WHERE sequence = 4")


def remove_first(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM ledger WHERE sequence = 3")


def remove_last(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM ledger WHERE sequence = (SELECT max(sequence) FROM ledger)")


def remove_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM ledger")


def remove_one_and_close_the_gap(connection: sqlite3.Connection) -> None:
    remove_one(connection)
    connection.execute("UPDATE ledger SET sequence = sequence - 1 WHERE sequence = 5")


def swap_two(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE ledger SET sequence = -4 WHERE sequence = 4")
    connection.execute("UPDATE ledger SET sequence = 4 WHERE sequence = 5")
    connection.execute("UPDATE ledger SET sequence = 5 WHERE sequence = -4")


def add_one(connection: sqlite3.Connection) -> None:
    entry, digest = connection.execute("SELECT entry, hash FROM ledger WHERE sequence = 4").fetchone()
    connection.execute("INSERT INTO ledger (sequence, entry, hash) VALUES (99, ?, ?)", [entry, digest])


def rewrite_from_the_third_on(connection: sqlite3.Connection) -> None:
    """All hashes are made to fit again; what cannot be made is the signature."""
    rows = connection.execute("SELECT sequence, entry FROM ledger ORDER BY sequence").fetchall()
    digest = json.loads(rows[0][1])["previous"]
    for sequence, text in rows:
        entry = json.loads(text) | {"previous": digest, "who": "somebody else"}
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        connection.execute(
            "UPDATE ledger SET entry = ?, hash = ? WHERE sequence = ?", [text, digest, sequence]
        )
    connection.execute("UPDATE ledger_head SET hash = ?", [digest])


def cut_and_move_the_head(connection: sqlite3.Connection) -> None:
    remove_last(connection)
    connection.execute(
        "UPDATE ledger_head SET (sequence, hash) ="
        " (SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1)"
    )


def remove_the_head(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM ledger_head")


def remove_the_tombstone(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM ledger_tombstones")


def remove_more_under_a_forged_tombstone(connection: sqlite3.Connection) -> None:
    digest = connection.execute("SELECT hash FROM ledger WHERE sequence = 4").fetchone()[0]
    statement = {"is": "ledger tombstone", "number": 2, "first": 3, "through": 4, "hash": digest}
    statement |= {"newest": "2024-01-01", "removed": "2024-01-01"}
    connection.execute(
        "INSERT INTO ledger_tombstones (number, statement, signature) VALUES (2, ?, ?)",
        [json.dumps(statement), "00" * 64],
    )
    connection.execute("DELETE FROM ledger WHERE sequence <= 4")


def hide_behind_a_view(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE ledger RENAME TO ledger_really")
    connection.execute("CREATE VIEW ledger AS SELECT * FROM ledger_really WHERE who != 'lee'")


def drop_an_index(connection: sqlite3.Connection) -> None:
    connection.execute("DROP INDEX ledger_who")


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (remove_one, "entry 4 is missing"),
        (remove_first, "entry 3 is missing"),
        (remove_last, "cut off"),
        (remove_all, "cut off"),
        (remove_one_and_close_the_gap, "moved"),
        (swap_two, "moved"),
        (add_one, "moved"),
        (rewrite_from_the_third_on, "does not follow|signed"),
        (cut_and_move_the_head, "not signed"),
        (remove_the_head, "head is gone"),
        (remove_the_tombstone, "missing"),
        (remove_more_under_a_forged_tombstone, "not signed"),
        (drop_an_index, "ledger_who is missing"),
    ],
)
def test_what_an_attacker_does_is_named(
    written: Path, place: Path, act: Callable[[sqlite3.Connection], None], told: str
) -> None:
    """Each gets a sentence that says where to look."""
    folder = copied(written, place)
    with attack(folder) as connection:
        act(connection)
    found = check(folder)
    assert not found.clean
    assert any(part in problem for problem in found.problems for part in told.split("|")), found.problems


def test_a_view_in_the_ledgers_place_is_noticed(written: Path, place: Path) -> None:
    """Entries can not be hidden from readers."""
    folder = copied(written, place)
    connection = sqlite3.connect(folder / DATABASE_FILE, isolation_level=None)
    hide_behind_a_view(connection)
    connection.close()
    assert not check(folder).clean


def test_missing_triggers_are_noticed(written: Path, place: Path) -> None:
    """A database that no longer refuses changes is told, though nothing is changed yet."""
    folder = copied(written, place)
    connection = sqlite3.connect(folder / DATABASE_FILE, isolation_level=None)
    connection.execute("DROP TRIGGER ledger_no_change")
    connection.close()
    assert check(folder).problems == ("ledger_no_change is missing from the database",)


def test_an_older_database_put_back_is_noticed(tmp_path: Path) -> None:
    """By the head beside it; and where that is put back too, by one kept elsewhere, and only by that."""
    clock = Clock()
    folder, older = tmp_path / "state", tmp_path / "older"
    make(folder)
    copied(folder, older)
    ledger = Ledger.open(folder, clock=clock)
    fill(ledger, clock, 2)
    ledger.write_head_file()
    elsewhere = ledger.head()
    ledger.database.close()
    (folder / DATABASE_FILE).write_bytes((older / DATABASE_FILE).read_bytes())
    assert any("cut off" in problem for problem in check(folder).problems)
    (folder / HEAD_FILE).write_bytes((older / HEAD_FILE).read_bytes())
    assert check(folder).clean
    assert any("cut off" in problem for problem in check(folder, anchor=elsewhere).problems)


def test_a_ledger_written_anew_with_the_key_is_noticed_by_a_head_kept_elsewhere(tmp_path: Path) -> None:
    """Who holds the signing key can write another history, but not one that a kept head fits."""
    folder = tmp_path / "state"
    make(folder)
    ledger = Ledger.open(folder)
    kept = ledger.head()
    ledger.database.close()
    for left in folder.glob("state.sqlite*"):
        left.unlink()
    (folder / HEAD_FILE).unlink()
    forged = Ledger.open(folder)
    for _ in range(9):
        forged.record(KIM, Action.SEARCH)
    forged.database.close()
    assert check(folder).clean
    assert any("written anew" in problem for problem in check(folder, anchor=kept).problems)


def test_a_head_of_another_installation_does_not_count(written: Path, tmp_path: Path) -> None:
    """A kept head must be this installation's."""
    make(tmp_path / "other")
    other = SignedHead.read(tmp_path / "other" / HEAD_FILE)
    assert check(written, anchor=other).problems == ("the head given is not signed by this installation",)


def test_a_long_list_of_problems_ends(tmp_path: Path) -> None:
    """A hundred are told."""
    make(tmp_path, 120)
    with attack(tmp_path) as connection:
        connection.execute("UPDATE ledger SET hash = upper(hash)")
    assert len(check(tmp_path).problems) == 100
