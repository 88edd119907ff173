"""Searches that wait share a pass; each gets its own answer, or its own error."""

import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from attrieve.serving.shared_scans import SharedScans

WAIT_SECONDS = 30


class Passes:
    """Doubles numbers, and remembers who was answered together; the first pass waits until it may go on."""

    def __init__(self, *, held: bool = False) -> None:
        self.together: list[list[int]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.inside = self.most_inside = 0
        self._lock = threading.Lock()
        if not held:
            self.go_on.set()

    def __call__(self, asked: Sequence[int]) -> list[int]:
        with self._lock:
            self.together.append(list(asked))
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        self.begun.set()
        assert self.go_on.wait(WAIT_SECONDS)
        with self._lock:
            self.inside -= 1
        for number in asked:
            if number < 0:
                raise ValueError(f"{number} is negative")
        return [2 * number for number in asked]


def waiting(scans: SharedScans, count: int) -> None:
    """Return when so many wait."""
    for _ in range(WAIT_SECONDS * 100):
        if len(scans._waiting) == count:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{len(scans._waiting)} wait, {count} expected")


@contextmanager
def while_one_is_answered(
    scans: SharedScans, passes: Passes, others: Sequence[tuple[str, int]]
) -> Iterator[list[Future[int]]]:
    """Ask for 1 of key a, and for the others while it is answered; then let it go on."""
    with ThreadPoolExecutor(1 + len(others)) as pool:
        first = pool.submit(scans.ask, "a", 1, passes)
        assert passes.begun.wait(WAIT_SECONDS)
        asked = []
        for place, (key, number) in enumerate(others):
            asked.append(pool.submit(scans.ask, key, number, passes))
            waiting(scans, place + 1)
        passes.go_on.set()
        assert first.result(WAIT_SECONDS) == 2
        yield asked


def test_one_alone_is_answered_at_once() -> None:
    passes = Passes()
    assert SharedScans().ask("rows", 4, passes) == 8
    assert passes.together == [[4]]


def test_those_who_wait_are_answered_together_by_key() -> None:
    """While one pass runs three of one key and two of another arrive: two more passes, not five."""
    scans, passes = SharedScans(), Passes(held=True)
    others = [("a", 2), ("b", 3), ("a", 4), ("b", 5), ("a", 6)]
    with while_one_is_answered(scans, passes, others) as asked:
        assert [one.result(WAIT_SECONDS) for one in asked] == [4, 6, 8, 10, 12]
    assert passes.together == [[1], [2, 4, 6], [3, 5]]


def test_an_error_reaches_only_who_caused_it() -> None:
    scans, passes = SharedScans(), Passes(held=True)
    with while_one_is_answered(scans, passes, [("a", 2), ("a", -3), ("a", 4)]) as asked:
        assert asked[0].result(WAIT_SECONDS) == 4
        with pytest.raises(ValueError, match="-3 is negative"):
            asked[1].result(WAIT_SECONDS)
        assert asked[2].result(WAIT_SECONDS) == 8


@pytest.mark.parametrize("at_once", [1, 3])
def test_many_at_any_time_get_their_own_answers(at_once: int) -> None:
    """Nobody is lost, nobody is answered twice, never more passes than allowed run side by side."""
    scans, passes = SharedScans(at_once), Passes()
    draw = random.Random(at_once)
    numbers = [(draw.choice("abc"), draw.randrange(-20, 1000)) for _ in range(400)]

    def ask(one: tuple[str, int]) -> int | str:
        try:
            return scans.ask(*one, passes)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, numbers))
    assert found == [2 * number if number >= 0 else f"{number} is negative" for _, number in numbers]
    assert passes.most_inside <= at_once
    assert scans.ask("a", 1, passes) == 2  # all places are free again


def test_what_is_done_alone_is_shared_with_nobody() -> None:
    scans, passes = SharedScans(), Passes(held=True)
    done: list[int] = []
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(scans.ask, "a", 1, passes)
        assert passes.begun.wait(WAIT_SECONDS)
        others = [pool.submit(scans.alone, lambda: done.append(1)) for _ in range(2)]
        waiting(scans, 2)
        passes.go_on.set()
        first.result(WAIT_SECONDS)
        for one in others:
            one.result(WAIT_SECONDS)
    assert done == [1, 1]
