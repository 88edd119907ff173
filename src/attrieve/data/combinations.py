"""Additional attribute combinations: plausible descriptions that nobody in training answers."""

import logging
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from attrieve.errors import ConfigurationError, InputError
from attrieve.schema.attributes import AttributeSchema

Values = npt.NDArray[np.int8]
CombinationMethod = Literal["crossover_edits", "crossover", "edits", "marginal"]
"""How new vectors are made; see :class:`CombinationGenerator`."""

_MOST_ROUNDS = 24
_MOST_EDITS = 2

_log = logging.getLogger(__name__)


class CombinationGenerator:
    """Makes attribute vectors that could be persons but are none of the training categories.

    The paper asks for "additional reasonable attribute combinations" without saying how; this is
    ours. A group of the schema is replaced as a whole, always by a pattern that training persons
    show in it, so the inside of a group stays as annotated. Methods:

    - ``crossover``: some groups of one training vector, the rest of another.
    - ``edits``: a training vector with one or two groups replaced.
    - ``crossover_edits``: both, one after the other.
    - ``marginal``: each group on its own, as often as training shows its patterns (the idea of
      SAL's prior sampling; without its fixed number of positives).

    Whatever the method, a vector is refused if two of its "yes" attributes never occur together in
    training, or if it is a training vector. Only training values come in, so test labels cannot
    leak. Training vectors with unknown values count for what occurs together, but are not built on.

    Args:
        schema: whose attributes the columns are.
        training_values: shape (category, attribute): 1 yes, 0 no, -1 unknown. Repeated rows are
            allowed; they count for ``marginal`` only.
        seed: of all draws.
        method: one of the four above.

    Raises:
        InputError: if the columns are not as many as the attributes, a value is another, or no
            vector is fully known.
        ConfigurationError: for an unknown method.

    >>> from attrieve.schema.attributes import load_vocabulary
    >>> schema = load_vocabulary("peta35")
    >>> training = np.zeros((3, 35), dtype=np.int8)
    >>> training[0, [0, 4]] = training[1, [4, 10]] = training[2, [0, 10]] = 1
    >>> new = CombinationGenerator(schema, training, seed=0).draw(count=1, epoch=0)
    >>> new.shape, new.dtype
    ((1, 35), dtype('int8'))
    """

    def __init__(
        self,
        schema: AttributeSchema,
        training_values: Values,
        seed: int,
        method: CombinationMethod = "crossover_edits",
    ) -> None:
        values = _checked_values(schema, training_values)
        proposals: dict[str, Callable[[np.random.Generator, int], npt.NDArray[np.int64]]] = {
            "crossover_edits": self._crossover_edits,
            "crossover": self._crossover,
            "edits": self._edits,
            "marginal": self._marginal,
        }
        if method not in proposals:
            raise ConfigurationError(f"method must be one of {get_args(CombinationMethod)}, got {method!r}")
        self.seed, self.method = seed, method
        self._propose = proposals[method]
        self._groups = [list(members) for members in schema.group_indices]
        self._never_together = ~_seen_together(values)
        known = values[(values >= 0).all(axis=1)]
        self._patterns, self._rows = _patterns_by_group(known, self._groups)
        self._distinct = np.unique(self._rows, axis=0)
        self._training = set(_keys(known))

    def draw(self, count: int, epoch: int) -> Values:
        """Return ``count`` new vectors, shape (count, attribute), values 0 and 1.

        The same seed, epoch and count give the same vectors. No two are alike. If training leaves
        room for fewer, fewer come back and a warning is logged.

        Args:
            count: 0 or more.
            epoch: 0 or more; another epoch draws anew.

        Raises:
            InputError: for a negative count or epoch.
        """
        if count < 0 or epoch < 0:
            raise InputError(f"count and epoch must be 0 or more, got {count} and {epoch}")
        random = np.random.default_rng([self.seed, epoch])
        taken = set(self._training)
        found: list[Values] = []
        missing = count
        for _ in range(_MOST_ROUNDS):
            if missing <= 0:
                break
            proposed = self._decode(self._propose(random, max(64, 2 * missing)))
            fresh = self._fresh(proposed, taken)[:missing]
            found.append(fresh)
            missing -= len(fresh)
        result = np.concatenate([np.empty((0, self._never_together.shape[0]), np.int8), *found])
        if missing > 0:
            _log.warning(
                "asked for %d additional attribute combinations, found %d by %s: the training values "
                "allow few that are plausible and new",
                count,
                len(result),
                self.method,
            )
        return result

    def _fresh(self, proposed: Values, taken: set[bytes]) -> Values:
        """Return the plausible vectors not in ``taken``, and add them to it."""
        plausible = proposed[~self._holds_unseen_pair(proposed)]
        keep = []
        for row, key in enumerate(_keys(plausible)):
            if key not in taken:
                taken.add(key)
                keep.append(row)
        return plausible[keep]

    def _holds_unseen_pair(self, values: Values) -> npt.NDArray[np.bool_]:
        held = values.astype(np.float32)
        return np.asarray(((held @ self._never_together.astype(np.float32)) * held).any(axis=1))

    def _parents(self, random: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        return self._distinct[random.integers(len(self._distinct), size=count)]

    def _crossover(self, random: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        first, second = self._parents(random, count), self._parents(random, count)
        share = random.uniform(0.2, 0.8, size=(count, 1))
        return np.where(random.random(first.shape) < share, first, second)

    def _edits(self, random: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        return self._edited(random, self._parents(random, count))

    def _crossover_edits(self, random: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        return self._edited(random, self._crossover(random, count))

    def _marginal(self, random: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        chosen = random.integers(len(self._rows), size=(count, self._rows.shape[1]))
        return np.take_along_axis(self._rows, chosen, axis=0)

    def _edited(self, random: np.random.Generator, states: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Move one or two groups of each row to another of their patterns."""
        sizes = np.array([len(patterns) for patterns in self._patterns])
        movable = np.flatnonzero(sizes > 1)
        if movable.size == 0:
            return states
        edited, rows = states.copy(), np.arange(len(states))
        edits = random.integers(1, _MOST_EDITS + 1, size=len(states))
        for turn in range(_MOST_EDITS):
            group = random.choice(movable, size=len(states))
            step = random.integers(1, sizes[group])
            moved = (edited[rows, group] + step) % sizes[group]
            edited[rows, group] = np.where(turn < edits, moved, edited[rows, group])
        return edited

    def _decode(self, states: npt.NDArray[np.int64]) -> Values:
        """Write group states as attribute values."""
        values = np.empty((len(states), self._never_together.shape[0]), dtype=np.int8)
        for group, members in enumerate(self._groups):
            values[:, members] = self._patterns[group][states[:, group]]
        return values


def _checked_values(schema: AttributeSchema, training_values: Values) -> Values:
    values = np.asarray(training_values)
    if values.ndim != 2 or values.shape[1] != len(schema):
        raise InputError(
            f"expected training values of shape (category, {len(schema)}) for {schema.name!r}, "
            f"got {values.shape}"
        )
    if not np.isin(values, (-1, 0, 1)).all():
        raise InputError("training values must be 1 yes, 0 no, -1 unknown")
    if not (values >= 0).all(axis=1).any():
        raise InputError("no training vector is fully known; combinations are built from those that are")
    return values.astype(np.int8)


def _seen_together(values: Values) -> npt.NDArray[np.bool_]:
    """Return whether two attributes are "yes" in one vector, shape (attribute, attribute)."""
    held = (values == 1).astype(np.float32)
    return np.asarray(held.T @ held > 0)


def _patterns_by_group(values: Values, groups: list[list[int]]) -> tuple[list[Values], npt.NDArray[np.int64]]:
    """Return the distinct patterns of each group, and each row as one pattern number per group."""
    patterns, states = [], []
    for members in groups:
        distinct, inverse = np.unique(values[:, members], axis=0, return_inverse=True)
        patterns.append(distinct)
        states.append(inverse.reshape(-1))
    return patterns, np.stack(states, axis=1)


def _keys(values: Values) -> list[bytes]:
    """Return each row of zeros and ones as bytes."""
    packed = np.packbits(values == 1, axis=1)
    return [row.tobytes() for row in packed]
