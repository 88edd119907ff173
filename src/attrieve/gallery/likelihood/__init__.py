"""Galleries searched by likelihood, and P(match) over all their rows; see ``docs/methods/likelihood.md``."""

from attrieve.gallery.likelihood.asked import (
    Distance,
    LikelihoodFusion,
    LikelihoodQuery,
    likelihood_query,
)
from attrieve.gallery.likelihood.search import match_sum, search_likelihood

__all__ = [
    "Distance",
    "LikelihoodFusion",
    "LikelihoodQuery",
    "likelihood_query",
    "match_sum",
    "search_likelihood",
]
