"""API keys: shown once, good for a while, replaced and taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from attrieve.errors import InputError, UnknownNameError
from attrieve.serving.access.administration import Administration
from attrieve.serving.access.entrance import Entrance
from attrieve.serving.access.roles import Role
from serving.access.entrances import BOSS, entrance
from serving.state.ledgers import Clock

DAY_S = 86_400.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(tmp_path: Path, clock: Clock) -> Iterator[Entrance]:
    made = entrance(tmp_path, clock)
    yield made
    made.database.close()


@pytest.fixture
def boss(door: Entrance) -> Administration:
    return Administration(door, BOSS)


def good(door: Entrance, text: str) -> bool:
    key = door.keys.find(text)
    return key is not None and door.keys.refusal(key) is None


def test_a_key_is_good_until_it_ends(door: Entrance, boss: Administration, clock: Clock) -> None:
    """To the second; then it is told that it has ended, to whoever has it."""
    text, key = boss.create_key("importer", Role.CURATOR, days=2.0)
    assert door.keys.find(text) == key
    assert (key.name, key.role, key.ends_s - key.created_s) == ("importer", Role.CURATOR, 2 * DAY_S)
    clock.now_s += 2 * DAY_S - 1
    assert good(door, text)
    clock.now_s += 1
    assert not good(door, text)
    found = door.keys.find(text)
    assert found is not None
    assert "has ended" in str(door.keys.refusal(found))


def test_what_is_no_key(door: Entrance, boss: Administration) -> None:
    """A changed one, another's secret, anything else."""
    text, _ = boss.create_key("importer", Role.CURATOR, days=2.0)
    other, _ = boss.create_key("exporter", Role.SEARCHER, days=2.0)
    mixed = f"{text.rsplit('_', 1)[0]}_{other.rsplit('_', 1)[1]}"
    last = "A" if text[-1] != "A" else "B"
    for wrong in (
        mixed,
        text[:-1] + last,
        text[:-1],
        text + "A",
        text.upper(),
        "",
        "attrieve_",
        "x" * 10_000,
        "é",
    ):
        assert door.keys.find(wrong) is None, wrong


def test_a_rotated_key_stays_good_for_the_overlap(door: Entrance, boss: Administration, clock: Clock) -> None:
    """Its successor has the same name and role."""
    old, key = boss.create_key("importer", Role.CURATOR, days=10.0)
    new, successor = boss.rotate_key(key.prefix, days=10.0, overlap_s=3600.0)
    assert (successor.name, successor.role) == ("importer", Role.CURATOR)
    assert successor.prefix != key.prefix
    assert good(door, old)
    assert good(door, new)
    clock.now_s += 3600
    assert not good(door, old)
    assert good(door, new)


def test_rotation_does_not_lengthen_the_old_key(door: Entrance, boss: Administration) -> None:
    """A key that ends within the overlap ends when it would have."""
    _, key = boss.create_key("importer", Role.CURATOR, days=0.01)
    boss.rotate_key(key.prefix, days=10.0, overlap_s=DAY_S)
    assert door.keys.get(key.prefix).ends_s == key.ends_s


def test_a_revoked_key_is_refused_at_once_and_stays_in_the_list(door: Entrance, boss: Administration) -> None:
    """The ledger names keys by their beginning; the list says whose it was."""
    text, key = boss.create_key("importer", Role.CURATOR, days=10.0)
    boss.revoke_key(key.prefix)
    assert not good(door, text)
    assert [(known.prefix, known.revoked) for known in door.keys.all()] == [(key.prefix, True)]
    with pytest.raises(InputError, match="revoked"):
        boss.rotate_key(key.prefix, days=1.0)


def test_a_key_from_the_future_is_refused(door: Entrance, boss: Administration, clock: Clock) -> None:
    """The clock was set back, so its end cannot be trusted."""
    text, _ = boss.create_key("importer", Role.CURATOR, days=10.0)
    clock.now_s -= 3600
    assert not good(door, text)
    clock.now_s += 3600
    assert good(door, text)


def test_when_it_was_last_used_is_known_to_the_minute(
    door: Entrance, boss: Administration, clock: Clock
) -> None:
    """Not written down more often: that would cost each request a write."""
    _, key = boss.create_key("importer", Role.CURATOR, days=10.0)
    used = []
    for _ in range(5):
        clock.now_s += 25
        door.keys.used(door.keys.get(key.prefix))
        used.append(door.keys.get(key.prefix).used_s)
    first = key.created_s + 25
    assert used == [first, first, first, first + 75, first + 75]


@pytest.mark.parametrize("days", [0.0, -1.0, 3651.0, float("nan"), float("inf")])
def test_a_number_of_days_that_cannot_be(boss: Administration, days: float) -> None:
    """Keys without an end are not made."""
    with pytest.raises(InputError, match="days"):
        boss.create_key("importer", Role.CURATOR, days=days)


def test_an_unknown_key(boss: Administration) -> None:
    """Told with the nearest."""
    _, key = boss.create_key("importer", Role.CURATOR, days=1.0)
    with pytest.raises(UnknownNameError, match=key.prefix):
        boss.revoke_key(key.prefix[:-1] + "x")
