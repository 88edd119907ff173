"""Likelihood of a description and P(match) in plain Python: one row, one term, one attribute at a time."""

import math
from collections.abc import Sequence

from attrieve.models.calibration import Curve
from attrieve.schema import AttributeQuery, GroupKind, Term

EXCLUSIVE = (GroupKind.EXCLUSIVE, GroupKind.EXCLUSIVE_OR_NONE)


def mended(probability: float, curve: Curve) -> float:
    """The calibrated logit, by walking along the curve."""
    held = min(max(probability, 2.0**-24), 1 - 2.0**-24)
    z = math.log(held / (1 - held))
    if z <= curve.logit[0]:
        return curve.mended[0] + curve.slope * (z - curve.logit[0])
    if z >= curve.logit[-1]:
        return curve.mended[-1] + curve.slope * (z - curve.logit[-1])
    for at in range(1, len(curve.logit)):
        if z < curve.logit[at]:
            left, right = curve.logit[at - 1], curve.logit[at]
            share = (z - left) / (right - left)
            return (1 - share) * curve.mended[at - 1] + share * curve.mended[at]
    raise AssertionError("behind the last knot")


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def facts(
    query: AttributeQuery,
    probability: Sequence[float],
    curves: Sequence[Curve],
    *,
    structured: bool,
    shares: bool,
) -> list[tuple[float, float]]:
    """Certainty and probability of everything asked, groups first."""
    z = [mended(p, curve) for p, curve in zip(probability, curves, strict=True)]
    found: list[tuple[float, float]] = []
    done: list[Term] = []
    for group, members in zip(query.schema.groups, query.schema.group_indices, strict=True):
        touching = [term for term in query.terms if any(i in members for i in term.attributes)]
        inside = [term for term in touching if all(i in members for i in term.attributes)]
        crossing = [term for term in touching if term not in inside and term.wanted]
        wanted = [term for term in inside if term.wanted]
        one_at_a_time = structured and group.kind in EXCLUSIVE and len(members) > 1
        if not one_at_a_time or not inside or len(wanted) > 1 or crossing:
            continue
        done += inside
        odds = {i: math.exp(z[i]) for i in members}
        if shares:
            total = max(1.0, sum(sigmoid(z[i]) for i in members))
            part = {i: sigmoid(z[i]) / total for i in members}
            left = 1 - sum(part.values())
        else:
            total = 1 + sum(odds.values())
            part = {i: odds[i] / total for i in members}
            left = 1 / total
        if wanted:
            found.append((wanted[0].certainty, sum(part[i] for i in wanted[0].attributes)))
            continue
        refused = [(i, term.certainty) for term in inside for i in term.attributes]
        names = [i for i, _ in refused]
        rest = left + sum(part[i] for i in members if i not in names)
        if shares:
            rest = 1 - sum(part[i] for i in names)
        found.append((sum(c for _, c in refused) / len(refused), rest))
    for term in query.terms:
        if term in done:
            continue
        if term.wanted:
            missing = math.prod(sigmoid(-z[i]) for i in term.attributes)
            found.append(
                (term.certainty, sigmoid(z[term.attributes[0]]) if len(term.attributes) == 1 else 1 - missing)
            )
        else:
            found += [(term.certainty, sigmoid(-z[i])) for i in term.attributes]
    return found


def distance(
    query: AttributeQuery, probability: Sequence[float], curves: Sequence[Curve], *, structured: bool
) -> float:
    """Negative log-likelihood, each thing by its certainty."""
    told = facts(query, probability, curves, structured=structured, shares=False)
    return sum(-certainty * math.log(max(p, math.exp(-50))) for certainty, p in told)


def match_probability(
    query: AttributeQuery,
    probability: Sequence[float],
    curves: Sequence[Curve],
    line: tuple[float, float, float],
    cosine_distance: float | None,
) -> float:
    """P(match), each thing in force with its certainty."""
    told = facts(query, probability, curves, structured=True, shares=True)
    log = sum(math.log(max(1 - certainty * (1 - min(max(p, 1e-12), 1)), 1e-13)) for certainty, p in told)
    log = min(max(log, -30.0), -1e-13)
    odds = line[0] + line[1] * math.log(math.exp(log) / -math.expm1(log))
    if cosine_distance is not None:
        odds += line[2] * (1 - cosine_distance)
    return sigmoid(odds)


def cosine_distance(left: Sequence[float], right: Sequence[float]) -> float:
    """One minus the inner product of unit vectors."""
    return min(max(1 - sum(a * b for a, b in zip(left, right, strict=True)), 0.0), 2.0)
