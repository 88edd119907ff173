"""Moments over all category pairs, in row blocks: the costly part of the semantic margin.

For categories with unit embeddings e_i and codes y_i, and weights v per code column::

    a_ij = e_i . e_j        t_ij = sigmoid( sum_c v_c y_ic y_jc )

this gives the mean of t and the mean of t^2 - 2 a t over the pairs i != j. Values and gradients come
out of one pass over row blocks, so that memory is O(block x category) forward and backward. The
moments of a alone need no pairs at all and are not computed here.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class PairMoments:
    """What :func:`pair_moments` gives.

    Args:
        row_target: mean of t over the partners of each sampled row, shape (row,); a single number,
            the mean over all pairs, if every row was taken.
        cross: scalar, mean of t^2 - 2 a t over the pairs of the rows.
    """

    row_target: Float[Tensor, " row"]
    cross: Float[Tensor, ""]


def pair_moments(
    unit: Float[Tensor, "category dim"],
    codes: Float[Tensor, "category column"],
    column_weight: Float[Tensor, " column"],
    rows: Int64[Tensor, " row"] | None,
    block_rows: int,
) -> PairMoments:
    """Return the moments over all pairs, or over the pairs of some rows with everyone.

    Differentiable once, in ``unit`` and ``column_weight``.

    Args:
        unit: unit embeddings.
        codes: constant.
        column_weight: may be of any sign.
        rows: distinct rows to take; None takes all, by the upper half of the symmetric matrix.
        block_rows: rows held at a time.
    """
    recording = torch.is_grad_enabled()
    row_target, cross = _PairMoments.apply(  # type: ignore[no-untyped-call]
        unit,
        codes,
        column_weight,
        rows,
        block_rows,
        recording and unit.requires_grad,
        recording and column_weight.requires_grad,
    )
    return PairMoments(row_target, cross)


class _PairMoments(torch.autograd.Function):
    """Compute the Jacobians along with the values: they are small, the pairs are not."""

    @staticmethod
    def forward(
        ctx: Any,
        unit: Tensor,
        codes: Tensor,
        column_weight: Tensor,
        rows: Tensor | None,
        block_rows: int,
        by_unit: bool,
        by_weight: bool,
    ) -> tuple[Tensor, Tensor]:
        sweep = _Sweep(unit, codes, column_weight, block_rows, by_weight)
        if rows is None:
            sweep.all_pairs()
        else:
            sweep.pairs_of(rows)
        ctx.by_unit, ctx.by_weight = by_unit, by_weight
        ctx.save_for_backward(sweep.cross_by_unit, sweep.row_target_by_weight, sweep.cross_by_weight)
        return sweep.row_target, sweep.cross

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: Any, row_target_gradient: Tensor, cross_gradient: Tensor
    ) -> tuple[Tensor | None, None, Tensor | None, None, None, None, None]:
        cross_by_unit, row_target_by_weight, cross_by_weight = ctx.saved_tensors
        by_unit = cross_gradient * cross_by_unit if ctx.by_unit else None
        by_weight = None
        if ctx.by_weight:
            by_weight = row_target_gradient @ row_target_by_weight + cross_gradient * cross_by_weight
        return by_unit, None, by_weight, None, None, None, None


class _Sweep:
    """One pass over the row blocks, with three buffers of a block each."""

    def __init__(
        self, unit: Tensor, codes: Tensor, column_weight: Tensor, block_rows: int, by_weight: bool
    ) -> None:
        self.unit, self.codes, self.by_weight = unit, codes, by_weight
        self.weighted_codes = codes * column_weight
        self.block_rows = min(block_rows, len(unit))
        self.buffers = [unit.new_empty(self.block_rows * len(unit)) for _ in range(3 if by_weight else 1)]
        self.products = torch.zeros_like(unit)  # sum_j t_ij e_j
        self.squares = unit.new_zeros(())  # sum of t^2
        self.cross_by_weight = unit.new_zeros(codes.shape[1])

    def all_pairs(self) -> None:
        """Take every pair once: the blocks from the diagonal to the right, the rest by symmetry."""
        count = len(self.unit)
        target_sum = self.unit.new_zeros(())
        target_by_weight = torch.zeros_like(self.cross_by_weight)
        for start in range(0, count, self.block_rows):
            stop = min(start + self.block_rows, count)
            here, right = slice(start, stop), slice(start, count)
            target = self._target(here, right)
            target[:, : stop - start].fill_diagonal_(0)
            beyond = target[:, stop - start :]
            diagonal = target[:, : stop - start]
            target_sum += 2 * target.sum() - diagonal.sum()
            self.squares += 2 * _square_sum(target) - _square_sum(diagonal)
            self.products[here].addmm_(target, self.unit[right])
            self.products[stop:].addmm_(beyond.T, self.unit[here])
            if self.by_weight:
                by_row = self._by_weight(target, here, right, halved=stop - start)
                target_by_weight += 2 * by_row.sum(dim=0)
        self.cross_by_weight *= 2
        pairs = count * (count - 1)
        self._finish(pairs, self.products, 2 * self.products)
        self.row_target = (target_sum / pairs)[None]
        self.row_target_by_weight = (target_by_weight / pairs)[None]

    def pairs_of(self, rows: Tensor) -> None:
        """Take the pairs of some rows with everyone."""
        count = len(self.unit)
        everyone = slice(0, count)
        own, others = torch.zeros_like(self.products), self.products
        sums, sums_by_weight = [], []
        for here in torch.split(rows, self.block_rows):
            target = self._target(here, everyone)
            target.scatter_(1, here[:, None], 0)
            sums.append(target.sum(dim=1))
            self.squares += _square_sum(target)
            own[here] = target @ self.unit
            others.addmm_(target.T, self.unit[here])
            if self.by_weight:
                sums_by_weight.append(self._by_weight(target, here, everyone))
        self._finish(len(rows) * (count - 1), own, own + others)
        self.row_target = torch.cat(sums) / (count - 1)
        empty = self.unit.new_zeros(0, self.codes.shape[1])
        self.row_target_by_weight = torch.cat([empty, *sums_by_weight]) / (count - 1)

    def _finish(self, pairs: int, own: Tensor, both: Tensor) -> None:
        self.cross = (self.squares - 2 * (self.unit * own).sum()) / pairs
        self.cross_by_unit = both * (-2 / pairs)
        self.cross_by_weight /= pairs

    def _target(self, here: slice | Tensor, there: slice) -> Tensor:
        rows, columns = self.weighted_codes[here], self.codes[there]
        return torch.mm(rows, columns.T, out=self._buffer(0, rows, columns)).sigmoid_()

    def _by_weight(self, target: Tensor, here: slice | Tensor, there: slice, *, halved: int = 0) -> Tensor:
        """Add to the gradient of the cross moment; return that of each row's sum of targets.

        The first ``halved`` columns count half: the diagonal block, which holds its pairs twice.
        """
        rows, columns = self.unit[here], self.unit[there]
        # d(t^2 - 2at)/dx = 2 (t - a) t (1 - t), with x the argument of the sigmoid
        slope = torch.addcmul(target, target, target, value=-1, out=self._buffer(1, rows, columns))
        slope[:, :halved] /= 2
        residual = torch.mm(rows, columns.T, out=self._buffer(2, rows, columns))
        residual.sub_(target).mul_(slope)
        # few columns by many rows runs faster than the transpose
        own, partners = self.codes[here].T, self.codes[there].T
        self.cross_by_weight -= 2 * (own * (partners @ residual.T)).sum(dim=1)
        return (own * (partners @ slope.T)).T

    def _buffer(self, index: int, rows: Tensor, columns: Tensor) -> Tensor:
        shape = (len(rows), len(columns))
        return self.buffers[index][: shape[0] * shape[1]].view(shape)


def _square_sum(values: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(values, dim=1)  # by row: less rounding than at once
    return lengths.square().sum()
