"""Both branches on one pooled map, trained together."""

from pathlib import Path

import pytest
import torch

from attrieve.models.retriever import Retriever
from attrieve.training.run import Machine, train
from training.tiny import read_lines, tiny_people, tiny_recipe

PLAIN: tuple[str, ...] = ()
SWITCHED = (
    "model.pooling=average_and_maximum",
    "model.parts=2",
    "loss.feedback.target=both",
    "loss.combinations.count=3",
)


@pytest.mark.parametrize("changes", [PLAIN, SWITCHED], ids=["plain", "switched"])
def test_both_branches_learn(changes: tuple[str, ...], tmp_path: Path) -> None:
    """Both losses fall; the saved model knows more than the rates, and its embedding more than chance."""
    quick = ("training.epochs=5", "training.batch=8", "optimiser.rate=1e-2", "optimiser.encoder_rate=1e-2")
    people = tiny_people()
    train(
        tiny_recipe("multi_task", "pooled", *quick, *changes),
        people,
        tmp_path,
        machine=Machine(accelerator="cpu"),
    )
    lines = read_lines(tmp_path / "journal.csv")
    for part in ("par", "ma"):
        assert float(lines[-1][part]) < 0.8 * float(lines[0][part]), part

    retriever = Retriever.from_pretrained(tmp_path)
    with torch.inference_mode():
        described = retriever.embed_images(people.images)
        queries = retriever.embed_queries(people.categories.float())
    assert described.probability is not None
    assert described.embedding is not None
    assert queries is not None
    rate = people.values.float().mean(dim=0)
    by_rates = torch.maximum(rate, 1 - rate).mean()
    assert ((described.probability > 0.5) == (people.values == 1)).float().mean() > by_rates
    nearest = (described.embedding @ queries.T).argmax(dim=1)
    assert (nearest == people.category).float().mean() > 2 / len(people.categories)
