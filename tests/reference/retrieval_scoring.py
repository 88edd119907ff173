"""Distances written as plain loops over queries, persons and attributes."""

import math


def euclidean(query, probability, certainty):
    return [
        [
            math.sqrt(sum(c * (q - p) ** 2 for q, p, c in zip(row, person, weights, strict=True)))
            for person in probability
        ]
        for row, weights in zip(query, certainty, strict=True)
    ]


def manhattan(query, probability, certainty):
    return [
        [sum(c * abs(q - p) for q, p, c in zip(row, person, weights, strict=True)) for person in probability]
        for row, weights in zip(query, certainty, strict=True)
    ]


def negative_log_likelihood(query, probability, certainty):
    return [
        [
            -sum(
                c * math.log(p if q else 1 - p) for q, p, c in zip(row, person, weights, strict=True) if c > 0
            )
            for person in probability
        ]
        for row, weights in zip(query, certainty, strict=True)
    ]


def group_negative_log_likelihood(wanted, unwanted, logit):
    """Return -log P(description) of one exclusive group by listing all of its outcomes.

    ``wanted`` and ``unwanted`` are sets of member positions; outcome None stands for "none of them".
    """
    weight = {member: math.exp(value) for member, value in enumerate(logit)}
    weight[None] = 1.0
    fits = [o for o in weight if wanted <= {o} and o not in unwanted]
    return -math.log(sum(weight[o] for o in fits) / sum(weight.values()))


def erring_witness(query, probability, certainty, least_wrong):
    """Return -log P(what is said), an answer being right with probability 1 - e, e = (1 - c) / 2."""
    costs = []
    for row, weights in zip(query, certainty, strict=True):
        costs.append([])
        for person in probability:
            cost = 0.0
            for q, p, c in zip(row, person, weights, strict=True):
                if c == 0:
                    continue
                wrong = max((1 - c) / 2, least_wrong)
                holds, fails = p * (1 - wrong if q else wrong), (1 - p) * (wrong if q else 1 - wrong)
                cost -= math.log(holds + fails)
            costs[-1].append(cost)
    return costs
