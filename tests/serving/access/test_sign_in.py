"""Accounts and sessions: who comes in, how long, and what failing teaches."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from attrieve.errors import InputError, UnknownNameError
from attrieve.serving.access.administration import Administration
from attrieve.serving.access.entrance import Entrance
from attrieve.serving.access.roles import Role
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.ledger import DATABASE_FILE, Action
from serving.access.entrances import BOSS, PASSWORD, entrance
from serving.state.ledgers import Clock

MINUTE_S, HOUR_S = 60.0, 3600.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(tmp_path: Path, clock: Clock) -> Iterator[Entrance]:
    made = entrance(tmp_path, clock, session_minutes=30, session_hours=8)
    Administration(made, BOSS).add_account("kim", Role.SEARCHER, PASSWORD)
    yield made
    made.database.close()


def refused(door: Entrance, name: str, password: str, address: str = "10.0.0.1") -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        door.sign_in(name, password, address=address)
    return caught.value


def test_the_right_password_opens_a_session(door: Entrance) -> None:
    """The token leads to the account, its role and its end."""
    token, session = door.sign_in("kim", PASSWORD, address="10.0.0.1")
    assert (session.account, session.role) == ("kim", Role.SEARCHER)
    assert session.ends_s == session.began_s + 8 * HOUR_S
    assert door.sessions.find(token) == session
    assert door.sessions.find(token + "x") is None


def test_neither_passwords_nor_tokens_lie_in_the_file(door: Entrance, tmp_path: Path) -> None:
    """Only what cannot be turned back."""
    token, _ = door.sign_in("kim", PASSWORD, address="10.0.0.1")
    text, _ = Administration(door, BOSS).create_key("importer", Role.CURATOR, days=1.0)
    door.database.forget_deleted()
    content = (tmp_path / DATABASE_FILE).read_bytes()
    for secret in (PASSWORD, token, text, text.rsplit("_", 1)[1]):
        assert secret.encode() not in content
    assert b"$argon2id$" in content
    assert hashlib.sha256(token.encode()).hexdigest().encode() in content


def test_a_wrong_name_and_a_wrong_password_cannot_be_told_apart(
    door: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same problem, same words, and the same work: one hash is computed in each case."""
    Administration(door, BOSS).add_account("lee", Role.AUDITOR, PASSWORD)
    Administration(door, BOSS).disable("lee")
    hashed: list[str] = []
    verify = door.accounts._passwords._hasher.verify
    monkeypatch.setattr(
        door.accounts._passwords._hasher.__class__,
        "verify",
        lambda _, kept, password: hashed.append(kept) or verify(kept, password),
    )
    told = set()
    for name, password in [
        ("kim", "wrong"),
        ("nobody", "wrong"),
        ("nobody", PASSWORD),
        ("lee", PASSWORD),
        ("", ""),
    ]:
        hashed.clear()
        error = refused(door, name, password)
        told.add((error.problem, str(error), tuple(error.headers.items())))
        assert len(hashed) == 1
        assert hashed[0].split("$")[1:4] == ["argon2id", "v=19", "m=8,t=1,p=1"]
    assert told == {(Problem.SIGN_IN_FAILED, "name or password is wrong", ())}


def test_after_failures_one_waits_longer_each_time(door: Entrance, clock: Clock) -> None:
    """From one place after the fifth, from strangers after the twentieth: a second, then two, four, ..., at
    most a quarter of an hour; so for no account."""
    for name, free, places in (("kim", 5, 1), ("nobody", 5, 1), ("lee", 20, 1000), ("no one", 20, 1000)):
        waits: list[int] = []
        failures = 0
        while len(waits) < 14:
            error = refused(door, name, "wrong", f"{name}-{failures % places}")
            failures += error.problem is Problem.SIGN_IN_FAILED
            if error.problem is Problem.TOO_MANY_REQUESTS:
                waits.append(int(error.headers["Retry-After"]))
                clock.now_s += waits[-1]
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900], name
        assert failures == free + 13


def test_waiting_holds_for_the_right_password_too(door: Entrance, clock: Clock) -> None:
    """Or the wait would tell which password is right; a success after it clears the count."""
    for _ in range(6):
        refused(door, "kim", "wrong")
    assert refused(door, "kim", PASSWORD).problem is Problem.TOO_MANY_REQUESTS
    clock.now_s += 2
    door.sign_in("kim", PASSWORD, address="10.0.0.1")
    assert refused(door, "kim", "wrong").problem is Problem.SIGN_IN_FAILED


