"""Time and peak memory of a step, and the facts about the machine that belong beside them."""

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from attrieve.provenance import code_commit, machine_facts

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Measurement:
    """Single runs: seconds on the clock (median, best), seconds of CPU (median), and peak memory in MiB.

    CPU seconds count all threads; where other work shares the machine they say more than the clock.
    Memory is counted above the floor.
    """

    median_s: float
    best_s: float
    cpu_s: float
    runs: int
    peak_mib: float


def measure(
    step: Callable[[], object], floor_mib: float, *, least_runs: int = 4, least_s: float = 2.0
) -> Measurement:
    """Run ``step`` once to warm up, then until both limits are met."""
    step()
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    while len(seconds) < least_runs or sum(seconds) < least_s:
        start, cpu_start = time.perf_counter(), time.process_time()
        step()
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    return Measurement(
        median(seconds), min(seconds), median(cpu_seconds), len(seconds), peak_mib() - floor_mib
    )


def memory_floor_mib() -> float:
    """Forget the peak so far and return the memory in use now; Linux only."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", "utf-8")
    return _status_mib("VmRSS")


def peak_mib() -> float:
    """Return the peak memory since :func:`memory_floor_mib`."""
    return _status_mib("VmHWM")


def _status_mib(field: str) -> float:
    for line in _STATUS.read_text("utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"{_STATUS} has no {field}; memory is measured on Linux only")


def machine() -> dict[str, object]:
    """Return the machine's facts, how busy it is, and the commit of the code."""
    return {
        **machine_facts(),
        "load_average": round(os.getloadavg()[0], 1),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "commit": code_commit(),
    }
