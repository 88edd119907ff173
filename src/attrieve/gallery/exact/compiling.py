"""How loops over compact columns are compiled, and numbers they share.

They are serial and hold no interpreter lock: threads call them on parts.
"""

from attrieve.data.compiled_functions import can_be_kept

BLOCK = 64
LANES = 16
CACHE_LINE = 64

STRETCH = 1024
"""Rows computed at a time, so that calls do not count."""

NO_ROW = 2.0**100
"""Stands where a block has no more rows: more than any distance, and harmless when multiplied by 0."""

ALLOCATING = {"nogil": True, "cache": can_be_kept()}
"""For loops that make arrays of their own."""

IN_PLACE = {**ALLOCATING, "_nrt": False}
"""For all others: counting references to arrays would cost more than the arithmetic does."""

FAST = {"reassoc", "contract", "nsz"}
"""What floats may be spared; NaN and infinity keep their meaning, there are none."""
