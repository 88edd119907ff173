import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from attrieve.errors import ConfigurationError, InputError
from attrieve.evaluation import (
    Predictions,
    Protocol,
    build_task,
    default_fusions,
    evaluate_predictions,
    evaluate_retrieval,
    report_table,
)
from attrieve.evaluation.distances import distance_blocks
from attrieve.schema import Attribute, AttributeSchema, Group, GroupKind
from attrieve.scoring import Fusion, Normalisation, cosine_distance, euclidean_distance, fuse

NAMES = tuple(f"attribute{number}" for number in range(5))
SCHEMA = AttributeSchema(
    "toy",
    tuple(Attribute(name, name) for name in NAMES),
    tuple(Group(name, GroupKind.BINARY, (name,)) for name in NAMES),
)
GENERATOR = np.random.default_rng(0)
VALUES = GENERATOR.integers(0, 2, size=(60, 5)).astype(np.int8)
CATEGORIES = 2 * (VALUES @ np.array([1, 2, 4, 8, 16])) + GENERATOR.integers(0, 2, size=60)
PROJECTION = torch.from_numpy(GENERATOR.normal(size=(5, 8)).astype(np.float32))
METRICS = {"map", "map_trapezoid", "rank1", "rank5", "rank10", "minp", "madm", "queries", "without_match"}


def embed(query):
    return (2 * query - 1) @ PROJECTION


def predictions(*, recognition=True, embedding=True, noise=0.8):
    generator = torch.Generator().manual_seed(1)
    values = torch.from_numpy(VALUES).float()
    shaky = values + noise * torch.randn(values.shape, generator=generator)
    return Predictions(
        probability=shaky.clamp(0, 1) if recognition else None,
        image_embedding=embed(shaky.flip(0).flip(0)) if embedding else None,
        embed_queries=embed if embedding else None,
    )


def report(given, fusions=None, protocols=tuple(Protocol), persons=60, **options):
    return evaluate_predictions(
        given,
        schema=SCHEMA,
        train_values=VALUES[:10],
        test_values=VALUES[:persons],
        test_categories=CATEGORIES[:persons],
        protocols=protocols,
        fusions=default_fusions() if fusions is None else fusions,
        **options,
    )


def test_the_json_has_stable_names():
    """Result files and tables read these."""
    document = report(predictions()).to_json()
    assert set(document) == {"vocabulary", "recognition", "protocols", "retrieval"}
    assert set(document["retrieval"]) == {"unique", "categories", "representative_removed", "per_image"}
    for by_distance in document["retrieval"].values():
        assert list(by_distance) == [
            *("attributes", "embedding", "fused", "fused-query", "fused-static"),
            *("independent-likelihood", "likelihood", "likelihood-fused"),
        ]
        for parts in by_distance.values():
            assert set(parts) == {"overall", "seen", "unseen"}
            assert {"map", "map_trapezoid", "rank1", "rank5", "rank10", "minp", "madm"} < set(
                parts["overall"]
            )
    assert {"mean_accuracy", "accuracy", "precision", "recall", "f1"} < set(document["recognition"])
    assert list(document["recognition"]["attributes"]) == list(NAMES)
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_perfect_model_scores_a_hundred():
    """Where relevance is the vector itself, recognition without error finds everybody."""
    found = report(predictions(noise=0.0))
    for protocol in (Protocol.UNIQUE, Protocol.PER_IMAGE):
        for metrics in found.retrieval[protocol].values():
            assert metrics.overall.map == pytest.approx(100)
            assert metrics.overall.madm == pytest.approx(100)
    assert found.recognition.mean_accuracy == 100


@pytest.mark.parametrize("normalisation", list(Normalisation))
@pytest.mark.parametrize("block_bytes", [2**28, 60 * 4 * 3])
def test_fusion_by_blocks_equals_fusion_of_the_matrix(monkeypatch, normalisation, block_bytes):
    """The report's block-wise distances give the metrics of the matrices fused at once."""
    monkeypatch.setattr("attrieve.evaluation.retrieval.BLOCK_BYTES", block_bytes)
    monkeypatch.setattr("attrieve.evaluation.distances.BLOCK_BYTES", block_bytes)
    given, fusion = predictions(), Fusion(0.7, 1.0, normalisation)
    task = build_task(Protocol.UNIQUE, train_values=VALUES[:10], test_values=VALUES)
    query = torch.from_numpy(task.query_values).float()
    static = 5**0.5 if normalisation is Normalisation.STATIC else None
    whole = fuse(
        euclidean_distance(query, given.probability),
        cosine_distance(embed(query), given.image_embedding),
        fusion,
        attribute_maximum=static,
    )
    expected = evaluate_retrieval(lambda block: whole[block], task).overall
    found = report(given, {"mine": fusion}, [Protocol.UNIQUE]).retrieval[Protocol.UNIQUE]["mine"].overall
    assert found.map == pytest.approx(expected.map, rel=1e-6)
    assert found.madm == pytest.approx(expected.madm, rel=1e-6)


