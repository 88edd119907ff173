"""Exact fused search: compact columns scanned with rigorous bounds, the few rows that matter rescored."""

from attrieve.gallery.exact.columns import CompactColumns
from attrieve.gallery.exact.query import FusedQuery
from attrieve.gallery.exact.search import (
    ExactHits,
    StartedSearch,
    search_each,
    search_exact,
    start_search,
)

__all__ = [
    "CompactColumns",
    "ExactHits",
    "FusedQuery",
    "StartedSearch",
    "search_each",
    "search_exact",
    "start_search",
]
