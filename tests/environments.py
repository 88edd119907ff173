"""What processes that tests start find in their environment."""

import os
from pathlib import Path

TESTS = Path(__file__).parent


def environment_with_tests(**more: str) -> dict[str, str]:
    """Return this process's environment, with the tests' modules at hand.

    They stand before what ``PYTHONPATH`` names already and do not replace it, or the process would run the
    installed program in the place of the one that is tested.
    """
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}
