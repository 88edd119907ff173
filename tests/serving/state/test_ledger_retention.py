"""Old entries leave, the chain stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from attrieve.serving.state.ledger import DATABASE_FILE, Action, Ledger
from attrieve.serving.state.ledger_retention import remove_entries_before
from serving.state.ledgers import KIM, LOCAL, START_S, Clock, fill

START = datetime.fromtimestamp(START_S, UTC)


def test_old_entries_leave_and_the_chain_stays(tmp_path: Path) -> None:
    """Twice; sequences go on, and a record says what happened."""
    clock = Clock()
    ledger = Ledger.open(tmp_path, clock=clock)
    fill(ledger, clock, 10)
    assert remove_entries_before(ledger, START + timedelta(minutes=4, seconds=1), LOCAL) == 4
    assert [entry.sequence for entry in ledger.entries()] == [5, 6, 7, 8, 9, 10, 11]
    record = ledger.entries()[-1]
    assert record.action is Action.RETENTION
    assert (record.details["first"], record.details["through"], record.details["entries"]) == (1, 4, 4)
    fill(ledger, clock, 3)
    assert remove_entries_before(ledger, START + timedelta(minutes=7), LOCAL) == 2
    checked = ledger.verify()
    assert checked.clean, checked.problems
    assert checked.removed == 6
    assert ledger.record(KIM, Action.SEARCH).sequence == 16
    assert ledger.verify().clean
    ledger.database.close()


def test_what_was_removed_is_gone_from_the_files(tmp_path: Path) -> None:
    """Not only from the table: no page and no log holds its text."""
    clock = Clock()
    ledger = Ledger.open(tmp_path, clock=clock)
    ledger.record(KIM, Action.SEARCH, query="a very particular umbrella")
    clock.now_s += 60
    ledger.record(KIM, Action.SEARCH, query="another thing")
    ledger.database.forget_deleted()
    assert b"particular umbrella" in (tmp_path / DATABASE_FILE).read_bytes()
    remove_entries_before(ledger, START + timedelta(seconds=30), LOCAL)
    for file in tmp_path.glob("state.sqlite*"):
        assert b"particular umbrella" not in file.read_bytes(), file.name
    ledger.database.close()


def test_nothing_old_means_nothing_done(tmp_path: Path) -> None:
    """No tombstone and no record."""
    clock = Clock()
    ledger = Ledger.open(tmp_path, clock=clock)
    assert remove_entries_before(ledger, START, LOCAL) == 0
    fill(ledger, clock, 2)
    assert remove_entries_before(ledger, START, LOCAL) == 0
    assert len(ledger.entries()) == 2
    ledger.database.close()


@given(steps_s=st.lists(st.integers(-200, 300), min_size=1, max_size=12), age_s=st.integers(0, 1000))
@examples(max_examples=25)
def test_a_leaping_clock_never_removes_what_is_young(
    tmp_path_factory: object, steps_s: list[int], age_s: int
) -> None:
    """An entry stays if it, or any before it, was written from the moment on; all others leave."""
    folder = tmp_path_factory.mktemp("leaps")  # type: ignore[attr-defined]
    clock = Clock()
    ledger = Ledger.open(folder, clock=clock)
    times = []
    for step in steps_s:
        clock.now_s += step
        times.append(clock.now_s)
        ledger.record(KIM, Action.SEARCH)
    moment_s = max(times) - age_s
    expected = 0
    while expected < len(times) and times[expected] < moment_s:
        expected += 1
    assert remove_entries_before(ledger, datetime.fromtimestamp(moment_s, UTC), LOCAL) == expected
    assert ledger.verify().clean
    ledger.database.close()
