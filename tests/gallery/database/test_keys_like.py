"""Keys that may have been meant by one that is not there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrieve.gallery.database import keys
from attrieve.gallery.database.keys import KeysLike, key_text

numbers = st.lists(
    st.builds(
        lambda head, middle, tail: head << 48 | middle << 16 | tail,
        st.integers(0, 3),
        st.integers(0, 2**32 - 1),
        st.integers(0, 3),
    ),
    unique=True,
    max_size=40,
)


@given(numbers, st.integers(1, 5), st.integers(0, 9), st.integers(0, 9))
def test_the_parts_of_a_gallery_tell_what_the_whole_does(
    held: list[int], parts: int, head: int, tail: int
) -> None:
    """Three are looked at: the smallest of those that share the beginning or the end, else of all."""
    key = key_text(head << 48 | 0xABCDEF << 16 | tail)
    every = np.array(held, dtype=np.uint64)
    alike = sorted(one for one in held if one >> 48 == head or one & 0xFFFF == tail)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_LOOKED_AT", 3)
        together = KeysLike.together(KeysLike.of(key, part) for part in np.array_split(every, parts))
        whole = KeysLike.of(key, every)
    expected = [key_text(one) for one in (alike or sorted(held))[:3]]
    for found in (together, whole):
        assert list(found.alike or found.smallest) == expected
    assert str(together.unknown_row(key)) == str(whole.unknown_row(key))
