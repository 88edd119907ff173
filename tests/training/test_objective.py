"""The loss of a batch: its parts, their weights, feedback, combinations, unknown values."""

import pytest
import torch

from attrieve.data.batch import PersonBatch
from attrieve.errors import NonFiniteLossError
from attrieve.losses.asymmetric import AttributeAsymmetricLoss
from attrieve.losses.attribute_bce import AttributeBinaryCrossEntropy, positive_rates
from attrieve.losses.focal import AttributeFocalLoss
from attrieve.losses.modality_alignment import modality_alignment
from attrieve.models.pooled_head import HeadOutput, join_heads
from attrieve.models.query_side import QuerySide
from attrieve.models.retriever import RetrieverOutput
from attrieve.training.config import Recipe
from attrieve.training.objective import Objective, known_bits
from models.tiny import tiny_schema
from reference.losses import overlap_target
from training.tiny import tiny_people, tiny_recipe

PEOPLE = tiny_people(10)
RATES = positive_rates(PEOPLE.values)
BATCH = PersonBatch(PEOPLE.images, PEOPLE.values, PEOPLE.category)


def objective_of(recipe: Recipe) -> Objective:
    torch.manual_seed(0)
    return Objective(recipe.loss, recipe.model, PEOPLE.schema, PEOPLE.values, PEOPLE.categories, seed=3)


def outputs(kind: str = "multi_task") -> tuple[RetrieverOutput, QuerySide]:
    torch.manual_seed(1)
    logits, embedding = torch.randn(10, 6, requires_grad=True), torch.randn(10, 8, requires_grad=True)
    query = QuerySide(tiny_recipe(kind).model, tiny_schema())
    return RetrieverOutput(
        None if kind == "embedding" else logits, None if kind == "attributes" else embedding
    ), query


@pytest.mark.parametrize(
    ("kind", "names"),
    [("attributes", {"par"}), ("embedding", {"ma", "asmr"}), ("multi_task", {"par", "ma", "asmr"})],
)
def test_each_kind_has_its_parts(kind: str, names: set[str]) -> None:
    """The total is the weighted sum of what is named."""
    weights = {"par": 2.0, "ma": 3.0, "asmr": 5.0}
    recipe = tiny_recipe(
        kind,
        "transformer",
        "loss.attributes.weight=2.0",
        "loss.alignment.weight=3.0",
        "loss.semantic_margin.weight=5.0",
    )
    loss = objective_of(recipe)(*outputs(kind), BATCH)
    assert set(loss.parts) == names
    expected = sum(weights[name] * float(part) for name, part in loss.parts.items())
    assert float(loss.total.detach()) == pytest.approx(expected, rel=1e-5)


def test_parts_are_the_losses_of_the_encoders_categories() -> None:
    """Recognition on the logits, alignment on the embeddings of all training categories."""
    output, query = outputs()
    loss = objective_of(tiny_recipe())(output, query, BATCH)
    assert output.logits is not None
    assert output.embedding is not None
    assert query.encoder is not None
    par = AttributeBinaryCrossEntropy(positive_rates(PEOPLE.values))(output.logits, PEOPLE.values).mean()
    categories = query.encoder(PEOPLE.categories.float())
    ma = modality_alignment(output.embedding, categories, PEOPLE.category).mean()
    assert float(loss.parts["par"]) == pytest.approx(float(par.detach()), rel=1e-5)
    assert float(loss.parts["ma"]) == pytest.approx(float(ma.detach()), rel=1e-5)


@pytest.mark.parametrize(("target", "moved"), [("par", {"par"}), ("ma", {"ma"}), ("both", {"par", "ma"})])
def test_feedback_weighs_samples_by_the_other_task(target: str, moved: set[str]) -> None:
    """Against the formula, sample by sample; the rest stays, and all of it before the warm-up ends."""
    output, query = outputs()
    plain = objective_of(tiny_recipe())(output, query, BATCH)
    recipe = tiny_recipe(
        "multi_task", "transformer", f"loss.feedback.target={target}", "loss.feedback.warm_up_epochs=2"
    )
    objective = objective_of(recipe)
    objective.start_epoch(1)
    assert objective(output, query, BATCH).parts == plain.parts
    objective.start_epoch(2)
    weighted = objective(output, query, BATCH)

    assert output.logits is not None
    assert output.embedding is not None
    assert query.encoder is not None
    samples = {
        "par": AttributeBinaryCrossEntropy(positive_rates(PEOPLE.values))(
            output.logits, PEOPLE.values
        ).tolist(),
        "ma": modality_alignment(
            output.embedding, query.encoder(PEOPLE.categories.float()), PEOPLE.category
        ).tolist(),
        "asmr": [float(plain.parts["asmr"])],
    }
    expected = dict(samples)
    for name, other in (("par", "ma"), ("ma", "par")):
        if name not in moved:
            continue
        mean = sum(samples[other]) / 10
        weight = [min(3.0, max(1 / 3, 0.5 + 0.5 * value / mean)) for value in samples[other]]
        expected[name] = [
            w * 10 / sum(weight) * value for w, value in zip(weight, samples[name], strict=True)
        ]
    for name, values in expected.items():
        assert float(weighted.parts[name]) == pytest.approx(sum(values) / len(values), rel=1e-4), name
        assert (weighted.parts[name] != plain.parts[name]) == (name in moved)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("loss.attributes.smoothing=0.1",), AttributeBinaryCrossEntropy(RATES, smoothing=0.1)),
        (
            ("loss.attributes.kind=focal", "loss.attributes.gamma=1.5", "loss.attributes.weighting=none"),
            AttributeFocalLoss(RATES, "none", gamma=1.5),
        ),
        (
            (
                "loss.attributes.kind=asymmetric",
                "loss.attributes.gamma_positive=0.5",
                "loss.attributes.gamma_negative=3",
                "loss.attributes.clip=0.1",
                "loss.attributes.smoothing=0.2",
            ),
            AttributeAsymmetricLoss(RATES, gamma_positive=0.5, gamma_negative=3.0, clip=0.1, smoothing=0.2),
        ),
    ],
    ids=["smoothing", "focal", "asymmetric"],
)
def test_the_recipe_chooses_the_recognition_loss(
    change: tuple[str, ...], expected: AttributeBinaryCrossEntropy
) -> None:
    """With each of its settings; the other parts stay as they are."""
    output, query = outputs()
    plain = objective_of(tiny_recipe())(output, query, BATCH)
    loss = objective_of(tiny_recipe("multi_task", "transformer", *change))(output, query, BATCH)
    assert output.logits is not None
    wanted = expected(output.logits, PEOPLE.values).mean()
    assert float(loss.parts["par"]) == pytest.approx(float(wanted.detach()), rel=1e-6)
    assert loss.parts["par"] != plain.parts["par"]
    assert loss.parts["ma"] == plain.parts["ma"]


