"""A bounded queue between threads that can be closed at its end or abandoned at once."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Channel(Generic[Item]):
    """Hands items from one thread to another, at most ``capacity`` of them waiting.

    A full channel makes the giver wait, an empty one the taker; closing and abandoning wake both, so
    that nobody waits for a thread that has ended.

    >>> channel = Channel[int](2)
    >>> channel.put(1), channel.put(2), channel.close(), channel.put(3)
    (True, True, None, False)
    >>> list(channel)
    [1, 2]
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: Item) -> bool:
        """Hand over an item; wait while the channel is full. False if it is closed and nobody will come."""
        with self._changed:
            while len(self._items) >= self._capacity and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def __iter__(self) -> Iterator[Item]:
        """Take items until the channel is closed and empty."""
        while True:
            with self._changed:
                while not self._items and not self._closed:
                    self._changed.wait()
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def close(self) -> None:
        """Let nothing more in; what waits can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Close, and forget what waits."""
        with self._changed:
            self._items.clear()
            self.close()
