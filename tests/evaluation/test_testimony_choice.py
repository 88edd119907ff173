"""What is chosen on validation people is what is handed on: fitted on all of them, joined as it was best."""

import numpy as np
import torch

from attrieve.evaluation.testimony_choice import choose_scores
from attrieve.evaluation.testimony_distances import NATS, POWERS, SeenPeople, fit_scores
from models.tiny import NAMES, tiny_backbone, tiny_retriever

CATEGORIES, EACH = 24, 4


def people(query: torch.nn.Module, *, embeds: bool) -> SeenPeople:
    """People whose logits say little and whose embedding, if any, is that of their true description."""
    generator = np.random.default_rng(0)
    patterns = np.unique(generator.integers(0, 2, (200, len(NAMES))), axis=0)[:CATEGORIES]
    category = np.repeat(np.arange(CATEGORIES), EACH)
    values = torch.from_numpy(patterns[category].astype(np.int8))
    noise = torch.from_numpy(generator.normal(0, 2.5, values.shape)).float()
    embedding = query.embed_queries(values.float()).detach() if embeds else None
    return SeenPeople((2 * values - 1).float() + noise, embedding, values, torch.from_numpy(category))


def test_what_is_handed_on_is_fitted_on_all_validation_people() -> None:
    """Not on those that the last part left."""
    with tiny_backbone():
        query = tiny_retriever("attributes").query
    everybody = people(query, embeds=False)
    shift = torch.linspace(-0.5, 0.5, len(NAMES))
    chosen = choose_scores(everybody, query, shift).fitted
    expected = fit_scores(everybody, query.schema, shift)
    assert chosen.curves == expected.curves
    torch.testing.assert_close(chosen.weight, expected.weight)
    torch.testing.assert_close(chosen.ranking.wanted, expected.ranking.wanted)
    torch.testing.assert_close(chosen.joint.logits(everybody.logit), expected.joint.logits(everybody.logit))


def test_an_embedding_that_knows_all_is_given_much_weight() -> None:
    """Evidence of the embedding is as strong as was tried, and not what stands there before choosing."""
    with tiny_backbone():
        query = tiny_retriever("multi_task").query
    query.training_categories = torch.cartesian_prod(*[torch.tensor([0, 1], dtype=torch.int8)] * len(NAMES))
    query.training_category_counts = torch.ones(len(query.training_categories), dtype=torch.int64)
    chosen = choose_scores(people(query, embeds=True), query, torch.zeros(len(NAMES))).fitted
    assert chosen.nats == max(NATS)
    assert chosen.power in POWERS
