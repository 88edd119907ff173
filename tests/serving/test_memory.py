"""Memory that was freed goes back to the machine: measured in processes of their own."""

import platform
import subprocess
import sys

import pytest

from attrieve.serving import memory

BURST = """
import re, sys, threading
import numpy as np
from attrieve.serving.memory import give_memory_back

if sys.argv[1] == "given back":
    assert give_memory_back()

def held_bytes():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024

def work(number, together, end):
    draw = np.random.default_rng(number)
    for _ in range(30):
        arrays = [np.ones(draw.integers(1 << 10, 1 << 19)) for _ in range(8)]
        small = [np.ones(8) for _ in range(100)]
        together.wait()
        del arrays
    end.wait()
    del small

before = held_bytes()
together, end = threading.Barrier(8), threading.Barrier(9)
threads = [threading.Thread(target=work, args=(number, together, end)) for number in range(8)]
for thread in threads:
    thread.start()
while end.n_waiting < 8:
    threading.Event().wait(0.01)
print(held_bytes() - before)
end.wait()
for thread in threads:
    thread.join()
"""
"""Threads make arrays of up to 4 MB and free them; what is held is read while the threads wait."""


def held_after_burst(which: str) -> int:
    ended = subprocess.run(
        [sys.executable, "-c", BURST, which], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


@pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="this C library is not glibc"
)
def test_a_process_holds_less_after_many_threads_freed_many_arrays() -> None:
    """Every array was freed; without it many megabytes stay in heaps of threads."""
    kept, given_back = held_after_burst("kept"), held_after_burst("given back")
    assert given_back < kept / 2, (given_back, kept)


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its allocator has no such settings, or others under the same numbers."""

    def never(name: object) -> None:
        raise AssertionError(f"{name} was loaded")

    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(memory.ctypes, "CDLL", never)
    assert not memory.give_memory_back()


COLLECTION = """
import gc
from attrieve.serving.memory import leave_out_of_collections

class Link:
    pass

def circle():
    one, other = Link(), Link()
    one.other, other.one = other, one
    return one

kept, forgotten = circle(), circle()
del forgotten
leave_out_of_collections()
assert kept.other.one is kept
assert sum(type(found) is Link for found in gc.get_objects()) == 0, "what is there is looked at"
later = circle()
assert sum(type(found) is Link for found in gc.get_objects()) == 2
del later
assert gc.collect() >= 2, "what came later is not collected"
gc.unfreeze()
print(sum(type(found) is Link for found in gc.get_objects()))
"""


def test_collections_pass_over_what_was_there_and_find_what_came_later() -> None:
    """Garbage that was there is gone, not kept for good."""
    ended = subprocess.run(
        [sys.executable, "-c", COLLECTION], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "2"
