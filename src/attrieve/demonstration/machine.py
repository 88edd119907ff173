"""How much memory a demonstration took."""

import sys


def peak_memory_gib() -> float | None:
    """Return the most memory this process held at once, in GiB; None where it cannot be asked."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (2**30 if sys.platform == "darwin" else 2**20)
