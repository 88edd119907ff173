"""A description as events that are taken one by one: what the likelihood and P(match) multiply.

An event says that one of some attributes holds, or that one does not. Within a group of which one member
holds at a time, all that is asked of the group is one event: that the truth is among what is allowed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from attrieve.errors import InputError
from attrieve.schema import AttributeQuery, Term
from attrieve.scoring.likelihood import LARGEST_LOGIT, ONE_OF_MANY


@dataclass(frozen=True)
class Event:
    """One thing asked.

    Args:
        attributes: positions in the schema; several mean "at least one of these", or with ``rivals`` "the one
            that holds is among these".
        wanted: True if it shall hold; False if not: of a group, if none of ``attributes`` shall be it.
        certainty: above 0; in (0, 1] as asked, times a weight where answers are weighted.
        rivals: all members of the group that holds one at a time, ``attributes`` among them; empty for
            attributes that are independent of each other.
    """

    attributes: tuple[int, ...]
    wanted: bool
    certainty: float
    rivals: tuple[int, ...] = ()

    @property
    def needed(self) -> tuple[int, ...]:
        """Positions of all attributes that must be read."""
        return self.rivals or self.attributes


Weight = Callable[[Sequence[int], bool], float]
"""How much an answer counts: of its attributes, and whether they are wanted."""


def counted_alike(_attributes: Sequence[int], _wanted: bool, /) -> float:
    """Let every answer count as much as any other."""
    return 1.0


def events_of(
    query: AttributeQuery, *, structured: bool = True, weight: Weight = counted_alike
) -> tuple[Event, ...]:
    """Return what a description asks as events, in the order of the schema.

    In a group that holds one member at a time (``exclusive``, ``exclusive_or_none``): a wanted member, or
    wanted "one of these", is one event, beside which unwanted ones say nothing new; unwanted ones alone are
    one event with the mean of their certainties, each times its weight; several wanted terms contradict the
    group, and are taken independently. Terms that reach across groups are independent.

    Args:
        query: the description.
        structured: False takes all attributes independently.
        weight: factor of the certainty of each answer; of what is refused, each attribute by itself.

    >>> from attrieve.schema import load_vocabulary, parse_query
    >>> query = parse_query("hat, !age:<30|<45", load_vocabulary("peta35"))
    >>> [(event.attributes, event.wanted, len(event.rivals)) for event in events_of(query)]
    [((0, 1), False, 4), ((10,), True, 0)]
    """
    events: list[Event] = []
    left = list(query.terms)
    groups = zip(query.schema.groups, query.schema.group_indices, strict=True) if structured else ()
    for group, members in groups:
        if group.kind not in ONE_OF_MANY or len(members) < 2:
            continue
        inside = [term for term in left if set(term.attributes) <= set(members)]
        wanted = [term for term in inside if term.wanted]
        reached = any(set(t.attributes) & set(members) for t in left if t.wanted and t not in inside)
        if not inside or len(wanted) > 1 or reached:
            continue
        left = [term for term in left if term not in inside]
        events.append(_group_event(inside, wanted, members, weight))
    events += [event for term in left for event in _single_events(term, weight)]
    return tuple(sorted(events, key=lambda event: event.attributes))


def _group_event(inside: list[Term], wanted: list[Term], members: tuple[int, ...], weight: Weight) -> Event:
    if wanted:
        (event,) = _single_events(wanted[0], weight)
        return replace(event, rivals=members)
    refused = [(i, term.certainty * weight((i,), False)) for term in inside for i in term.attributes]
    certainty = sum(counted for _, counted in refused) / len(refused)
    return Event(tuple(sorted(index for index, _ in refused)), False, certainty, members)


def _single_events(term: Term, weight: Weight) -> list[Event]:
    if term.wanted:
        certainty = term.certainty * weight(term.attributes, True)
        return [Event(tuple(sorted(term.attributes)), True, certainty)]
    return [Event((i,), False, term.certainty * weight((i,), False)) for i in term.attributes]


def event_log_probabilities(
    events: Sequence[Event], logit: Float[Tensor, "person attribute"], *, shares: bool = False
) -> Float[Tensor, "person event"]:
    """Return the logarithm of each event's probability in float64, at most 0 and finite.

    Independent attributes: ``P(a) = sigmoid(z_a)``, ``P(one of A) = 1 - prod (1 - P(a))``. In a group of
    which one holds, with "none" at logit 0, ``P(A) = sum_A exp z / (1 + sum exp z)``.

    Args:
        events: of one description.
        logit: held within +-50.
        shares: in groups, take ``sigmoid(z)`` for the shares themselves, which calibrated probabilities are:
            ``P(A) = sum_A p / max(1, sum p)``, "none" having what is left.

    Raises:
        InputError: if an event names an attribute that is not there.
    """
    most = max((index for event in events for index in event.needed), default=-1)
    if most >= logit.shape[1]:
        raise InputError(f"the description asks for attribute {most}, logits have {logit.shape[1]}")
    held = logit.double().clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    columns = [_log_probability(event, held, shares=shares) for event in events]
    return torch.stack(columns, dim=1) if columns else held.new_zeros(len(held), 0)


def _log_probability(event: Event, logit: Tensor, *, shares: bool) -> Float[Tensor, " person"]:
    own = logit[:, list(event.attributes)]
    if not event.rivals:
        if len(event.attributes) == 1:
            return logsigmoid(own[:, 0] if event.wanted else -own[:, 0])
        none = -softplus(own).sum(dim=1)
        return _log_of_the_rest(none)
    if shares:
        return _log_share(event, logit)
    zero = torch.zeros_like(logit[:, :1])
    everything = torch.logsumexp(torch.cat([zero, logit[:, list(event.rivals)]], dim=1), dim=1)
    if event.wanted:
        return torch.logsumexp(own, dim=1) - everything
    allowed = [index for index in event.rivals if index not in event.attributes]
    return torch.logsumexp(torch.cat([zero, logit[:, allowed]], dim=1), dim=1) - everything


_LEAST_LOG = -LARGEST_LOGIT


def _log_of_the_rest(log_probability: Tensor) -> Tensor:
    """Return log(1 - p), not below -50."""
    return torch.log(-torch.expm1(log_probability)).clamp_min(_LEAST_LOG)


def _log_share(event: Event, logit: Tensor) -> Float[Tensor, " person"]:
    whole = torch.sigmoid(logit[:, list(event.rivals)]).sum(dim=1).clamp_min(1.0)
    share = torch.sigmoid(logit[:, list(event.attributes)]).sum(dim=1) / whole
    wanted = share if event.wanted else 1 - share
    return wanted.clamp(1e-12, 1.0).log()


def likelihood_distance(
    events: Sequence[Event], logit: Float[Tensor, "person attribute"]
) -> Float[Tensor, " person"]:
    """Return ``-sum over events of certainty * log P(event)`` in float64: the distance of each person.

    For queries that name attributes one by one this is :func:`~attrieve.scoring.likelihood.group_likelihood`.
    """
    certainty = torch.tensor([event.certainty for event in events], dtype=torch.float64)
    return (-event_log_probabilities(events, logit) * certainty).sum(dim=1)
