"""What is asked of whom: the four published ways to pose attribute queries to a test set.

They differ by several points of mAP at equal predictions, so every report names its protocol;
``docs/methods/protocols.md`` explains each.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, Int8, Int64
from numpy import ndarray

from attrieve.errors import InputError
from attrieve.evaluation.ranks import NOBODY

MASKED = -1
"""Category of a person with an unknown value: neither right nor wrong, so outside the gallery."""


class Protocol(StrEnum):
    """How queries are drawn from a test set, and who is relevant."""

    UNIQUE = "unique"
    """One query per distinct vector of the model's attributes; relevant: the same vector."""
    CATEGORIES = "categories"
    """One query per distinct full label vector; relevant: the same full vector."""
    REPRESENTATIVE_REMOVED = "representative_removed"
    """As CATEGORIES, but a category's first image leaves the gallery for its own query (SAL)."""
    PER_IMAGE = "per_image"
    """One query per test image; relevant: the same vector of the model's attributes."""


@dataclass(frozen=True)
class RetrievalTask:
    """Queries, the gallery's truth, and who is relevant to whom: equal categories.

    Args:
        query_values: shape (query, attribute), 0 or 1.
        query_category: shape (query,).
        person_values: shape (person, attribute), -1 unknown.
        person_category: shape (person,); -1 takes the person out of the gallery of every query.
        removed_person: shape (query,), a person that leaves the gallery for this query, -1 for nobody.
        seen: shape (query,), whether the query vector occurs in training.
        left_out: categories that could not be asked because no image would be left to find.

    Raises:
        InputError: if there is no query or no person.
    """

    query_values: Int8[ndarray, "query attribute"]
    query_category: Int64[ndarray, " query"]
    person_values: Int8[ndarray, "person attribute"]
    person_category: Int64[ndarray, " person"]
    removed_person: Int64[ndarray, " query"]
    seen: Bool[ndarray, " query"]
    left_out: int = 0

    def __post_init__(self) -> None:
        if not len(self.query_values) or not (self.person_category >= 0).any():
            raise InputError(
                f"retrieval needs a query and a person, got {len(self.query_values)} queries and "
                f"{int((self.person_category >= 0).sum())} persons with all values known"
            )


def build_task(
    protocol: Protocol,
    *,
    train_values: Int8[ndarray, "train attribute"],
    test_values: Int8[ndarray, "person attribute"],
    test_categories: Int64[ndarray, " person"] | None = None,
) -> RetrievalTask:
    """Pose the queries of a protocol to a test set, in lexicographic order of their vectors.

    Persons with an unknown value ask nothing and are outside the gallery.

    Args:
        protocol: which queries, and who is relevant.
        train_values: of the training images, to tell seen from unseen queries.
        test_values: of the gallery, in file order.
        test_categories: one label of at least 0 per gallery image, equal for equal full vectors; needed
            by CATEGORIES and REPRESENTATIVE_REMOVED.

    Raises:
        InputError: for an empty or all-unknown test set, missing categories, or a category whose
            images differ in the model's attributes.

    >>> values = np.array([[0, 1], [1, 1], [0, 1]], dtype=np.int8)
    >>> task = build_task(Protocol.UNIQUE, train_values=values[:1], test_values=values)
    >>> task.query_values.tolist(), task.person_category.tolist(), task.seen.tolist()
    ([[0, 1], [1, 1]], [0, 1, 0], [True, False])
    """
    known = (test_values >= 0).all(axis=1)
    if not known.any():
        raise InputError(
            f"the test set has {len(test_values)} images, none with all values known; nothing to ask"
        )
    if protocol in (Protocol.UNIQUE, Protocol.PER_IMAGE):
        categories = _labels_of_vectors(test_values)
    elif test_categories is None:
        raise InputError(f"protocol {protocol.value!r} needs test_categories, one label per test image")
    else:
        categories = test_categories
    categories = np.where(known, categories, MASKED)
    asking = np.flatnonzero(categories >= 0)
    if protocol is not Protocol.PER_IMAGE:
        asking = _first_of_each(categories, asking)
        _require_uniform(test_values, categories, asking)
    asking = asking[np.lexsort((asking, categories[asking], *test_values[asking].T[::-1]))]
    return _task(protocol, asking, train_values, test_values, categories)


def _task(
    protocol: Protocol,
    asking: Int64[ndarray, " query"],
    train_values: Int8[ndarray, "train attribute"],
    test_values: Int8[ndarray, "person attribute"],
    categories: Int64[ndarray, " person"],
) -> RetrievalTask:
    """Let the images ``asking`` pose their own vectors as queries."""
    removed = np.full(len(asking), NOBODY, dtype=np.int64)
    every = len(asking)
    if protocol is Protocol.REPRESENTATIVE_REMOVED:
        labels, images = np.unique(categories[categories >= 0], return_counts=True)
        asking = asking[images[np.searchsorted(labels, categories[asking])] > 1]
        removed = asking.copy()
        if not len(asking):
            raise InputError(
                "every category of the test set has one image, which is removed as its representative; "
                f"use protocol {Protocol.CATEGORIES.value!r}"
            )
    query_values = test_values[asking]
    return RetrievalTask(
        query_values=query_values,
        query_category=categories[asking],
        person_values=test_values,
        person_category=categories,
        removed_person=removed,
        seen=_occurs(query_values, train_values),
        left_out=every - len(asking),
    )


def _labels_of_vectors(values: Int8[ndarray, "person attribute"]) -> Int64[ndarray, " person"]:
    return np.unique(values, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _first_of_each(
    categories: Int64[ndarray, " person"], asking: Int64[ndarray, " asking"]
) -> Int64[ndarray, " query"]:
    return asking[np.unique(categories[asking], return_index=True)[1]]


def _require_uniform(
    values: Int8[ndarray, "person attribute"],
    categories: Int64[ndarray, " person"],
    firsts: Int64[ndarray, " query"],
) -> None:
    inside = np.flatnonzero(categories >= 0)
    representative = firsts[np.searchsorted(categories[firsts], categories[inside])]
    differs = (values[inside] != values[representative]).any(axis=1)
    if differs.any():
        one = int(inside[differs][0])
        raise InputError(
            f"images of one category share the model's attributes, but image {one} differs from the first "
            f"of its category {int(categories[one])}; build categories from the full label vector"
        )


def _occurs(
    query_values: Int8[ndarray, "query attribute"], train_values: Int8[ndarray, "train attribute"]
) -> Bool[ndarray, " query"]:
    trained = {row.tobytes() for row in np.ascontiguousarray(train_values)}
    return np.array([row.tobytes() in trained for row in np.ascontiguousarray(query_values)], dtype=bool)
