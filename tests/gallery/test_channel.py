"""A channel keeps order and bounds, and lets nobody wait for ever."""

import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.gallery.channel import Channel


def in_thread(target) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def ended(thread: threading.Thread) -> bool:
    thread.join(5)
    return not thread.is_alive()


@settings(max_examples=25)
@given(st.lists(st.integers(), max_size=50), st.integers(1, 5))
def test_everything_arrives_in_order(items: list[int], capacity: int) -> None:
    """From one thread to another, never more waiting than allowed."""
    channel: Channel[int] = Channel(capacity)
    given_out = 0

    def give() -> None:
        nonlocal given_out
        for item in items:
            channel.put(item)
            given_out += 1
        channel.close()

    giver = in_thread(give)
    taken = []
    for item in channel:
        taken.append(item)
        assert given_out <= len(taken) + capacity
    assert taken == items
    assert ended(giver)


def test_a_full_channel_makes_the_giver_wait() -> None:
    """Until something is taken."""
    channel: Channel[int] = Channel(1)
    channel.put(1)
    giver = in_thread(lambda: channel.put(2))
    time.sleep(0.05)
    assert giver.is_alive()
    assert next(iter(channel)) == 1
    assert ended(giver)


def test_closing_wakes_taker_and_giver() -> None:
    """What waits can still be taken; nothing more comes in."""
    empty: Channel[int] = Channel(1)
    full: Channel[int] = Channel(1)
    full.put(1)
    results: list[object] = []
    taker = in_thread(lambda: results.append(list(empty)))
    giver = in_thread(lambda: results.append(full.put(2)))
    time.sleep(0.02)
    empty.close()
    full.close()
    assert ended(taker)
    assert ended(giver)
    assert sorted(map(str, results)) == ["False", "[]"]
    assert list(full) == [1]


def test_an_abandoned_channel_is_empty() -> None:
    """At once."""
    channel: Channel[int] = Channel(3)
    channel.put(1)
    channel.abandon()
    assert list(channel) == []
    assert not channel.put(2)
