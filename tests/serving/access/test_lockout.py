"""Guessing is limited, and nobody can keep an account's owner out by guessing at it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attrieve.serving.access.administration import Administration
from attrieve.serving.access.entrance import Entrance
from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.routes.sign_in import change_own_password
from serving.access.entrances import BOSS, PASSWORD, administration, client_of, entrance, service, sign_in
from serving.state.ledgers import Clock

HOME, WORK, ELSEWHERE = "10.0.0.1", "10.0.0.2", "10.9.9.9"
DAY_S = 86_400.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(tmp_path: Path, clock: Clock) -> Iterator[Entrance]:
    made = entrance(tmp_path, clock)
    Administration(made, BOSS).add_account("kim", Role.SEARCHER, PASSWORD)
    yield made
    made.database.close()


def guess(
    door: Entrance, name: str = "kim", *, address: str = ELSEWHERE, device: str | None = None
) -> tuple[bool, float]:
    """Try a wrong password; return whether it was looked at, and how long one has to wait if not."""
    with pytest.raises(ProblemError) as caught:
        door.sign_in(name, "wrong", address=address, device=device)
    looked_at = caught.value.problem is Problem.SIGN_IN_FAILED
    return looked_at, 0.0 if looked_at else float(caught.value.headers["Retry-After"])


def attack(door: Entrance, address: Callable[[int], str], times: int = 400) -> None:
    """Guess on, whatever is answered."""
    for number in range(times):
        guess(door, address=address(number))


def arrive(door: Entrance, address: str, device: str | None = None) -> str:
    """Sign in as the owner; return what the browser is known by from now on."""
    device = door.places.device("kim", device)
    door.sign_in("kim", PASSWORD, address=address, device=device)
    return device


def test_who_guesses_from_one_address_locks_only_that_one_out(door: Entrance) -> None:
    attack(door, lambda _: ELSEWHERE)
    assert guess(door)[1] >= 1
    door.sign_in("kim", PASSWORD, address=HOME)


def test_who_guesses_from_many_addresses_does_not_lock_a_known_place_out(door: Entrance) -> None:
    """Known is the address, and the browser wherever it is; a new place has to wait."""
    browser = arrive(door, HOME)
    attack(door, lambda number: f"10.1.{number >> 8}.{number & 255}")
    door.sign_in("kim", PASSWORD, address=HOME)
    arrive(door, WORK, browser)
    with pytest.raises(ProblemError) as caught:
        door.sign_in("kim", PASSWORD, address="10.2.0.1")
    assert caught.value.problem is Problem.TOO_MANY_REQUESTS


def test_who_guesses_from_the_owner_s_address_does_not_lock_the_owner_s_browser_out(tmp_path: Path) -> None:
    """Behind one address sit many; the attempts a minute are the browser's own, too."""
    door = entrance(tmp_path, sign_ins_per_minute=10)
    Administration(door, BOSS).add_account("kim", Role.SEARCHER, PASSWORD)
    browser = arrive(door, HOME)
    attack(door, lambda _: HOME, times=40)
    assert guess(door, address=HOME)[1] >= 1
    for _ in range(3):
        arrive(door, HOME, browser)
    door.database.close()


def test_an_account_is_guessed_at_a_bounded_number_of_times_a_day(door: Entrance, clock: Clock) -> None:
    """By everybody together, from any number of unknown addresses: twenty times, then ever more slowly."""
    begun, tried, address = clock.now_s, 0, 0
    while clock.now_s < begun + 3 * DAY_S:
        address += 1
        looked_at, wait_s = guess(door, address=f"host-{address}")
        tried += looked_at
        clock.now_s += wait_s
    most = 20 + 10 + 3 * DAY_S / 900  # ten waits double until there are four an hour
    assert 250 < tried <= most


def test_the_owner_s_coming_and_going_gives_no_guesses_back(door: Entrance, clock: Clock) -> None:
    """Or whoever knows when people come to work could guess without end."""
    browser = arrive(door, HOME)
    tried = 0
    for number in range(400):
        tried += guess(door, address=f"host-{number}")[0]
        arrive(door, HOME, browser)
        arrive(door, HOME)
    assert tried <= 20


