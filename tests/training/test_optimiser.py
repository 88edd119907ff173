"""Which weight moves at which rate, and how rates change."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attrieve.training.config import OptimiserSettings
from attrieve.training.objective import Objective
from attrieve.training.optimiser import build_optimiser, build_schedule, rate_factor
from attrieve.training.run import build_retriever
from models.tiny import tiny_retriever
from training.tiny import tiny_people, tiny_recipe


def optimiser_for(settings: OptimiserSettings) -> tuple[torch.optim.Optimizer, dict[int, str]]:
    retriever, people, recipe = tiny_retriever(), tiny_people(), tiny_recipe()
    objective = Objective(recipe.loss, recipe.model, people.schema, people.values, people.categories, seed=0)
    names = {id(parameter): name for name, parameter in retriever.named_parameters()}
    names |= {id(parameter): f"objective.{name}" for name, parameter in objective.named_parameters()}
    return build_optimiser(settings, retriever, objective), names


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("decay_vectors", [True, False])
def test_every_weight_has_one_rate(name: str, decay_vectors: bool) -> None:
    """Encoder, regulariser and rest as the recipe says; no weight twice, none forgotten."""
    settings = OptimiserSettings.model_validate(
        {
            "name": name,
            "rate": 0.25,
            "encoder_rate": 2.0,
            "weight_decay": 0.125,
            "decay_vectors": decay_vectors,
        }
    )
    optimiser, names = optimiser_for(settings)
    seen: list[str] = []
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            named = names[id(parameter)]
            seen.append(named)
            spared = parameter.ndim == 1 and not decay_vectors and not named.startswith("query.encoder.")
            if named.startswith("objective."):
                assert (group["lr"], group["weight_decay"]) == (1.25, 0.0)
            else:
                assert group["lr"] == (2.0 if named.startswith("query.encoder.") else 0.25)
                assert group["weight_decay"] == (0.0 if spared else 0.125), named
    assert sorted(seen) == sorted(names.values())


def test_sgd_has_the_recipes_momentum() -> None:
    """As the paper: momentum 0.9, decay 5e-4."""
    optimiser, _ = optimiser_for(OptimiserSettings())
    assert {group["momentum"] for group in optimiser.param_groups} == {0.9}
    assert {group["weight_decay"] for group in optimiser.param_groups} == {5e-4, 0.0}


def test_the_papers_schedule_steps_once() -> None:
    """Every group's rate falls to a tenth after epoch 10 and stays there."""
    optimiser, _ = optimiser_for(OptimiserSettings())
    schedule = build_schedule(OptimiserSettings(), optimiser, steps_per_epoch=3, epochs=20)
    start = [group["lr"] for group in optimiser.param_groups]
    for step in range(60):
        factor = 1.0 if step < 30 else 0.1
        assert [group["lr"] for group in optimiser.param_groups] == pytest.approx(
            [factor * rate for rate in start]
        )
        optimiser.step()
        schedule.step()


@pytest.mark.parametrize(
    ("schedule", "warm_up", "start"), [("one_cycle", 0.3, 1 / 25), ("cosine", 0.05, 0.0)]
)
@given(step=st.integers(0, 1000))
def test_cycles_rise_and_fall_as_cosines(schedule: str, warm_up: float, start: float, step: int) -> None:
    """From ``start`` to 1 in the first share, to 0 at the end: half a cosine wave each."""
    settings = OptimiserSettings.model_validate({"schedule": schedule})
    got = rate_factor(settings, step, steps_per_epoch=10, total=1000)
    top = 1000 * warm_up
    if step <= top:
        expected = start + (1 - start) * math.sin(math.pi / 2 * step / top) ** 2
    else:
        expected = math.cos(math.pi / 2 * (step - top) / (1000 - top)) ** 2
    assert got == pytest.approx(expected, abs=1e-9)


def test_a_constant_rate_is_constant_and_no_rate_is_negative_after_the_end() -> None:
    """A step too many does no harm."""
    constant = OptimiserSettings(schedule="constant")
    assert {rate_factor(constant, step, steps_per_epoch=1, total=5) for step in range(9)} == {1.0}
    cosine = OptimiserSettings(schedule="cosine")
    assert rate_factor(cosine, 7, steps_per_epoch=1, total=5) == pytest.approx(0.0)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_frozen_weights_are_left_out(name: str) -> None:
    """No group holds them, so neither gradient nor decay moves them; all others decay."""
    recipe = tiny_recipe("attributes", "pooled", "model.backbone.frozen_stages=2")
    people = tiny_people()
    retriever = build_retriever(recipe, people).train()
    objective = Objective(recipe.loss, recipe.model, people.schema, people.values, people.categories, seed=0)
    settings = OptimiserSettings.model_validate({"name": name, "rate": 0.1, "weight_decay": 0.5})
    optimiser = build_optimiser(settings, retriever, objective)
    before = {key: parameter.detach().clone() for key, parameter in retriever.named_parameters()}
    for parameter in retriever.parameters():
        parameter.grad = torch.zeros_like(parameter)  # decay alone
    optimiser.step()
    frozen = {key for key, parameter in retriever.named_parameters() if not parameter.requires_grad}
    unmoved = {key for key, parameter in retriever.named_parameters() if torch.equal(parameter, before[key])}
    zeros = {key for key, parameter in before.items() if not parameter.any()}
    assert frozen
    assert unmoved - zeros == frozen - zeros