def test_an_address_that_tries_many_names_waits(door: Entrance) -> None:
    """Twenty failures, whatever the names; others may go on."""
    told = [refused(door, f"name-{number}", "wrong").problem for number in range(22)]
    assert told == [Problem.SIGN_IN_FAILED] * 20 + [Problem.TOO_MANY_REQUESTS] * 2
    door.sign_in("kim", PASSWORD, address="10.0.0.2")


def test_a_success_does_not_free_an_address(door: Entrance) -> None:
    """Or somebody with one account could guess at all others."""
    problems = []
    for number in range(30):
        problems.append(refused(door, f"name-{number}", "wrong").problem)
        try:
            door.sign_in("kim", PASSWORD, address="10.0.0.1")
        except ProblemError as error:
            problems.append(error.problem)
    assert Problem.TOO_MANY_REQUESTS in problems


def test_a_clock_set_back_makes_nobody_wait_for_years(door: Entrance, clock: Clock) -> None:
    """The wait is never longer than a quarter of an hour."""
    for _ in range(6):
        refused(door, "kim", "wrong")
    clock.now_s -= 12 * HOUR_S
    error = refused(door, "kim", "wrong")
    assert error.problem is Problem.TOO_MANY_REQUESTS
    assert int(error.headers["Retry-After"]) <= 900
    clock.now_s -= 365 * 24 * HOUR_S
    door.sign_in("kim", PASSWORD, address="10.0.0.1")


def test_an_idle_session_ends(door: Entrance, clock: Clock) -> None:
    """After thirty minutes without a request; each request puts it off."""
    token, _ = door.sign_in("kim", PASSWORD, address="10.0.0.1")
    for _ in range(4):
        clock.now_s += 29 * MINUTE_S
        assert door.sessions.find(token) is not None
    clock.now_s += 30 * MINUTE_S
    assert door.sessions.find(token) is None


def test_a_busy_session_ends_too(door: Entrance, clock: Clock) -> None:
    """After eight hours in any case."""
    token, _ = door.sign_in("kim", PASSWORD, address="10.0.0.1")
    found = 0
    while door.sessions.find(token) is not None:
        clock.now_s += 10 * MINUTE_S
        found += 1
    assert found == 48


def test_a_session_from_the_future_ends(door: Entrance, clock: Clock) -> None:
    """The clock was set back: how old it is cannot be told."""
    token, _ = door.sign_in("kim", PASSWORD, address="10.0.0.1")
    clock.now_s -= HOUR_S
    assert door.sessions.find(token) is None


def test_signing_in_ends_the_session_the_browser_had(door: Entrance) -> None:
    """Also where it fails: a token planted there before is worth nothing (session fixation)."""
    first, _ = door.sign_in("kim", PASSWORD, address="10.0.0.1")
    second, _ = door.sign_in("kim", PASSWORD, address="10.0.0.1", old_token=first)
    assert first != second
    assert door.sessions.find(first) is None
    with pytest.raises(ProblemError):
        door.sign_in("kim", "wrong", address="10.0.0.1", old_token=second)
    assert door.sessions.find(second) is None


def test_signing_out_here_and_everywhere(door: Entrance) -> None:
    """One session, or all of the account and of no other."""
    Administration(door, BOSS).add_account("lee", Role.AUDITOR, PASSWORD)
    tokens = [door.sign_in("kim", PASSWORD, address="10.0.0.1")[0] for _ in range(3)]
    others, _ = door.sign_in("lee", PASSWORD, address="10.0.0.1")
    assert door.sign_out(tokens[0]) == 1
    assert [door.sessions.find(token) is None for token in tokens] == [True, False, False]
    assert door.sign_out(tokens[1], everywhere=True) == 2
    assert all(door.sessions.find(token) is None for token in tokens)
    assert door.sessions.find(others) is not None
    assert door.sign_out("no token") == 0


@pytest.mark.parametrize("act", ["disable", "remove", "password"])
def test_what_is_taken_from_an_account_its_sessions_lose_at_once(door: Entrance, act: str) -> None:
    """And the old password does not open another."""
    boss = Administration(door, BOSS)
    token, _ = door.sign_in("kim", PASSWORD, address="10.0.0.1")
    {
        "disable": lambda: boss.disable("kim"),
        "remove": lambda: boss.remove("kim"),
        "password": lambda: boss.set_password("kim", "five tall chairs hum"),
    }[act]()
    assert door.sessions.find(token) is None
    assert refused(door, "kim", PASSWORD).problem is Problem.SIGN_IN_FAILED


def test_another_role_holds_from_the_next_request_on(door: Entrance) -> None:
    """Sessions do not remember what one was."""
    token, _ = door.sign_in("kim", PASSWORD, address="10.0.0.1")
    Administration(door, BOSS).set_role("kim", Role.CURATOR)
    session = door.sessions.find(token)
    assert session is not None
    assert session.role is Role.CURATOR


