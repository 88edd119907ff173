"""Attribute groups coded so that the weighted Hamming distance of all pairs is a matrix product."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int8, Int64
from torch import Tensor

from attrieve.errors import ConfigurationError, InputError
from attrieve.schema.attributes import AttributeSchema

Grouping = Literal["group", "attribute"]
"""Whether each schema group is one term of the distance, or each attribute is."""


@dataclass(frozen=True)
class GroupCodes:
    """Codes z of categories, of which differences between categories are scalar products.

    Categories i and j differ in group g (1) or not (0)::

        differ_g(i, j) = constant_g - sum over columns c of g: factor_c * z_ic * z_jc

    A group with two states takes one column of +-1 (factor 1/2), one with more a one-hot column per
    state (factor 1). Where values are unknown a further column with a negative factor switches the
    group off. Codes of two calls do not mix: states are numbered per call.

    Args:
        columns: z, shape (category, column), float32.
        group: the group of each column, shape (column,).
        factor: of each column, shape (column,).
        constant: shape (group,).
    """

    columns: Float[Tensor, "category column"]
    group: Int64[Tensor, " column"]
    factor: Float[Tensor, " column"]
    constant: Float[Tensor, " group"]

    def __len__(self) -> int:
        return int(self.columns.shape[0])

    @property
    def group_count(self) -> int:
        """Number of groups K."""
        return int(self.constant.shape[0])

    def to(self, device: torch.device | str) -> "GroupCodes":
        """Return the same codes on another device."""
        moved = (self.columns, self.group, self.factor, self.constant)
        return GroupCodes(*(tensor.to(device) for tensor in moved))


def encode_groups(
    values: Int8[Tensor, "category attribute"],
    schema: AttributeSchema,
    *,
    grouping: Grouping = "group",
) -> GroupCodes:
    """Code the groups of categories for :class:`~attrieve.losses.semantic_margin.SemanticMarginRegulariser`.

    Two categories differ in a group if and only if their values in it differ: every value pattern
    is a state of its own, "none" and "several at once" included. A group in which either category
    has an unknown value counts as not differing.

    Args:
        values: 1 yes, 0 no, -1 unknown.
        schema: whose attributes the columns are.
        grouping: ``group`` for the schema's groups, ``attribute`` for single bits.

    Raises:
        InputError: if the columns are not as many as the attributes.
        ConfigurationError: for an unknown grouping.

    >>> from attrieve.schema.attributes import load_vocabulary
    >>> schema = load_vocabulary("peta35")
    >>> values = torch.zeros(2, 35, dtype=torch.int8)
    >>> [encode_groups(values, schema, grouping=by).group_count for by in ("group", "attribute")]
    [12, 35]
    """
    if grouping not in get_args(Grouping):
        raise ConfigurationError(f"grouping must be one of {get_args(Grouping)}, got {grouping!r}")
    if values.shape[1] != len(schema):
        raise InputError(
            f"expected {len(schema)} values per category for {schema.name!r}, got {values.shape[1]}"
        )
    members = schema.group_indices if grouping == "group" else tuple((i,) for i in range(len(schema)))
    coded = [_encode_group(values[:, list(indices)]) for indices in members]
    counts = torch.tensor([len(factor) for _, factor, _ in coded])
    return GroupCodes(
        columns=torch.cat([columns for columns, _, _ in coded], dim=1),
        group=torch.repeat_interleave(torch.arange(len(coded)), counts).to(values.device),
        factor=torch.cat([factor for _, factor, _ in coded]),
        constant=torch.tensor([constant for _, _, constant in coded], device=values.device),
    )


def _encode_group(
    values: Int8[Tensor, "category member"],
) -> tuple[Float[Tensor, "category column"], Float[Tensor, " column"], float]:
    """Return the columns, their factors and the constant of one group."""
    known = (values >= 0).all(dim=1)
    states = torch.unique(values[known], dim=0, return_inverse=True)
    columns, factor = _state_columns(states[1], len(states[0]), known)
    if columns.shape[1] == 0:  # all known values agree: nobody differs
        return columns, factor, 0.0
    constant = float(factor[0])
    if bool(known.all()):
        return columns, factor, constant
    # the constant becomes factor * known_i * known_j, a column of its own
    return torch.cat([columns, known.float()[:, None]], dim=1), torch.cat([factor, -factor[:1]]), 0.0


def _state_columns(
    state: Int64[Tensor, " known"], count: int, known: Bool[Tensor, " category"]
) -> tuple[Float[Tensor, "category column"], Float[Tensor, " column"]]:
    """Return columns, zero where unknown, and their factors, which are all alike."""
    if count < 2:
        rows, value = torch.zeros(len(state), 0, device=state.device), 0.0
    elif count == 2:
        rows, value = (2.0 * state - 1)[:, None], 0.5
    else:
        rows, value = torch.nn.functional.one_hot(state, count).float(), 1.0
    columns = torch.zeros(len(known), rows.shape[1], device=state.device)
    columns[known] = rows
    return columns, torch.full((rows.shape[1],), value, device=state.device)
