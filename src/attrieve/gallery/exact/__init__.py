"""Exact fused search: compact columns scanned with rigorous bounds, the few rows that matter rescored."""

from attrieve.gallery.exact.columns import CompactColumns
from attrieve.gallery.exact.query import FusedQuery
from attrieve.gallery.exact.search import ExactHits, search_exact

__all__ = ["CompactColumns", "ExactHits", "FusedQuery", "search_exact"]
