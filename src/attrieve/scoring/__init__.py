"""From vectors to an order: distances of shape (query, person), their fusion, and the one ordering.

The ordering itself is :func:`attrieve.scoring.order.order`.
"""

from attrieve.scoring.cosine import cosine_distance
from attrieve.scoring.euclidean import euclidean_distance, euclidean_maximum, manhattan_distance
from attrieve.scoring.fusion import Fusion, Normalisation, fuse
from attrieve.scoring.likelihood import group_likelihood, independent_likelihood, training_weight_shift
from attrieve.scoring.order import nearest

__all__ = [
    "Fusion",
    "Normalisation",
    "cosine_distance",
    "euclidean_distance",
    "euclidean_maximum",
    "fuse",
    "group_likelihood",
    "independent_likelihood",
    "manhattan_distance",
    "nearest",
    "training_weight_shift",
]
