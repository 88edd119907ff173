"""Attribute significance person by person, in plain loops."""

import itertools
import math

from reference.retrieval import average_precision, ranks_of


def euclidean(query, person, named):
    return math.sqrt(sum((query[a] - person[a]) ** 2 for a in named))


def precision_of(query, probabilities, relevant, named):
    """Average precision of a description of some attributes; relevant are person positions."""
    distance = [euclidean(query, person, named) for person in probabilities]
    return average_precision(ranks_of(distance, relevant))


def agreeing(query, values, named):
    return [person for person, own in enumerate(values) if all(own[a] == query[a] for a in named)]


def expected_average_precision(relevant, persons):
    """The mean over every order of a small gallery."""
    every = itertools.combinations(range(1, persons + 1), relevant)
    found = [average_precision(list(places)) for places in every]
    return sum(found) / len(found)