def test_models_with_one_branch_are_measured_by_it():
    """No fusion, and no recognition without probabilities."""
    only = report(predictions(embedding=False))
    assert list(only.retrieval[Protocol.UNIQUE]) == ["attributes", "independent-likelihood", "likelihood"]
    embedding = report(predictions(recognition=False), graded=False)
    assert list(embedding.retrieval[Protocol.UNIQUE]) == ["embedding"]
    assert embedding.to_json()["recognition"] is None
    assert embedding.retrieval[Protocol.UNIQUE]["embedding"].overall.madm is None


def test_both_branches_help_each_other():
    """Two independent looks at one person rank better than either: the point of the paper."""
    generator = torch.Generator().manual_seed(5)
    values = torch.from_numpy(VALUES).float()
    looks = [values + 0.7 * torch.randn(values.shape, generator=generator) for _ in range(2)]
    given = Predictions(looks[0].clamp(0, 1), embed(looks[1]), embed)
    found = report(given, {"fused": Fusion(1.0, 1.0)}, [Protocol.UNIQUE]).retrieval[Protocol.UNIQUE]
    alone = max(found["attributes"].overall.map, found["embedding"].overall.map)
    assert found["fused"].overall.map > alone


@pytest.mark.parametrize("shift", [None, torch.tensor([-0.8, -0.2, 0.0, 0.3, 0.9])])
def test_likelihood_distances_are_sums_of_log_probabilities(shift):
    """Against a loop: logits shifted, one of a group by softmax, the others alone, plus nats."""
    pair = Group("pair", GroupKind.EXCLUSIVE_OR_NONE, NAMES[:2])
    schema = AttributeSchema(
        "toy", SCHEMA.attributes, (pair, *(Group(name, GroupKind.BINARY, (name,)) for name in NAMES[2:]))
    )
    given = replace(predictions(), logit_shift=shift, embedding_nats=7.0)
    task = build_task(Protocol.UNIQUE, train_values=VALUES[:10], test_values=VALUES)
    blocks = distance_blocks(given, task, schema, {})
    whole = {name: block(slice(0, len(task.query_values))) for name, block in blocks.items()}
    for number in range(0, len(task.query_values), 3):
        asked = task.query_values[number]
        for person in range(0, 60, 7):
            probability = given.probability[person].double().clamp(2**-24, 1 - 2**-24)
            logit = torch.log(probability / (1 - probability)) + (0 if shift is None else shift)
            alone = sum(
                math.log1p(math.exp(-z if wanted else z)) for z, wanted in zip(logit, asked, strict=True)
            )
            assert float(whole["independent-likelihood"][number, person]) == pytest.approx(alone, abs=2e-4)
            grouped = alone
            if asked[0] + asked[1] < 2:
                odds = [math.exp(logit[0]), math.exp(logit[1]), 1.0]
                chosen = 0 if asked[0] else 1 if asked[1] else 2
                pair_alone = sum(
                    math.log1p(math.exp(-z if wanted else z))
                    for z, wanted in zip(logit[:2], asked[:2], strict=True)
                )
                grouped = alone - pair_alone - math.log(odds[chosen] / sum(odds))
            assert float(whole["likelihood"][number, person]) == pytest.approx(grouped, abs=2e-4)
            together = grouped + 7 * float(whole["embedding"][number, person])
            assert float(whole["likelihood-fused"][number, person]) == pytest.approx(together, abs=2e-4)


def test_the_table_shows_every_distance():
    """One row per protocol and distance, for people."""
    console = Console(width=200, file=io.StringIO())
    found = report(predictions())
    table = report_table(found)
    assert table.row_count == 4 * 8
    console.print(table)
    text = console.file.getvalue()
    assert f"{found.retrieval[Protocol.UNIQUE]['fused'].overall.map:.1f}" in text
    assert "representative_removed" in text
    assert report_table(report(predictions(recognition=False), graded=False)).row_count == 4


def test_predictions_need_a_whole_branch():
    """Half an embedding, or nothing."""
    with pytest.raises(InputError, match="both are missing"):
        Predictions(None, None, None)
    with pytest.raises(InputError, match="or neither"):
        Predictions(None, torch.zeros(1, 2), None)


def test_what_does_not_fit_together_is_refused():
    """Persons, attributes, and names already taken."""
    short = Predictions(torch.zeros(59, 5), None, None)
    with pytest.raises(InputError, match=r"\(60, 5\) expected, got \(59, 5\)"):
        report(short)
    with pytest.raises(InputError, match="embeddings of 60 images"):
        report(Predictions(None, torch.zeros(59, 2), embed))
    with pytest.raises(InputError, match="has 5 attributes, the test set 4"):
        evaluate_predictions(
            short,
            schema=SCHEMA,
            train_values=VALUES[:, :4],
            test_values=VALUES[:, :4],
            test_categories=None,
            protocols=[],
            fusions={},
        )
    with pytest.raises(ConfigurationError, match="'embedding'"):
        report(predictions(), {"embedding": Fusion()})


def test_an_empty_test_set_is_refused():
    """Before anything is computed."""
    with pytest.raises(InputError, match="no images"):
        report(Predictions(torch.zeros(0, 5), None, None), persons=0)
