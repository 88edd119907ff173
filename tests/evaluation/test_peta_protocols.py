"""The protocols on the paper's split of PETA, against numbers known from its annotation file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat

from attrieve.evaluation import Protocol, build_task, evaluate_retrieval


@pytest.fixture(scope="module")
def split(shared_data: Path):
    """Model vectors of training and test images, and test categories, by SAL's rule with seed 2."""
    labels = loadmat(shared_data / "peta" / "PETA.mat")["peta"][0, 0]["data"][:, 4:109].astype(np.int8)
    _, first, inverse = np.unique(labels, axis=0, return_index=True, return_inverse=True)
    category = np.argsort(np.argsort(first))[inverse.reshape(-1)]
    several = np.flatnonzero(np.bincount(category) > 1)
    chosen = np.random.RandomState(2).choice(len(several), len(several) - 200, replace=False)
    train = np.isin(category, several[chosen])
    test = np.isin(category, several) & ~train
    assert (train.sum(), test.sum()) == (12_140, 1_181)
    return labels[train][:, :35], labels[test][:, :35], category[test]


def task_of(protocol, split):
    train, test, categories = split
    return build_task(protocol, train_values=train, test_values=test, test_categories=categories)


def truth(task):
    """Return what recognition without error gives: the number of differing attributes."""
    query, person = torch.from_numpy(task.query_values).float(), torch.from_numpy(task.person_values).float()
    return torch.cdist(query, person, p=1)


def test_the_counts_of_the_paper_split(split):
    """184 distinct queries, 110 of them unseen; 200 categories; 1,181 images."""
    unique = task_of(Protocol.UNIQUE, split)
    assert (len(unique.seen), (~unique.seen).sum()) == (184, 110)
    assert len(task_of(Protocol.CATEGORIES, split).seen) == 200
    assert len(task_of(Protocol.REPRESENTATIVE_REMOVED, split).seen) == 200
    assert len(task_of(Protocol.PER_IMAGE, split).seen) == 1181


@pytest.mark.parametrize("protocol", [Protocol.UNIQUE, Protocol.PER_IMAGE])
def test_recognition_without_error_is_perfect(split, protocol):
    """Where relevance is the vector the model speaks of."""
    task = task_of(protocol, split)
    distance = truth(task)
    scores = evaluate_retrieval(lambda block: distance[block], task).overall
    assert (scores.map, scores.rank1, scores.minp) == (100, 100, 100)
    assert scores.madm == pytest.approx(100)


def test_full_categories_have_a_ceiling(split):
    """35 attributes cannot tell 200 categories of 105 apart: mAP 94.3 and R1 92.0 at best."""
    task = task_of(Protocol.CATEGORIES, split)
    generator = torch.Generator().manual_seed(0)
    distance = truth(task)
    # Equal vectors stand in random order; the ceiling is the mean over such orders.
    shaken = [distance + 0.1 * torch.rand(distance.shape, generator=generator) for _ in range(20)]
    scores = [evaluate_retrieval(lambda b, d=d: d[b], task, graded=False).overall for d in shaken]
    assert np.mean([score.map for score in scores]) == pytest.approx(94.3, abs=0.3)
    assert np.mean([score.rank1 for score in scores]) == pytest.approx(92.0, abs=0.7)
