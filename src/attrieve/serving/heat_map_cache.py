"""Heat maps of the rows looked at last."""

import threading
from collections import OrderedDict

import numpy as np
from jaxtyping import Float32

ROWS_KEPT = 64
"""Rows whose maps stay in memory: a page shows one row's maps one by one."""


class HeatMapCache:
    """Maps of the rows looked at last, all attributes of a row together."""

    def __init__(self) -> None:
        self._maps: OrderedDict[tuple[str, str], Float32[np.ndarray, "attribute row column"]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str]) -> Float32[np.ndarray, "attribute row column"] | None:
        """Return the maps of a row under a model, if they are kept."""
        with self._lock:
            found = self._maps.get(key)
            if found is not None:
                self._maps.move_to_end(key)
            return found

    def put(self, key: tuple[str, str], maps: Float32[np.ndarray, "attribute row column"]) -> None:
        """Keep the maps of a row."""
        with self._lock:
            self._maps[key] = maps
            while len(self._maps) > ROWS_KEPT:
                self._maps.popitem(last=False)

    def forget(self, keys: set[str]) -> None:
        """Let go of rows that were erased."""
        with self._lock:
            for held in [held for held in self._maps if held[1] in keys]:
                del self._maps[held]
