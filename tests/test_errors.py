"""Errors say what was meant, also when they come from another process."""

import pickle

from attrieve.errors import UnknownNameError


def test_an_unknown_name_suggests_the_nearest_and_travels() -> None:
    error = UnknownNameError("attribute", "hatt", ["boots", "hat"], where="at character 3")
    assert str(error) == "unknown attribute 'hatt' at character 3; did you mean 'hat'?"
    assert error.nearest[0] == "hat"
    travelled = pickle.loads(pickle.dumps(error))
    assert (str(travelled), travelled.nearest, travelled.known) == (str(error), error.nearest, error.known)


def test_where_nothing_is_near_the_known_names_are_listed() -> None:
    known = [f"name{number}" for number in range(20)]
    assert str(UnknownNameError("column", "xyz", known)).endswith("known: " + ", ".join(known[:12]) + ", ...")
