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
EVERYTHING = (
    *SWITCHED,
    "model.spatial_projection=true",
    "model.logit_norm=both",
    "model.heads_ensemble=2",
    "model.pooled_dropout=0.3",
    "data.sampling=rare_attributes",
    "data.rare_share=1.0",
    "loss.attributes.kind=focal",
    "loss.attributes.smoothing=0.05",
    "loss.alignment.soft_targets=0.2",
)
CPU = Machine(accelerator="cpu")


@pytest.mark.parametrize("changes", [PLAIN, SWITCHED], ids=["plain", "switched"])
def test_both_branches_learn(changes: tuple[str, ...], tmp_path: Path) -> None:
    """Both losses fall; the saved model knows more than the rates, and its embedding more than chance."""
    quick = ("training.epochs=5", "training.batch=8", "optimiser.rate=1e-2", "optimiser.encoder_rate=1e-2")
    people = tiny_people()
    train(
        tiny_recipe("multi_task", "pooled", *quick, *changes),
        people,
        tmp_path,
        machine=CPU,
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
    # images that all point the same way have one category right; how many more differs between processors
    assert (nearest == people.category).float().mean() > 1.5 / len(people.categories)


class Stopped(Exception):  # noqa: N818  # no error of ours
    """Stands for a kill."""


def test_with_everything_on_a_stopped_run_goes_on_to_the_very_same_weights(tmp_path: Path) -> None:
    """Running statistics, several dropouts and weighted epochs included."""
    recipe = tiny_recipe("multi_task", "pooled", *EVERYTHING, "training.epochs=2")
    train(recipe, tiny_people(), tmp_path / "whole", machine=CPU)
    calls = []

    def stops_in_second_epoch(retriever: Retriever) -> dict[str, float]:
        calls.append(retriever)
        if len(calls) == 2:
            raise Stopped
        return {}

    with pytest.raises(Stopped):
        train(recipe, tiny_people(), tmp_path / "cut", machine=CPU, validate=stops_in_second_epoch)
    train(recipe, tiny_people(), tmp_path / "cut", machine=CPU)
    whole, cut = (Retriever.from_pretrained(tmp_path / name) for name in ("whole", "cut"))
    assert whole.fingerprint == cut.fingerprint
    assert whole.logit_norm is not None
    assert any(name.startswith("more_heads.0.") for name in whole.state_dict())
