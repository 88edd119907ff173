"""Work is handed out until every item has its one answer, in order."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import ClusterError, InputError
from attrieve.gallery.distributed.workforce import Workforce
from gallery.distributed.in_process import InProcessRay

GIVEN_UP = -1


class Doubler:
    """A worker: twice each number."""

    def ready(self) -> None:
        pass

    def describe(self, items: Sequence[int]) -> list[int]:
        return [2 * item for item in items]


class Complainer(Doubler):
    def describe(self, items: Sequence[int]) -> list[int]:
        raise InputError("not these")


def workforce(
    ray: InProcessRay, size: int = 3, kind: type = Doubler, patience_s: float = 60.0
) -> Workforce[int, list[int]]:
    return Workforce(
        ray,
        lambda: ray.remote(kind).options().remote(),
        size,
        lambda _: [GIVEN_UP],
        patience_s=patience_s,
    )


def pieces_of(lengths: Sequence[int]) -> list[list[int]]:
    """Numbers from 0 on, in pieces of these lengths."""
    starts = [sum(lengths[:place]) for place in range(len(lengths))]
    return [list(range(start, start + length)) for start, length in zip(starts, lengths, strict=True)]


LENGTHS = st.lists(st.integers(1, 5), max_size=25)


@given(LENGTHS, st.integers(1, 4), st.integers(0, 1000))
def test_answers_keep_the_order_whoever_is_first(lengths: list[int], size: int, seed: int) -> None:
    """With nobody dying, every piece comes back whole."""
    pieces = pieces_of(lengths)
    answers = list(workforce(InProcessRay(seed), size).answers(iter(pieces)))
    assert answers == [[2 * item for item in piece] for piece in pieces]


@given(LENGTHS, st.integers(1, 4), st.integers(0, 1000), st.sets(st.integers(0, 60), max_size=4))
def test_only_items_that_kill_are_given_up(
    lengths: list[int], size: int, seed: int, poison: set[int]
) -> None:
    """An item over which every process dies costs its worker, never its neighbours' answers."""

    def dies(method: str, arguments: tuple[Any, ...]) -> bool:
        return method == "describe" and not poison.isdisjoint(arguments[0])

    pieces = pieces_of(lengths)
    answers = list(workforce(InProcessRay(seed, dies), size).answers(iter(pieces)))
    expected = [GIVEN_UP if item in poison else 2 * item for piece in pieces for item in piece]
    assert [value for answer in answers for value in answer] == expected


@given(LENGTHS, st.integers(1, 4), st.integers(0, 1000), st.lists(st.booleans(), max_size=30))
def test_deaths_by_chance_neither_lose_nor_double_an_item(
    lengths: list[int], size: int, seed: int, fates: list[bool]
) -> None:
    """Machines die at any moment, starting or working; each item has one answer, in its place."""
    told = iter(fates)
    ray = InProcessRay(seed, lambda *_: next(told, False))
    pieces = pieces_of(lengths)
    values = [value for answer in workforce(ray, size).answers(iter(pieces)) for value in answer]
    items = [item for piece in pieces for item in piece]
    assert len(values) == len(items)
    assert all(value in (2 * item, GIVEN_UP) for value, item in zip(values, items, strict=True))
    assert not any(actor.alive for actor in ray.actors)


def test_a_piece_that_saw_one_death_is_repeated_whole() -> None:
    """One death is bad luck: nothing is taken apart."""
    fates = iter([False, True])  # the start goes well, the first piece does not
    ray = InProcessRay(0, lambda *_: next(fates, False))
    assert list(workforce(ray, 1).answers(iter([[1, 2], [3]]))) == [[2, 4], [6]]
    assert ray.deaths == 1


def test_work_is_asked_for_only_as_far_as_there_are_hands() -> None:
    """A source without end is not read ahead without end."""
    asked = []

    def endless() -> Any:
        number = 0
        while True:
            asked.append(number)
            yield [number]
            number += 1

    answers = workforce(InProcessRay(), 2).answers(endless())
    for _ in range(50):
        next(answers)
    answers.close()
    assert len(asked) <= 50 + 2 * 2 * 2


def test_without_any_worker_it_ends_with_the_reason() -> None:
    """A cluster without room for a worker is waited for, then told of."""
    ray = InProcessRay(starts=False)
    with pytest.raises(ClusterError, match="no worker has been there for 0 s"):
        list(workforce(ray, patience_s=0.01).answers(iter([[1]])))


def test_workers_that_all_die_at_once_end_it_with_what_ray_said() -> None:
    """A process that dies before it can begin, again and again, is not waited for for ever."""
    ray = InProcessRay(0, lambda method, _: method == "ready")
    with pytest.raises(ClusterError, match="the last one died: The actor died unexpectedly"):
        list(workforce(ray, patience_s=0.05).answers(iter([[1]])))


def test_what_a_worker_raises_is_raised_here() -> None:
    """An error of our own comes through as itself, and the actors are gone."""
    ray = InProcessRay()
    with pytest.raises(InputError, match="not these"):
        list(workforce(ray, kind=Complainer).answers(iter([[1]])))
    assert not any(actor.alive for actor in ray.actors)
