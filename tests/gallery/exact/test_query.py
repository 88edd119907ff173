"""Descriptions as numbers: what is refused, and that vectors come to length 1."""

import numpy as np
import pytest

from attrieve.errors import InputError
from attrieve.gallery.exact import FusedQuery


def test_the_embedding_is_brought_to_length_1() -> None:
    """Also where squares would overflow or vanish."""
    for length in (1e-200, 1.0, 1e200):
        query = FusedQuery(embedding=np.array([3.0, -4.0]) * length)
        np.testing.assert_allclose(query.embedding, [0.6, -0.8])


def test_what_cannot_be_asked_is_refused() -> None:
    """Each with what was expected and what came."""
    for arguments, told in (
        ({"target": np.array([1.5])}, "targets lie in"),
        ({"target": np.array([np.nan])}, "targets lie in"),
        ({"target": np.ones(1), "certainty": np.array([-1.0])}, "certainties are"),
        ({"target": np.ones(1), "certainty": np.array([np.nan])}, "certainties are"),
        ({"target": np.ones(1), "certainty": np.array([np.inf])}, "certainties are"),
        ({"target": np.ones(2), "certainty": np.ones(1)}, "1 certainties"),
        ({"target": np.ones(2), "terms": ((0,),)}, "1 terms"),
        ({"target": np.ones(1), "terms": ((),)}, "at least one attribute"),
        ({"target": np.ones(1), "terms": ((-1,),)}, "at least one attribute"),
        ({"certainty": np.ones(1)}, "need targets"),
        ({"embedding": np.zeros(3)}, "not all 0"),
        ({"embedding": np.array([np.nan, 1])}, "finite"),
    ):
        with pytest.raises(InputError, match=told):
            FusedQuery(**arguments)
