"""What the embedding branch is asked for when a description leaves attributes open.

The attribute encoder wants a value for every attribute. An open one is not "no", so the description
is completed with what training people looked like, in every plausible way at once: the query vector
is the expectation of the embedding over completions, which costs the search nothing extra.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int8, Int64
from torch import Tensor
from torch.nn import functional

from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery, AttributeSchema, GroupKind

DISAGREEMENT = 1e-3
"""How much of its weight a category keeps per certain term it contradicts; above 0, so that some
category always counts and those that contradict least count most."""

MOST_CHANGED = 128
"""Of the categories that a description changes, so many of the greatest weight count: those it leaves as they
are have been embedded beforehand, and only the others cost time."""


def expected_embedding(query: AttributeQuery, query_side: QuerySide) -> Float[Tensor, "1 dim"] | None:
    """Embed a description, averaging over plausible completions; None without an embedding branch.

    With training categories k seen n_k times, e the encoder (unit vectors) and complete_k the
    category's values overridden by the description::

        weight_k = n_k * product over terms t of (1 - (1 - DISAGREEMENT) * certainty_t * mismatch_tk)
        vector   = normalise( sum_k weight_k * e(complete_k) )

    Of the categories that the description changes, the :data:`MOST_CHANGED` heaviest count. A full
    description has one completion, itself, and gives exactly ``embed_queries(values)``.
    See :func:`mismatches` and :func:`completed_values` for the parts.
    """
    with torch.inference_mode():
        if query.is_full:
            return query_side.embed_queries(torch.from_numpy(query.values()).float()[None])
        training = _prepared(query_side)
        contradicted = _mismatches(query, training.by_attribute)
        weight = _weights(query, torch.from_numpy(contradicted), training.log_counts)
        touched = contradicted.any(axis=1)  # what contradicts nothing is left as it is
        changed = torch.from_numpy(np.flatnonzero(touched))
        if len(changed) > MOST_CHANGED:
            changed = changed[weight[changed].topk(MOST_CHANGED).indices]
        completed = _completed(query, training.known[changed.numpy()], training.common, training.conflicts)
        heaviest = query_side.embed_queries(torch.from_numpy(completed.astype(np.float32)))
        as_they_are = query_side.embed_categories(training.as_numbers)
        if heaviest is None or as_they_are is None:
            return None
        agrees = torch.from_numpy(~touched)
        mean = (weight * agrees).float() @ as_they_are + weight[changed].float() @ heaviest
        return functional.normalize(mean[None], dim=-1)


def known_categories(query_side: QuerySide) -> Float[Tensor, "category attribute"]:
    """Return the training categories with unknown values replaced by the attribute's positive rate.

    Without any training categories, one that holds the positive rates stands for all.
    """
    categories: Int8[Tensor, "category attribute"] = query_side.training_categories.cpu()
    rate = query_side.positive_rate.cpu().double()
    if not len(categories):
        return rate[None]
    return torch.where(categories >= 0, categories.double(), rate)


class _Prepared(NamedTuple):
    """What every description needs of the training categories.

    Args:
        known: values.
        by_attribute: the same, each attribute's values one behind the other in memory.
        common: how often each attribute holds.
        conflicts: see :func:`conflicting_attributes`.
        as_numbers: values in float32.
        log_counts: logarithms of the images of each category.
    """

    known: Float64[np.ndarray, "category attribute"]
    by_attribute: Float64[np.ndarray, "attribute category"]
    common: Float64[np.ndarray, " attribute"]
    conflicts: Bool[np.ndarray, "attribute attribute"]
    as_numbers: Float[Tensor, "category attribute"]
    log_counts: Float[Tensor, " category"]


def _prepared(query_side: QuerySide) -> _Prepared:
    def make() -> _Prepared:
        known = known_categories(query_side)
        counts: Tensor = query_side.training_category_counts.cpu()
        counts = counts if len(counts) else torch.ones(1, dtype=torch.int64)
        return _Prepared(
            known.numpy(),
            known.T.contiguous().numpy(),
            known.mean(dim=0).numpy(),
            conflicting_attributes(query_side.schema).numpy(),
            known.float(),
            _log_counts(counts),
        )

    return query_side.of_training(make)


def _log_counts(counts: Int64[Tensor, " category"]) -> Float[Tensor, " category"]:
    return counts.double().clamp_min(1e-9).log()


def completion_weights(
    query: AttributeQuery,
    categories: Float[Tensor, "category attribute"],
    counts: Int64[Tensor, " category"],
) -> Float[Tensor, " category"]:
    """Return how much each category speaks for a description; positive, sums to 1.

    >>> from attrieve.schema import load_vocabulary, parse_query
    >>> schema = load_vocabulary("peta35")
    >>> categories = torch.zeros(2, 35, dtype=torch.float64)
    >>> categories[1, schema.index_of("hat")] = 1.0
    >>> query = parse_query("hat?", schema)
    >>> [round(float(w), 4) for w in completion_weights(query, categories, torch.tensor([300, 100]))]
    [0.6002, 0.3998]
    """
    return _weights(query, mismatches(query, categories), _log_counts(counts))


def _weights(
    query: AttributeQuery,
    contradicted: Float[Tensor, "category term"],
    log_counts: Float[Tensor, " category"],
) -> Float[Tensor, " category"]:
    certainty = torch.tensor([term.certainty for term in query.terms], dtype=torch.float64)
    factors = 1.0 - (1.0 - DISAGREEMENT) * certainty * contradicted
    # in logarithms: the product over a hundred terms would underflow
    return torch.softmax(factors.log().sum(dim=1) + log_counts, dim=0)


def mismatches(
    query: AttributeQuery, categories: Float[Tensor, "category attribute"]
) -> Float[Tensor, "category term"]:
    """Return how far each category contradicts each term, in [0, 1].

    A wanted term is met as far as its best alternative is; an unwanted one as far as none holds.
    """
    return torch.from_numpy(_mismatches(query, categories.numpy().T))


def _mismatches(
    query: AttributeQuery, by_attribute: Float64[np.ndarray, "attribute category"]
) -> Float64[np.ndarray, "category term"]:
    found = np.empty((by_attribute.shape[1], len(query.terms)))
    for place, term in enumerate(query.terms):
        first, *others = term.attributes
        most = by_attribute[first] if not others else by_attribute[list(term.attributes)].max(axis=0)
        found[:, place] = 1.0 - most if term.wanted else most
    return found


def completed_values(
    query: AttributeQuery, categories: Float[Tensor, "category attribute"]
) -> Float[Tensor, "category attribute"]:
    """Override categories with what a description says, as far as it is certain.

    An unwanted attribute becomes ``(1 - certainty) * value``, a wanted one
    ``certainty + (1 - certainty) * value``. Where a wanted one displaces another of a group that holds
    one at a time, the other fades likewise, unless the description names it. Of "one of these", a
    category keeps what it has; if it has none, it gets each in proportion to how often all have it.
    """
    common, conflicts = categories.mean(dim=0).numpy(), conflicting_attributes(query.schema).numpy()
    return torch.from_numpy(_completed(query, categories.numpy(), common, conflicts))


def _completed(
    query: AttributeQuery,
    categories: Float64[np.ndarray, "some attribute"],
    common: Float64[np.ndarray, " attribute"],
    conflicts: Bool[np.ndarray, "attribute attribute"],
) -> Float64[np.ndarray, "some attribute"]:
    """Complete some categories; see :func:`completed_values`.

    Arrays are small here, so that what counts is the call: NumPy's cost a fifth of PyTorch's.

    Args:
        query: what is said.
        categories: those that are completed.
        common: how often each attribute holds among all there are.
        conflicts: see :func:`conflicting_attributes`.
    """
    completed = categories.copy()
    named = np.zeros(len(common), dtype=np.bool_)
    named[list(query.named)] = True
    displaced = conflicts & ~named
    for term in query.terms:
        chosen = list(term.attributes)
        if not term.wanted:
            completed[:, chosen] *= 1.0 - term.certainty
            continue
        theirs = categories[:, chosen]
        share = 1.0 if len(chosen) == 1 else _shares(common[chosen])
        lacking = term.certainty * (1.0 - theirs.max(axis=1, keepdims=True))
        completed[:, chosen] = theirs + lacking * share
        completed[:, displaced[chosen].any(axis=0)] *= 1.0 - lacking
    return completed


def _shares(common: Float64[np.ndarray, " member"]) -> Float64[np.ndarray, " member"]:
    above_zero = common + 1e-6
    shares: Float64[np.ndarray, " member"] = above_zero / above_zero.sum()
    return shares


def conflicting_attributes(schema: AttributeSchema) -> Bool[Tensor, "attribute attribute"]:
    """Return which attributes do not hold together: rivals of one-at-a-time groups, "none" and the rest."""
    conflicts = torch.zeros(len(schema), len(schema), dtype=torch.bool)
    for group, members in zip(schema.groups, schema.group_indices, strict=True):
        if group.kind in (GroupKind.EXCLUSIVE, GroupKind.EXCLUSIVE_OR_NONE, GroupKind.EXCLUSIVE_SOFT):
            conflicts[torch.tensor(members)[:, None], torch.tensor(members)] = True
        elif group.none_attribute is not None:
            none = schema.names.index(group.none_attribute)
            conflicts[none, list(members)] = True
            conflicts[list(members), none] = True
    return conflicts.fill_diagonal_(False)
