"""Hands pieces of work to workers on a cluster and gives the answers back in order, whoever dies.

Ray can restart an actor and repeat its task by itself, but then the task waits for that very actor, for
ever if the machine that died was the only place for it, while others sit idle. Here a piece goes to
whoever is there, and a new worker is asked for in the place of the dead one.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from attrieve.errors import ClusterError
from attrieve.gallery.distributed.cluster import raised_by_worker, told_by_ray

Item = TypeVar("Item")
Answer = TypeVar("Answer")

DEATHS_SUSPECT = 2
"""After so many workers died over a piece, its items are tried one by one, each alone on a worker."""

_IN_FLIGHT = 2
"""Pieces a worker has at once, so that it need not wait for the next."""

_AHEAD = 2
"""Answers may be so many times the pieces in flight ahead of the oldest one that is missing."""

_POLL_S = 1.0


@dataclass(eq=False)
class _Piece(Generic[Item, Answer]):
    """Some items on their way, in the order of the answers."""

    items: Sequence[Item]
    alone: bool = False
    deaths: int = 0
    answer: Answer | None = None


@dataclass(eq=False)
class _Worker(Generic[Item, Answer]):
    """An actor; it takes pieces once ``starting`` is done."""

    actor: Any
    starting: Any
    pieces: dict[Any, _Piece[Item, Answer]] = field(default_factory=dict)

    @property
    def open_places(self) -> int:
        if self.starting is not None or any(piece.alone for piece in self.pieces.values()):
            return 0
        return _IN_FLIGHT - len(self.pieces)


class Workforce(Generic[Item, Answer]):
    """Actors with the methods ``ready()`` and ``describe(items)``.

    Args:
        ray: the library, connected.
        hire: makes an actor; it may take any time to start, and starts when its resources are free.
        size: actors asked for at any time.
        give_up: the answer for an item over which :data:`DEATHS_SUSPECT` workers died though they had
            nothing else to do.
        patience_s: how long to go on without any worker before giving up.
    """

    def __init__(
        self,
        ray: Any,
        hire: Callable[[], Any],
        size: int,
        give_up: Callable[[Item], Answer],
        *,
        patience_s: float,
    ) -> None:
        self._ray = ray
        self._hire = hire
        self._give_up = give_up
        self._patience_s = patience_s
        self._last_sign = time.monotonic()
        self._last_death = ""
        self._workers: list[_Worker[Item, Answer]] = [self._hired() for _ in range(size)]
        self._order: deque[_Piece[Item, Answer]] = deque()
        self._again: deque[_Piece[Item, Answer]] = deque()
        self._waiting: Iterator[Sequence[Item]] | None = None

    def answers(self, pieces: Iterator[Sequence[Item]]) -> Generator[Answer, None, None]:
        """Yield the answer to each piece, in order; those of a piece that was taken apart one by one.

        Args:
            pieces: asked for as workers have time for them, from this thread.

        Raises:
            ClusterError: if no worker is there for ``patience_s``.
            Exception: whatever a worker's code raises.
        """
        self._waiting = pieces
        try:
            self._give_out()
            while self._order or self._waiting is not None:
                self._await_news()
                while self._order and self._order[0].answer is not None:
                    yield self._order.popleft().answer  # type: ignore[misc]  # just seen not to be None
                self._give_out()
        finally:
            for worker in self._workers:
                self._ray.kill(worker.actor)

    def _hired(self) -> "_Worker[Item, Answer]":
        actor = self._hire()
        return _Worker(actor, actor.ready.remote())

    def _give_out(self) -> None:
        """Fill all workers, with what must be done again before anything new."""
        while True:
            free = max(self._workers, key=lambda worker: worker.open_places)
            if free.open_places == 0 or (self._again and self._again[0].alone and free.pieces):
                return
            piece = self._again.popleft() if self._again else self._next_piece()
            if piece is None:
                return
            free.pieces[free.actor.describe.remote(piece.items)] = piece

    def _next_piece(self) -> "_Piece[Item, Answer] | None":
        if self._waiting is None or len(self._order) >= _AHEAD * _IN_FLIGHT * len(self._workers):
            return None
        items = next(self._waiting, None)
        if items is None:
            self._waiting = None
            return None
        piece: _Piece[Item, Answer] = _Piece(items)
        self._order.append(piece)
        return piece

    def _await_news(self) -> None:
        starting = {worker.starting: worker for worker in self._workers if worker.starting is not None}
        working = {ref: worker for worker in self._workers for ref in worker.pieces}
        if len(starting) < len(self._workers):
            self._last_sign = time.monotonic()
        elif time.monotonic() - self._last_sign > self._patience_s:
            raise ClusterError(
                f"no worker has been there for {self._patience_s:.0f} s{self._last_death}; give the cluster "
                "machines with the resources a worker needs, and run again: what is done stays done"
            )
        done, _ = self._ray.wait([*starting, *working], timeout=_POLL_S)
        for ref in done:
            if ref in starting:
                self._started(starting[ref])
            else:
                self._answered(working[ref], ref)

    def _started(self, worker: _Worker[Item, Answer]) -> None:
        try:
            self._ray.get(worker.starting)
        except self._ray.exceptions.RayTaskError as error:
            raise raised_by_worker(error) from None
        except self._ray.exceptions.RayError as error:
            if getattr(error, "actor_init_failed", False):  # it was not killed; the next would fail, too
                raise ClusterError(f"a worker cannot begin: {told_by_ray(error)}") from error
            self._replace(worker, error)
            return
        worker.starting = None

    def _answered(self, worker: _Worker[Item, Answer], ref: Any) -> None:
        piece = worker.pieces.pop(ref, None)
        if piece is None:  # its worker was found dead over another piece just now
            return
        try:
            piece.answer = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            raise raised_by_worker(error) from None
        except self._ray.exceptions.RayError as error:
            self._failed(piece)
            if isinstance(error, self._ray.exceptions.RayActorError):
                self._replace(worker, error)

    def _replace(self, worker: _Worker[Item, Answer], error: Exception) -> None:
        self._last_death = f" (the last one died: {told_by_ray(error)})"
        for piece in worker.pieces.values():
            self._failed(piece)
        worker.pieces.clear()
        self._ray.kill(worker.actor)  # in case it is merely out of reach
        self._workers[self._workers.index(worker)] = self._hired()

    def _failed(self, piece: _Piece[Item, Answer]) -> None:
        """Give a piece out again, in smaller pieces if it may be what killed its worker."""
        piece.deaths += 1
        if piece.deaths < DEATHS_SUSPECT:
            self._again.append(piece)
        elif piece.alone:
            piece.answer = self._give_up(piece.items[0])
        else:
            place = self._order.index(piece)
            del self._order[place]
            for offset, item in enumerate(piece.items):
                single: _Piece[Item, Answer] = _Piece([item], alone=True)
                self._order.insert(place + offset, single)
                self._again.append(single)
