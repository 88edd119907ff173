"""How many rows are expected to match, worked out once for each description and version of the gallery."""

import threading
from collections import OrderedDict

from attrieve.gallery.likelihood import match_sum
from attrieve.gallery.likelihood.asked import match_query
from attrieve.schema import AttributeQuery
from attrieve.serving.galleries import version_of
from attrieve.serving.ranking import Scope

KEPT = 512
"""Descriptions remembered: paging through hits does not count again."""


class ExpectedMatches:
    """Sums of P(match) over all rows searched; several threads may ask."""

    def __init__(self) -> None:
        self._sums: OrderedDict[tuple[str, str, tuple[str, ...]], float] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, scope: Scope, query: AttributeQuery, where: tuple[str, ...]) -> float | None:
        """Return how many of the rows searched are expected to match; None for a model not calibrated.

        Args:
            scope: where is searched.
            query: what was asked.
            where: the conditions as they were typed.
        """
        gallery = scope.gallery
        compact = gallery.columns.compact
        if gallery.query_side.calibration is None or compact is None or compact.attributes is None:
            return None
        asked = (version_of(gallery), query.to_text(), where)
        with self._lock:
            if asked in self._sums:
                self._sums.move_to_end(asked)
                return self._sums[asked]
        wanted = match_query(query, gallery.query_side)
        if wanted is None:
            return None
        found = scope.scans.alone(lambda: match_sum(compact, wanted, keep=scope.keep, threads=scope.threads))
        with self._lock:
            self._sums[asked] = found
            while len(self._sums) > KEPT:
                self._sums.popitem(last=False)
        return found
