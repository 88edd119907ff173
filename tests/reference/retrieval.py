"""Retrieval metrics written as plain loops over a fully sorted gallery."""

import numpy as np


def ranking(distance, left_out=()):
    """Return person positions nearest first, ties by position, without those left out."""
    positions = sorted(range(len(distance)), key=lambda person: (float(distance[person]), person))
    return [person for person in positions if person not in set(left_out)]


def ranks_of(distance, relevant, left_out=()):
    order = ranking(distance, left_out)
    return [rank for rank, person in enumerate(order, start=1) if person in set(relevant)]


def average_precision(ranks):
    total = 0.0
    for found, rank in enumerate(ranks, start=1):
        total += found / rank
    return total / len(ranks)


def trapezoid_average_precision(ranks):
    """Walk down the ranking as the code of ASMR does, keeping the precision before each hit."""
    total, hits = 0.0, 0
    relevant = set(ranks)
    for position in range(max(ranks)):
        if position + 1 in relevant:
            old = hits / position if position else 1.0
            hits += 1
            total += (old + hits / (position + 1)) / 2
    return total / len(ranks)


def agreement(query, person):
    known = [(q, p) for q, p in zip(query, person, strict=True) if q >= 0 and p >= 0]
    return sum(q == p for q, p in known) / len(known) if known else 0.0


def degrees(query, persons, relevant, left_out=()):
    """Return ndom by person position, for the persons that take part."""
    inside = [person for person in range(len(persons)) if person not in set(left_out)]
    dom = {person: agreement(query, persons[person]) for person in inside}
    mean, most = sum(dom.values()) / len(dom), max(dom.values())
    if most - mean < 1e-9:
        return {person: float(person in set(relevant)) for person in inside}
    return {person: max(0.0, (value - mean) / (most - mean)) for person, value in dom.items()}


def average_degree_of_match(distance, degree, relevant, left_out=()):
    order = ranking(distance, left_out)
    shares = []
    for rank, person in enumerate(order, start=1):
        if person in set(relevant):
            shares.append(sum(degree[other] for other in order[:rank]) / rank)
    return sum(shares) / len(shares)


def evaluate(distance, task):
    """Return the overall means in percent, query by query, as a dictionary."""
    masked = np.flatnonzero(task.person_category < 0).tolist()
    columns = {name: [] for name in ("map", "map_trapezoid", "rank1", "rank5", "rank10", "minp", "madm")}
    for query in range(len(task.query_values)):
        left_out = [*masked, int(task.removed_person[query])]
        relevant = [
            person
            for person in range(len(task.person_category))
            if task.person_category[person] == task.query_category[query] and person not in left_out
        ]
        if not relevant:
            continue
        ranks = ranks_of(distance[query], relevant, left_out)
        degree = degrees(task.query_values[query], task.person_values, relevant, left_out)
        columns["map"].append(average_precision(ranks))
        columns["map_trapezoid"].append(trapezoid_average_precision(ranks))
        for cutoff in (1, 5, 10):
            columns[f"rank{cutoff}"].append(float(ranks[0] <= cutoff))
        columns["minp"].append(len(ranks) / ranks[-1])
        columns["madm"].append(average_degree_of_match(distance[query], degree, relevant, left_out))
    return {name: 100 * sum(values) / len(values) for name, values in columns.items()}