def test_names_are_never_given_twice(door: Entrance) -> None:
    """Neither those of removed accounts nor those of keys: the ledger would be unclear."""
    boss = Administration(door, BOSS)
    boss.create_key("importer", Role.CURATOR, days=1.0)
    boss.remove("kim")
    with pytest.raises(UnknownNameError):
        door.accounts.get("kim")
    for act in (
        lambda: boss.add_account("kim", Role.SEARCHER, PASSWORD),
        lambda: boss.add_account("importer", Role.SEARCHER, PASSWORD),
        lambda: boss.create_key("kim", Role.SEARCHER, days=1.0),
    ):
        with pytest.raises(ProblemError) as caught:
            act()
        assert caught.value.problem is Problem.CONFLICT


def test_the_last_administrator_stays(door: Entrance) -> None:
    """Until there is another one."""
    boss = Administration(door, BOSS)
    boss.add_account("ann", Role.ADMINISTRATOR, PASSWORD)
    for act in (
        lambda: boss.disable("ann"),
        lambda: boss.remove("ann"),
        lambda: boss.set_role("ann", Role.SEARCHER),
    ):
        with pytest.raises(ProblemError, match="last administrator"):
            act()
    boss.add_account("bob", Role.ADMINISTRATOR, PASSWORD)
    boss.disable("ann")
    with pytest.raises(ProblemError, match="last administrator"):
        boss.remove("bob")


@pytest.mark.parametrize(
    "name", ["", "Kim", "kim lee", "-kim", "=kim", "kim\n", "../kim", "k" * 65, "kïm", "<b>"]
)
def test_names_that_cannot_be_used(door: Entrance, name: str) -> None:
    """Names stand in addresses, tables and log lines."""
    with pytest.raises(InputError, match="cannot use the name"):
        Administration(door, BOSS).add_account(name, Role.SEARCHER, PASSWORD)


@pytest.mark.parametrize(
    "password",
    [
        "", "short", "elevenchars", "x" * 257, "aaaaaaaaaaaaaaaa", "abababababababab", "password1234",
        "kimkimkimkimkim", "kim-password-123456", "123456789012345", "qwertyqwerty1234",
    ],
)  # fmt: skip
def test_passwords_that_are_guessed_first(door: Entrance, password: str) -> None:
    """Refused with the reason, which does not repeat them."""
    with pytest.raises(ProblemError) as caught:
        Administration(door, BOSS).set_password("kim", password)
    assert caught.value.problem is Problem.WEAK_PASSWORD
    assert not password or password not in str(caught.value)
    door.sign_in("kim", PASSWORD, address="10.0.0.1")


@pytest.mark.parametrize(
    "password", ["trees walk slowly home", "Ünïcødé schlüssel", "zJ8#qq2!mmPw", "x9" * 3 + "café au lait"]
)
def test_passwords_that_are_taken(door: Entrance, password: str) -> None:
    """Words, signs and any script; however the same letters were typed."""
    import unicodedata

    Administration(door, BOSS).set_password("kim", unicodedata.normalize("NFD", password))
    door.sign_in("kim", unicodedata.normalize("NFC", password), address="10.0.0.1")


def test_what_happens_stands_in_the_ledger(door: Entrance) -> None:
    """Sign-ins, failures and changes; of a name that is no account's nothing, it may be a password."""
    token, _ = door.sign_in("kim", PASSWORD, address="10.0.0.1")
    door.sign_out(token)
    refused(door, "kim", "wrong")
    refused(door, "my secret password", "kim")
    Administration(door, BOSS).set_role("kim", Role.CURATOR)
    entries = [(entry.who, entry.action, dict(entry.details)) for entry in door.ledger.entries()]
    assert entries == [
        ("boss", Action.ACCOUNT, {"account": "kim", "what": "added", "role": "searcher"}),
        ("kim", Action.SIGN_IN, {"address": "10.0.0.1"}),
        ("kim", Action.SIGN_OUT, {"sessions": 1}),
        ("(nobody)", Action.SIGN_IN_FAILED, {"account": "kim", "address": "10.0.0.1"}),
        ("(nobody)", Action.SIGN_IN_FAILED, {"account": None, "address": "10.0.0.1"}),
        (
            "boss",
            Action.ACCOUNT,
            {"account": "kim", "what": "role set", "role": "curator", "before": "searcher"},
        ),
    ]
    assert door.ledger.verify().clean


def test_a_change_and_its_record_are_one(door: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be recorded nothing is changed."""
    monkeypatch.setattr(door.ledger.key, "sign", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Administration(door, BOSS).set_role("kim", Role.CURATOR)
    assert door.accounts.get("kim").role is Role.SEARCHER
