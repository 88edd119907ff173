"""Group codes: their scalar products are exactly "same or not"."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attrieve.errors import InputError
from attrieve.losses.group_codes import GroupCodes, Grouping, encode_groups
from attrieve.schema.attributes import Attribute, AttributeSchema, Group, GroupKind
from reference.losses import differs

SCHEMA = AttributeSchema(
    "six",
    tuple(Attribute(name, name) for name in "abcdef"),
    (
        Group("first", GroupKind.EXCLUSIVE, ("a", "d")),
        Group("second", GroupKind.MULTI, ("b", "c", "f")),
        Group("third", GroupKind.BINARY, ("e",)),
    ),
)
GROUPINGS: dict[Grouping, tuple[tuple[int, ...], ...]] = {
    "group": ((0, 3), (1, 2, 5), (4,)),
    "attribute": tuple((i,) for i in range(6)),
}


def differences(codes: GroupCodes, group: int) -> Tensor:
    """differ_g of every pair, from the codes."""
    mine = codes.group == group
    columns = codes.columns[:, mine]
    return codes.constant[group] - (columns * codes.factor[mine]) @ columns.T


@pytest.mark.parametrize("grouping", list(GROUPINGS))
@settings(max_examples=80, deadline=None)
@given(
    table=st.lists(st.lists(st.sampled_from([0, 1, -1]), min_size=6, max_size=6), min_size=1, max_size=9),
    known=st.booleans(),
)
def test_differ_exactly_where_values_do(grouping: Grouping, table: list[list[int]], known: bool) -> None:
    """Every pair, every group, with and without unknown values: 1 if they differ, else 0."""
    if known:
        table = [[max(value, 0) for value in row] for row in table]
    codes = encode_groups(torch.tensor(table, dtype=torch.int8), SCHEMA, grouping=grouping)
    assert codes.group_count == len(GROUPINGS[grouping])
    assert len(codes) == len(table)
    for group, members in enumerate(GROUPINGS[grouping]):
        found = differences(codes, group)
        for i, j in itertools.product(range(len(table)), repeat=2):
            expected = differs([table[i][k] for k in members], [table[j][k] for k in members])
            assert found[i, j].item() == pytest.approx(float(expected), abs=1e-6)


def test_two_states_take_one_column() -> None:
    """Single bits cost one column each: the width of the matrix product is the number of attributes."""
    table = torch.tensor(list(itertools.product([0, 1], repeat=6)), dtype=torch.int8)
    assert encode_groups(table, SCHEMA, grouping="attribute").columns.shape == (64, 6)
    assert encode_groups(table, SCHEMA).columns.shape == (64, 4 + 8 + 1)


def test_another_width_is_refused() -> None:
    """Values of another vocabulary are refused."""
    with pytest.raises(InputError, match="expected 6 values"):
        encode_groups(torch.zeros(2, 5, dtype=torch.int8), SCHEMA)


def test_device_move_keeps_the_codes() -> None:
    """Moving to a device gives the same codes."""
    codes = encode_groups(torch.eye(6).to(torch.int8), SCHEMA)
    moved = codes.to("cpu")
    assert torch.equal(moved.columns, codes.columns)
    assert torch.equal(moved.constant, codes.constant)