@pytest.mark.parametrize("count", [0, 4])
def test_soft_targets_follow_the_overlap_of_the_categories(count: int) -> None:
    """With additional combinations or without; an unknown bit of a category differs from nothing."""
    output, query = outputs()
    categories = PEOPLE.categories.clone()
    categories[1, 2] = -1
    change = ("loss.alignment.soft_targets=0.4", "loss.alignment.temperature=0.7")
    recipe = tiny_recipe("multi_task", "transformer", *change, f"loss.combinations.count={count}")
    objective = Objective(recipe.loss, recipe.model, PEOPLE.schema, PEOPLE.values, categories, seed=3)
    objective.start_epoch(0)
    rows = categories.tolist()
    target = torch.tensor([overlap_target(rows[category], rows, 0.7) for category in BATCH.category])
    assert output.embedding is not None
    assert query.encoder is not None
    embedded = query.encoder(torch.cat([known_bits(categories), objective.extra]))
    expected = modality_alignment(
        output.embedding,
        embedded[: len(rows)],
        BATCH.category,
        extra_embedding=embedded[len(rows) :],
        soft_target=target,
        soft_share=0.4,
    ).mean()
    found = objective(output, query, BATCH).parts["ma"]
    torch.testing.assert_close(found, expected.detach())


def test_several_heads_share_the_loss() -> None:
    """Each part is the mean of what the heads' own outputs would cost; the margin counts once."""
    singles = [outputs()[0], RetrieverOutput(torch.randn(10, 6), torch.randn(10, 8))]
    _, query = outputs()
    heads = tuple(HeadOutput(output.logits, output.embedding) for output in singles)
    objective = objective_of(tiny_recipe())
    alone = [objective(output, query, BATCH).parts for output in singles]
    joined = join_heads(heads)
    together = objective(RetrieverOutput(joined.logits, joined.embedding, heads=heads), query, BATCH).parts
    for name in ("par", "ma", "asmr"):
        torch.testing.assert_close(together[name], (alone[0][name] + alone[1][name]) / 2)


def test_additional_combinations_are_negatives() -> None:
    """They add to every softmax and to the regulariser's pairs; every epoch has its own."""
    output, query = outputs()
    plain = objective_of(tiny_recipe())(output, query, BATCH)
    recipe = tiny_recipe("multi_task", "transformer", "loss.combinations.count=4")
    found = []
    for epoch in (0, 1, 0):
        objective = objective_of(recipe)
        objective.start_epoch(epoch)
        loss = objective(output, query, BATCH)
        assert loss.parts["ma"] > plain.parts["ma"]
        assert loss.parts["asmr"] != plain.parts["asmr"]
        assert loss.parts["par"] == plain.parts["par"]
        found.append(objective.extra)
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[1])
    known = {tuple(row) for row in PEOPLE.categories.tolist()}
    assert found[0].shape == (4, 6)
    assert not known & {tuple(map(int, row)) for row in found[0].tolist()}


def test_unknown_values_teach_nothing() -> None:
    """No gradient from them, and no loss; -1 is not "no"."""
    output, query = outputs("attributes")
    assert output.logits is not None
    values = PEOPLE.values.clone()
    values[:, 2] = -1
    values[3, 4] = -1
    objective = objective_of(tiny_recipe("attributes"))
    objective(output, query, PersonBatch(PEOPLE.images, values, PEOPLE.category)).total.backward()
    assert output.logits.grad is not None
    assert torch.equal(output.logits.grad == 0, values < 0)


def test_unknown_bits_enter_the_encoder_half_way() -> None:
    """Neither yes nor no."""
    assert known_bits(torch.tensor([[1, 0, -1]], dtype=torch.int8)).tolist() == [[1.0, 0.0, 0.5]]


def test_a_part_that_is_not_finite_is_named() -> None:
    """So that one knows where to look."""
    output, query = outputs()
    assert output.embedding is not None
    poisoned = RetrieverOutput(output.logits, output.embedding * float("nan"))
    with pytest.raises(NonFiniteLossError, match="ma = nan"):
        objective_of(tiny_recipe())(poisoned, query, BATCH)
