"""How the decoding process gives up what it does not need, for good, before it sees a stranger's byte."""

import os
import sys
from contextlib import suppress

_NOBODY = 65534


def confine(*, memory_bytes: int, cpu_s: int) -> None:
    """Give up files, network, processes, rights and most of the memory.

    No file descriptor can be opened any more: no file, no socket, whatever code runs from here on. What is
    open stays: standard input to read from, standard output to write to. Files cannot grow, no process can
    be started, memory and processor time are limited, a core dump is never written, and who was the
    system's administrator is nobody.

    On Windows, which knows no such limits, only the separate process and its time-out remain.

    Args:
        memory_bytes: of address space, what is in use already included.
        cpu_s: seconds of processor time, after which the system ends the process.
    """
    if sys.platform == "win32":
        return
    import resource

    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: 0,
    }
    for name, most in limits.items():
        _, hard = resource.getrlimit(name)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(name, (wanted, wanted))
        except (ValueError, OSError):
            if name in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
                raise  # without these the process would not be confined
    if os.geteuid() == 0:
        with suppress(OSError):  # a container may know no such user
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
