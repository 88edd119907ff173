"""Memory: what was freed is given back, and what stays for good is not searched for garbage again and again.

What glibc's allocator is told when the service starts:

Every search makes arrays of many sizes in one of many threads and frees them a moment later. Left to itself,
glibc keeps up to eight heaps a core for them (arenas), and takes ever larger arrays from these heaps once one
of their size was freed (the threshold for mapping moves up to 32 MB); what is free within a heap stays with
the process while anything above it is in use. So a service seems to grow for as long as new threads meet new
sizes. mallopt(3) tells what is set here.
"""

import ctypes
import gc
import platform

ARENAS = 2
"""Heaps at most: with a single one threads wait for each other, each further one holds free memory."""

MAP_FROM_BYTES = 256 << 10
"""Arrays from this size have pages of their own, which go back when they are freed."""

TRIM_FROM_BYTES = 1 << 20
"""So much free memory at the end of the main heap goes back."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # from glibc's malloc.h


def give_memory_back() -> bool:
    """Set how the allocator of this process holds free memory, if it is glibc's.

    Heaps that are there already stay, so this belongs before the threads that search.

    Returns:
        Whether the C library is glibc and took it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    wanted = (
        (_M_ARENA_MAX, ARENAS),
        (_M_MMAP_THRESHOLD, MAP_FROM_BYTES),
        (_M_TRIM_THRESHOLD, TRIM_FROM_BYTES),
    )
    taken = [mallopt(name, value) == 1 for name, value in wanted]  # the others, though one be refused
    return all(taken)


def leave_out_of_collections() -> None:
    """Have Python's garbage collector pass over all there is now: modules, routes, what a service is made of.

    A whole collection looks at every object, six hundred thousand of them, and all threads wait for it: 0.4 s
    every few thousand searches. Belongs behind what is made once, before the first request.
    """
    gc.collect()
    gc.freeze()
