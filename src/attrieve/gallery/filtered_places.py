"""Places of the rows that meet a filter, kept for those who search by it again.

Whoever pages through hits, refines a description or compares two, searches by the same filter each time. To
find a seventh of a million rows takes as long as to search them.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from jaxtyping import Int64

from attrieve.gallery.database.filters import Filter

Places = Int64[np.ndarray, " kept"]

LARGEST_BYTES = 1 << 25
"""All places kept together; a filter that keeps more rows than fit is evaluated each time."""


class FilteredPlaces:
    """Remembers what filters keep of one snapshot, those asked for last; several threads may ask.

    Args:
        find: evaluates a filter.
        largest_bytes: of all places kept together.
    """

    def __init__(self, find: Callable[[Filter], Places], largest_bytes: int = LARGEST_BYTES) -> None:
        self._find = find
        self._largest = largest_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Filter, Places] = OrderedDict()

    def of(self, wanted: Filter) -> Places:
        """Return the places, which cannot be written to.

        Raises:
            AttrieveError: what ``find`` raises; nothing is remembered then.
        """
        with self._lock:
            if wanted in self._kept:
                self._kept.move_to_end(wanted)
                return self._kept[wanted]
        found = self._find(wanted)
        found.flags.writeable = False
        if found.nbytes > self._largest:
            return found
        with self._lock:
            self._kept[wanted] = found
            self._kept.move_to_end(wanted)
            while sum(places.nbytes for places in self._kept.values()) > self._largest:
                self._kept.popitem(last=False)
        return found
