"""Simulated witnesses: what they name of a known person, where they err, how sure they say they are.

A witness is drawn in three steps, each from a generator handed in: the same seed gives the same words.

1. :func:`speaking_order`: in which order the attributes come to mind; a description of n attributes names the
   first n, so a longer one holds the shorter.
2. :func:`errors` or :func:`doubtful_errors`: how probable it is that each answer is wrong. In the first every
   answer errs alike, in the second some are firm and some are guesses.
3. :func:`speak`: which answers are wrong, and what certainty is stated.

Errors flip single attributes, independently of each other: a witness may thus name two ages, or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, Float, Float32, Int8, Int64
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.schema.witnesses import LEAST_CERTAIN, MOST_CERTAIN

LEAST_SURPRISE = 0.02
"""Nats; what nearly everybody has is still named now and then."""

FIRMNESS = 2.0
"""Of doubtful witnesses: the two numbers of the Beta distribution of errors add up to this. Small: answers
are either firm or guesses."""


class Choice(StrEnum):
    """Which attributes a witness names."""

    UNIFORM = "uniform"
    """Any, with equal probability."""
    REMARKABLE = "remarkable"
    """What is unusual comes first: in proportion to the surprise of its value in training, ``-log P``."""


@dataclass(frozen=True, eq=False)
class Statements:
    """What is said, one description per query.

    Args:
        said: 1 wanted, 0 unwanted, -1 not named.
        certainty: in [0, 1], 0 where nothing is named: a certainty c stands for an error rate (1 - c) / 2.

    Raises:
        InputError: for a certainty out of range, or above 0 where nothing is said.
    """

    said: Int8[ndarray, "query attribute"]
    certainty: Float32[ndarray, "query attribute"]

    def __post_init__(self) -> None:
        in_range = (self.certainty >= 0) & (self.certainty <= 1)
        if not in_range.all() or self.certainty[self.said < 0].any():
            raise InputError("certainties lie in [0, 1], and are 0 where nothing is named")

    @property
    def named(self) -> Bool[ndarray, "query attribute"]:
        """Where something is said."""
        return np.asarray(self.said >= 0)

    def equally_sure(self) -> "Statements":
        """Return the same answers, each with certainty 1: what a search sees that ignores doubt."""
        return Statements(self.said, self.named.astype(np.float32))


def speaking_order(
    values: Int8[ndarray, "query attribute"],
    choice: Choice,
    positive_rate: Float[ndarray, " attribute"],
    generator: np.random.Generator,
) -> Int64[ndarray, "query attribute"]:
    """Return the place, from 0, at which each attribute of each person comes to mind.

    ``REMARKABLE`` draws without replacement, with weights of :data:`LEAST_SURPRISE` or more (Efraimidis and
    Spirakis, "Weighted random sampling with a reservoir", 2006).

    Args:
        values: of the persons described, 0 or 1.
        choice: how a witness chooses.
        positive_rate: share of training images that have each attribute, in [0, 1].
        generator: of all draws.

    >>> order = speaking_order(np.ones((1, 3), np.int8), Choice.UNIFORM, np.ones(3), np.random.default_rng(0))
    >>> sorted(order[0].tolist())
    [0, 1, 2]
    """
    if not np.isin(values, (0, 1)).all():
        raise InputError("witnesses describe people whose every attribute is known; leave out the others")
    waiting = generator.exponential(size=values.shape)
    if choice is Choice.REMARKABLE:
        share = np.where(values == 1, positive_rate, 1 - positive_rate)
        waiting /= np.maximum(-np.log(np.clip(share, 1e-6, 1)), LEAST_SURPRISE)
    return np.asarray(waiting.argsort(axis=1).argsort(axis=1), dtype=np.int64)


def errors(shape: tuple[int, int], share: float) -> Float[ndarray, "query attribute"]:
    """Return the same error rate for every answer.

    Args:
        shape: queries, attributes.
        share: of answers that are wrong, in [0, 0.5].

    Raises:
        InputError: for a share out of range: above 0.5 a witness would be right by saying the opposite.
    """
    if not 0 <= share <= 0.5:
        raise InputError(f"the share of wrong answers lies in [0, 0.5], got {share:g}")
    return np.full(shape, share)


def doubtful_errors(
    shape: tuple[int, int], share: float, generator: np.random.Generator
) -> Float[ndarray, "query attribute"]:
    """Return an error rate in [0, 0.5] for every answer: half a Beta-distributed number, with mean ``share``.

    Arguments and errors as for :func:`errors`; 0 and 0.5 themselves leave nothing to draw.
    """
    if not 0 < share < 0.5:
        raise InputError(f"doubt needs a share of wrong answers between 0 and 0.5, got {share:g}")
    return np.asarray(0.5 * generator.beta(2 * share * FIRMNESS, (1 - 2 * share) * FIRMNESS, size=shape))


def speak(
    values: Int8[ndarray, "query attribute"],
    named: Bool[ndarray, "query attribute"],
    error: Float[ndarray, "query attribute"],
    generator: np.random.Generator,
) -> Statements:
    """Let one witness per person speak: wrong with the probability given, and honest about that probability.

    The certainty stated is ``1 - 2 error``: 1 for an answer that is never wrong, 0 for a coin toss, which is
    then the same as not naming it.

    Args:
        values: the truth, 0 or 1.
        named: what is spoken of.
        error: how probable a wrong answer is, in [0, 0.5].
        generator: of which answers are wrong.

    >>> told = speak(np.array([[1, 0]], np.int8), np.array([[True, False]]), np.zeros((1, 2)),
    ...                np.random.default_rng(0))
    >>> told.said.tolist(), told.certainty.tolist()
    ([[1, -1]], [[1.0, 0.0]])
    """
    wrong = generator.random(values.shape) < error
    certainty = np.where(named, 1 - 2 * error, 0).astype(np.float32)
    said = np.where(named & (certainty > 0), np.where(wrong, 1 - values, values), -1)
    return Statements(said.astype(np.int8), certainty)


def pool_statements(statements: Sequence[Statements]) -> Statements:
    """Join what several witnesses say of the same persons, attribute by attribute, all witnesses alike.

    The same as :func:`attrieve.schema.witnesses.pool` with weights of 1, for whole arrays: log-odds add up,
    and what is left below :data:`~attrieve.schema.witnesses.LEAST_CERTAIN` is open. Members of a group of
    which one can hold stay apart here, where ``pool`` makes them "one of these".

    Raises:
        InputError: for no witness.
    """
    if not statements:
        raise InputError("pool the words of at least one witness")
    evidence = np.zeros(statements[0].said.shape)
    for one in statements:
        signed = MOST_CERTAIN * one.certainty.astype(np.float64) * np.where(one.said == 1, 1, -1)
        evidence += np.log1p(signed) - np.log1p(-signed)
    signed = np.clip(np.tanh(evidence / 2) / MOST_CERTAIN, -1, 1)
    there = np.abs(signed) >= LEAST_CERTAIN
    said = np.where(there, signed > 0, -1).astype(np.int8)
    return Statements(said, np.where(there, np.abs(signed), 0).astype(np.float32))
