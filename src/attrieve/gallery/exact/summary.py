"""What a look at compact columns leaves: a summary of every block, or the distances of chosen ones."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy import ndarray

from attrieve.gallery.exact.compiling import NO_ROW
from attrieve.gallery.exact.parts import Part
from attrieve.gallery.exact.quantise import BLOCK_ROWS


@dataclass(frozen=True, eq=False)
class Summary:
    """What a scan for one query leaves: a few approximate numbers for each block.

    Attribute distances are in the query's unit (see :mod:`~attrieve.gallery.exact.bounds`). Where embeddings
    were looked at along a few directions alone, what rows have outside these counts in full against them.

    Args:
        mix: factors of both distances, roughly those of the fused distance.
        most_attribute, most_embedding: the largest distances in the block.
        least_mix: smallest ``mix[0] * attribute + mix[1] * embedding``.
        least_attribute: smallest attribute distance, where ``square_error`` is not 0.
        square_error: what the square of an attribute distance may be off beside the errors of the codes.
    """

    mix: tuple[np.float32, np.float32]
    most_attribute: Float32[ndarray, " block"]
    most_embedding: Float32[ndarray, " block"]
    least_mix: Float32[ndarray, " block"]
    least_attribute: Float32[ndarray, " block"] | None = None
    square_error: float = 0.0


class SummaryErrors(NamedTuple):
    """How far the numbers of a summary can be from the truth, for each block.

    Args:
        attribute: of attribute distances.
        embedding: of embedding distances, beside what lies outside the directions looked at.
        outside: by how much more ``most_embedding`` can be too large, and the embedding distance in
            ``least_mix`` too small.
    """

    attribute: Float64[ndarray, " block"]
    embedding: Float64[ndarray, " block"]
    outside: Float64[ndarray, " block"]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Approximate distances of some blocks."""

    part: Part
    blocks: Int64[ndarray, " block"]
    attribute: Float32[ndarray, "block 64"]
    embedding: Float32[ndarray, "block 64"]

    @property
    def filled(self) -> Bool[ndarray, "block 64"]:
        """Where there is a row; the last block may have fewer than 64."""
        return self.attribute < NO_ROW

    def some(self, chosen: slice | Int64[ndarray, " chosen"]) -> "Blocks":
        """Return these blocks alone; of a slice the numbers are shared, not copied."""
        return Blocks(self.part, self.blocks[chosen], self.attribute[chosen], self.embedding[chosen])

    def rows(self, chosen: ndarray) -> Int64[ndarray, " found"]:
        """Return positions among all rows, from a mask over block and place."""
        block, place = np.nonzero(chosen)
        return self.part.global_rows(self.blocks[block] * BLOCK_ROWS + place)
