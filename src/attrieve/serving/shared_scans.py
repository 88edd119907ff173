"""Work that keeps every core busy, some of it at a time; searches that wait meanwhile share one pass."""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

Asked = TypeVar("Asked")
Found = TypeVar("Found")


@dataclass(eq=False)
class _Ticket:
    """One caller's work.

    Args:
        key: callers with equal keys may be answered together.
        asked: what this caller wants.
        answer: answers several callers of the key.
    """

    key: Hashable
    asked: Any
    answer: Callable[[Sequence[Any]], Sequence[Any]]
    done: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    found: Any = None
    error: BaseException | None = None


class SharedScans:
    """Lets so many scans run side by side; who comes meanwhile waits and is answered together with others.

    The first who waits answers all that wait with the same key. So a caller alone is never kept waiting for
    company, and the busier the process is, the more share a pass.

    Args:
        at_once: how many scans run side by side, at least 1.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: list[_Ticket] = []

    def ask(self, key: Hashable, asked: Asked, answer: Callable[[Sequence[Asked]], Sequence[Found]]) -> Found:
        """Return the answer to what is asked, which may come from a call for several.

        Args:
            key: what callers must have in common to be answered together.
            asked: what this caller wants.
            answer: returns answers to several, in their order. If it fails for several, it is called for
                each by itself, so that nobody gets another's error.
        """
        ticket = _Ticket(key, asked, answer)
        with self._lock:
            self._waiting.append(ticket)
            ticket.leads = self._running < self._at_once
            self._running += ticket.leads
        if not ticket.leads:
            ticket.done.wait()
        if ticket.leads:
            try:
                self._lead(ticket)
            finally:
                self._hand_over()
        if ticket.error is not None:
            raise ticket.error
        return cast(Found, ticket.found)

    def alone(self, work: Callable[[], Found]) -> Found:
        """Do something that keeps cores busy and is shared with nobody."""
        return self.ask(object(), None, lambda _: [work()])

    def _lead(self, own: _Ticket) -> None:
        with self._lock:
            # Another who was told to lead does so, and would find nothing left if he were answered here.
            together = [one for one in self._waiting if one is own or (one.key == own.key and not one.leads)]
            self._waiting = [one for one in self._waiting if one not in together]
        try:
            _answer(together)
        finally:
            for one in together:
                one.done.set()

    def _hand_over(self) -> None:
        with self._lock:
            following = next((one for one in self._waiting if not one.leads), None)
            if following is None:
                self._running -= 1
            else:
                following.leads = True
                following.done.set()


def _answer(together: Sequence[_Ticket]) -> None:
    try:
        found = together[0].answer([one.asked for one in together])
        for one, own in zip(together, found, strict=True):
            one.found = own
    except BaseException as error:
        if len(together) == 1:
            together[0].error = error
            return
        for one in together:
            _answer([one])
