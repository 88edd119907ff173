"""A first look along few directions, in galleries so small that nobody would take one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from attrieve.gallery.exact import CompactColumns
from attrieve.gallery.exact import coarse as coarse_module
from attrieve.gallery.exact import maxima as maxima_module
from attrieve.gallery.exact import nearest as nearest_module


@contextmanager
def directions_first() -> Iterator[None]:
    """Let every segment that is made have coarse codes, of a quarter or all of its entries."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(coarse_module, "LEAST_COARSE_ROWS", 0)
        patched.setattr(coarse_module, "SHARES", ((0.25, 0.0), (1.0, 0.0)))
        patched.setattr(coarse_module, "LANES", 1)
        patched.setattr(nearest_module, "LEAST_PROMISING", 1)
        patched.setattr(maxima_module, "FARTHEST", 1)
        yield


def with_directions(columns: CompactColumns) -> CompactColumns:
    """Return the same columns with coarse codes, where they have an embedding."""
    return CompactColumns(
        tuple(
            segment
            if segment.exact_embedding is None
            else replace(segment, coarse=coarse_module.coarse_codes(segment.exact_embedding))
            for segment in columns.segments
        )
    )