@pytest.mark.parametrize("known_by", ["browser", "address"])
def test_a_known_place_guesses_a_bounded_number_of_times_too(
    door: Entrance, clock: Clock, known_by: str
) -> None:
    """Somebody else may sit there, or have the cookie."""
    browser = arrive(door, HOME)
    device = browser if known_by == "browser" else None
    begun, tried = clock.now_s, 0
    while clock.now_s < begun + DAY_S:
        looked_at, wait_s = guess(door, address=HOME, device=device)
        tried += looked_at
        clock.now_s += wait_s
    assert 90 < tried <= 5 + 10 + DAY_S / 900


def test_a_browser_is_known_for_its_own_accounts_alone(door: Entrance) -> None:
    """Neither another account's nor a made-up one counts as known, and a planted one is not taken."""
    Administration(door, BOSS).add_account("lee", Role.SEARCHER, PASSWORD)
    browser = arrive(door, HOME)
    assert door.places.device("kim", browser) == browser
    assert door.places.device("lee", browser) != browser
    assert door.places.device("kim", "planted") != "planted"
    tried = sum(guess(door, "lee", address=f"host-{number}", device=browser)[0] for number in range(100))
    assert tried == 20


def test_what_is_no_account_s_name_is_treated_alike(door: Entrance) -> None:
    """In the numbers of attempts and waits, from one address and from many."""
    for places in (lambda _: ELSEWHERE, lambda number: f"host-{number}"):
        told = [
            [guess(door, name, address=f"{name}-{places(number)}") for number in range(60)]
            for name in ("kim", "nobody")
        ]
        assert told[0] == told[1]


def test_a_place_is_forgotten_after_a_while_and_the_number_of_places_is_bounded(
    door: Entrance, clock: Clock
) -> None:
    browser = arrive(door, HOME)
    clock.now_s += 89 * DAY_S
    assert door.places.device("kim", browser) == browser
    clock.now_s += 2 * DAY_S
    assert door.places.device("kim", browser) != browser
    kept = []
    for number in range(30):
        kept.append(arrive(door, f"10.3.0.{number}"))
        clock.now_s += 60
    known = [door.places.device("kim", one) == one for one in kept]
    assert known == [False] * 20 + [True] * 10
    rows = str([tuple(row) for row in door.database.rows("SELECT * FROM known_places")])
    assert not any(one in rows for one in kept)


def test_a_session_can_change_its_password_whoever_guesses(door: Entrance) -> None:
    """Its own wrong guesses at the old one make it wait, and it alone."""
    token, _ = door.sign_in("kim", PASSWORD, address=HOME)
    other, _ = door.sign_in("kim", PASSWORD, address=HOME)
    kim = Actor("kim", Role.SEARCHER, "session")
    attack(door, lambda _: HOME, times=60)
    problems = []
    for _ in range(7):
        with pytest.raises(ProblemError) as caught:
            change_own_password(door, kim, "wrong", "five tall chairs hum", token=other, address=HOME)
        problems.append(caught.value.problem)
    assert problems == [Problem.SIGN_IN_FAILED] * 5 + [Problem.TOO_MANY_REQUESTS] * 2
    change_own_password(door, kim, PASSWORD, "five tall chairs hum", token=token, address=HOME)
    assert door.sessions.find(token) is not None
    assert door.sessions.find(other) is None


def test_a_browser_carries_what_it_is_known_by(tmp_path: Path) -> None:
    """Set with the session, over REST and on the page, and left when one signs out."""
    with service(tmp_path) as (app, client):
        administration(app).add_account("kim", Role.SEARCHER, PASSWORD)
        csrf = sign_in(client, "kim")
        browser = client.cookies["attrieve-device"]
        client.post("/api/v1/sign-out", headers={"X-CSRF-Token": csrf})
        assert "attrieve-session" not in client.cookies
        assert client.cookies["attrieve-device"] == browser
        stranger = client_of(app)
        for _ in range(8):
            stranger.post("/api/v1/sign-in", json={"name": "kim", "password": "wrong"})
        answer = stranger.post("/api/v1/sign-in", json={"name": "kim", "password": PASSWORD})
        assert answer.status_code == 429
        page = client.get("/sign-in", headers={"Accept": "text/html"}).text
        form = {
            "name": "kim",
            "password": PASSWORD,
            "csrf": page.split('name="csrf" value="')[1].split('"')[0],
        }
        assert client.post("/sign-in", data=form).status_code == 303
        assert client.cookies["attrieve-device"] == browser
        for header in client.post("/sign-in", data=form).headers.get_list("set-cookie"):
            if header.startswith("attrieve-device"):
                assert "HttpOnly" in header
                assert "SameSite=strict" in header
                assert "Max-Age=7776000" in header
