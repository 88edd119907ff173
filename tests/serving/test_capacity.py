"""So many searches at once, so many waiting; the rest is told to come back."""

import threading
from collections import Counter

import anyio
import pytest

from attrieve.serving.capacity import SearchRoom
from attrieve.serving.problems import Problem, ProblemError


def test_no_more_run_side_by_side_than_there_are_places() -> None:
    room = SearchRoom(3, 20)
    inside, most = Counter[str](), Counter[str]()
    lock, full = threading.Lock(), threading.Barrier(3, timeout=30)

    def work() -> None:
        with lock:
            inside["now"] += 1
            most["seen"] = max(most["seen"], inside["now"])
        full.wait()  # three are here together, or nobody ever leaves
        with lock:
            inside["now"] -= 1

    async def ask() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(room.run, work)

    anyio.run(ask)
    assert most["seen"] == 3
    assert room.waiting == 0


def test_beyond_the_queue_is_refused_at_once_with_a_time_to_come_back() -> None:
    counted: list[None] = []
    room = SearchRoom(1, 2, retry_seconds=7, refused=lambda: counted.append(None))
    go = threading.Event()
    refused: list[ProblemError] = []

    async def one() -> None:
        try:
            await room.run(go.wait)
        except ProblemError as error:
            refused.append(error)

    async def ask() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(one)
            while len(refused) < 2:
                await anyio.sleep(0.01)
            assert room.waiting == 2
            go.set()

    anyio.run(ask)
    assert [error.problem for error in refused] == [Problem.OVERLOADED] * 2
    assert refused[0].headers["Retry-After"] == "7"
    assert len(counted) == 2
    assert room.waiting == 0


def test_place_is_given_back_when_work_fails() -> None:
    room = SearchRoom(1, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), room.place():
            raise ZeroDivisionError
    with room.place(), pytest.raises(ProblemError), room.place():
        raise AssertionError("there was no room")


def test_time_waited_is_told() -> None:
    waited: list[float] = []
    room = SearchRoom(1, 1, waited=waited.append)
    entered, go = threading.Event(), threading.Event()

    def hold() -> None:
        with room.place():
            entered.set()
            go.wait()

    def wait() -> None:
        with room.place():
            pass

    threads = [threading.Thread(target=hold), threading.Thread(target=wait)]
    threads[0].start()
    entered.wait()
    threads[1].start()
    while room.waiting == 0:
        pass
    go.set()
    for thread in threads:
        thread.join()
    assert len(waited) == 2
    assert all(seconds >= 0 for seconds in waited)
