"""Which keys a gallery holds: a growing set of 64-bit numbers at eight bytes each."""

import numpy as np
from jaxtyping import Bool, UInt64


class KnownKeys:
    """A set of keys as numbers; threads may ask while another one adds.

    A Python set would take some hundred bytes a key, a gigabyte for ten million rows. Sorted parts, of which
    each is more than twice as long as the next, are searched in a few microseconds and cheap to add to.

    >>> known = KnownKeys(np.array([5, 3], np.uint64))
    >>> known.add(np.array([9], np.uint64))
    >>> 9 in known, known.contains(np.array([3, 4], np.uint64)).tolist()
    (True, [True, False])
    """

    def __init__(self, keys: UInt64[np.ndarray, " row"]) -> None:
        self._parts: tuple[UInt64[np.ndarray, " part"], ...] = (np.unique(keys),)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __contains__(self, number: int) -> bool:
        return bool(self.contains(np.array([number], np.uint64))[0])

    def contains(self, numbers: UInt64[np.ndarray, " some"]) -> Bool[np.ndarray, " some"]:
        """Return for each number whether it is there."""
        found = np.zeros(len(numbers), dtype=bool)
        for part in self._parts:
            if len(part):
                place = np.minimum(np.searchsorted(part, numbers), len(part) - 1)
                found |= part[place] == numbers
        return found

    def numbers(self) -> UInt64[np.ndarray, " row"]:
        """Return all of them, ascending."""
        return np.sort(np.concatenate(self._parts))

    def add(self, numbers: UInt64[np.ndarray, " some"]) -> None:
        """Put numbers in; those that are there already stay."""
        new = np.unique(numbers)
        new = new[~self.contains(new)]
        if not len(new):
            return
        parts = list(self._parts)
        while parts and len(parts[-1]) <= 2 * len(new):
            new = np.sort(np.concatenate([parts.pop(), new]))
        self._parts = (*parts, new)  # one assignment, so that nobody sees half of it
