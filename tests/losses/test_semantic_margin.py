"""The semantic margin without its pair tensor against the one with it, and what it rewards."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from attrieve.errors import ConfigurationError, InputError
from attrieve.losses.semantic_margin import (
    GroupCodes,
    GroupWeighting,
    SemanticMarginRegulariser,
    Variant,
    encode_groups,
)
from attrieve.schema.attributes import AttributeSchema, load_vocabulary
from reference.losses import pair_cosines_and_targets, semantic_margin

VARIANTS: tuple[Variant, ...] = ("published", "centred")
WEIGHTINGS: tuple[GroupWeighting, ...] = ("free", "one_plus", "simplex")
SCHEMA: AttributeSchema = load_vocabulary("peta35")


def draw(seed: int, categories: int, dim: int = 5, *, unknown: bool = False) -> tuple[Tensor, Tensor]:
    """Embeddings and values of random categories."""
    generator = torch.Generator().manual_seed(seed)
    values = (torch.rand(categories, len(SCHEMA), generator=generator) < 0.3).to(torch.int8)
    if unknown:
        values[torch.rand(values.shape, generator=generator) < 0.1] = -1
    return torch.randn(categories, dim, generator=generator, dtype=torch.float64), values


def build(
    codes: GroupCodes, seed: int = 0, tau: float = 6.0, spread: float = 1.0, **settings: object
) -> SemanticMarginRegulariser:
    """A regulariser in double precision with widely spread weights."""
    regulariser = SemanticMarginRegulariser(codes.group_count, tau, **settings).double()  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        regulariser.raw_weight.normal_(0, spread, generator=generator)
    return regulariser


def whole_matrix(
    embedding: Tensor, values: Tensor, weight: Tensor, tau: float, variant: Variant, *, by: str = "group"
) -> Tensor:
    """The loss with everything stored and ordinary autograd: pairs x groups booleans, upper triangle."""
    groups = SCHEMA.group_indices if by == "group" else [(i,) for i in range(len(SCHEMA))]
    differ = torch.stack(
        [(values[:, None, list(g)] != values[None, :, list(g)]).any(dim=2) for g in groups], dim=2
    )
    first, second = torch.triu_indices(len(values), len(values), offset=1)
    target = torch.sigmoid(1 - differ[first, second].to(weight.dtype) @ weight / tau)
    unit = functional.normalize(embedding, dim=1)
    cosine = (unit[first] * unit[second]).sum(dim=1)
    if variant == "centred":
        target = target - target.mean()
    return (cosine - cosine.mean() - target).square().mean()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), categories=st.integers(2, 9), unknown=st.booleans())
def test_equals_the_loop_twin(
    weighting: GroupWeighting, variant: Variant, seed: int, categories: int, unknown: bool
) -> None:
    """Loops over pairs and groups give the same value, unknown values included."""
    embedding, values = draw(seed, categories, unknown=unknown)
    codes = encode_groups(values, SCHEMA)
    regulariser = build(codes, seed, weighting=weighting, variant=variant, block_rows=4)
    pairs = pair_cosines_and_targets(
        embedding.tolist(), values.tolist(), SCHEMA.group_indices, regulariser.group_weights().tolist(), 6.0
    )
    found = regulariser(embedding, codes).item()
    assert found == pytest.approx(semantic_margin(*pairs, variant), abs=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("by", ["group", "attribute"])
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_value_and_gradients_equal_ordinary_autograd(
    weighting: GroupWeighting, by: str, variant: Variant
) -> None:
    """The hand-made gradients equal those of the stored pair tensor, to embeddings and weights."""
    embedding, values = draw(3, categories=23)
    embedding.requires_grad_()
    codes = encode_groups(values, SCHEMA, grouping=by)  # type: ignore[arg-type]
    regulariser = build(codes, 1, weighting=weighting, variant=variant, block_rows=7)
    inputs = (embedding, regulariser.raw_weight)
    found = regulariser(embedding, codes)
    expected = whole_matrix(embedding, values, regulariser.group_weights(), 6.0, variant, by=by)
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(
        torch.autograd.grad(found, inputs), torch.autograd.grad(expected, inputs), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("sampled_rows", [None, 4])
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient_in_double(variant: Variant, sampled_rows: int | None) -> None:
    """The gradients agree with finite differences, with all rows and with sampled ones."""
    embedding, values = draw(5, categories=9, dim=3)
    codes = encode_groups(values, SCHEMA)
    regulariser = build(codes, 2, variant=variant, block_rows=3, sampled_rows=sampled_rows)

    def loss(points: Tensor, weight: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.func.functional_call(
            regulariser, {"raw_weight": weight}, (points, codes), {"generator": generator}
        )

    assert torch.autograd.gradcheck(loss, (embedding.requires_grad_(), regulariser.raw_weight))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), categories=st.integers(2, 40))
def test_published_form_is_centred_form_plus_squared_mean_target(seed: int, categories: int) -> None:
    """L = mean ((a - mu) - (t - mean t))^2 + (mean t)^2, the identity behind the centred form."""
    embedding, values = draw(seed, categories)
    codes = encode_groups(values, SCHEMA)
    published, centred = (build(codes, seed, variant=variant) for variant in VARIANTS)
    _, targets = pair_cosines_and_targets(
        embedding.tolist(), values.tolist(), SCHEMA.group_indices, published.group_weights().tolist(), 6.0
    )
    gap = published(embedding, codes) - centred(embedding, codes)
    assert gap.item() == pytest.approx((sum(targets) / len(targets)) ** 2, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(block_rows=st.integers(1, 70), seed=st.integers(0, 100))
def test_block_size_does_not_matter(block_rows: int, seed: int) -> None:
    """Any number of rows per block gives the same value and gradients."""
    embedding, values = draw(seed, categories=53)
    embedding.requires_grad_()
    codes = encode_groups(values, SCHEMA)
    results = []
    for rows in (block_rows, 53):
        regulariser = build(codes, seed, block_rows=rows)
        loss = regulariser(embedding, codes)
        results.append((loss, *torch.autograd.grad(loss, (embedding, regulariser.raw_weight))))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_order_of_categories_does_not_matter() -> None:
    """Categories are a set: shuffling them changes nothing."""
    embedding, values = draw(8, categories=30)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    losses = []
    for rows in (torch.arange(30), order):
        codes = encode_groups(values[rows], SCHEMA)
        losses.append(build(codes, 8)(embedding[rows], codes))
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_sampled_rows_are_unbiased(variant: Variant) -> None:
    """Over many draws, value and gradients average to those of all pairs within four standard errors."""
    embedding, values = draw(9, categories=12)
    embedding.requires_grad_()
    codes = encode_groups(values, SCHEMA)
    inputs = []
    for sampled_rows in (None, 3):
        regulariser = build(codes, 9, variant=variant, sampled_rows=sampled_rows)
        generator = torch.Generator().manual_seed(4)
        draws = []
        for _ in range(1 if sampled_rows is None else 600):
            loss = regulariser(embedding, codes, generator=generator)
            gradients = torch.autograd.grad(loss, (embedding, regulariser.raw_weight))
            draws.append(torch.cat([loss.detach()[None], *(g.reshape(-1) for g in gradients)]))
        inputs.append(torch.stack(draws))
    truth, sampled = inputs
    error = (sampled.mean(dim=0) - truth[0]).abs()
    standard_error = sampled.std(dim=0) / len(sampled) ** 0.5
    assert (standard_error > 0).any()
    assert (error <= 4.5 * standard_error + 1e-12).all()


def test_as_many_sampled_rows_as_categories_is_exact() -> None:
    """Asking for all rows or more takes every pair once."""
    embedding, values = draw(10, categories=11)
    codes = encode_groups(values, SCHEMA)
    exact = build(codes)(embedding, codes)
    for rows in (11, 500):
        assert build(codes, sampled_rows=rows)(embedding, codes) == exact


def test_the_draw_follows_the_generator() -> None:
    """The same generator state draws the same rows, another one others."""
    embedding, values = draw(11, categories=40)
    codes = encode_groups(values, SCHEMA)
    regulariser = build(codes, sampled_rows=5)
    first, again, other = (
        regulariser(embedding, codes, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_heavier_weights_pay_in_the_published_form_only() -> None:
    """Raising every weight lowers the published loss; on the simplex it changes nothing."""
    embedding, values = draw(12, categories=60)
    codes = encode_groups(values, SCHEMA, grouping="attribute")
    published = build(codes, spread=0.0, tau=17.5)
    centred = build(codes, tau=17.5, weighting="simplex", variant="centred")
    falling, steady = [], []
    for shift in (0.0, 1.0, 3.0, 10.0):
        with torch.no_grad():
            published.raw_weight.fill_(shift)
            before = centred(embedding, codes)
            centred.raw_weight.add_(shift)
        falling.append(published(embedding, codes).item())
        steady.append((centred(embedding, codes) - before).item())
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < 0.5 * falling[0]
    assert steady == pytest.approx([0.0] * 4, abs=1e-12)


def test_simplex_weights_sum_to_the_number_of_groups() -> None:
    """The budget is K, and every weight is positive."""
    codes = encode_groups(draw(0, 4)[1], SCHEMA)
    weight = build(codes, 3, spread=3.0, weighting="simplex").group_weights()
    assert weight.sum().item() == pytest.approx(codes.group_count)
    assert (weight > 0).all()


def test_weights_start_in_the_published_range() -> None:
    """The learned numbers start uniform in (-0.25, 0.25)."""
    weight = SemanticMarginRegulariser(1000, 1.0).raw_weight
    assert weight.abs().max() <= 0.25
    assert weight.std().item() == pytest.approx(0.5 / 12**0.5, rel=0.1)


def test_float32_inside_autocast() -> None:
    """bfloat16 embeddings under autocast give the float32 loss of the same numbers, with gradients."""
    embedding, values = draw(13, categories=20)
    codes = encode_groups(values, SCHEMA)
    regulariser = SemanticMarginRegulariser(codes.group_count, 6.0)
    low = embedding.bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = regulariser(low, codes)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, regulariser(low.float(), codes))
    inside.backward()
    assert low.grad is not None
    assert low.grad.dtype == torch.bfloat16


def test_float32_is_close_to_double() -> None:
    """Single precision over 700 categories stays within 1e-6 of double precision."""
    embedding, values = draw(14, categories=700, dim=64)
    codes = encode_groups(values, SCHEMA)
    regulariser = SemanticMarginRegulariser(codes.group_count, 6.0)
    double = regulariser(embedding, codes)
    assert regulariser(embedding.float(), codes).item() == pytest.approx(double.item(), abs=1e-6)


@pytest.mark.parametrize("frozen", ["embedding", "weight", "both"])
def test_only_what_trains_gets_a_gradient(frozen: str) -> None:
    """A frozen side costs no gradient; with both frozen there is no graph."""
    embedding, values = draw(15, categories=10)
    codes = encode_groups(values, SCHEMA)
    regulariser = build(codes)
    embedding.requires_grad_(frozen == "weight")
    regulariser.raw_weight.requires_grad_(frozen == "embedding")
    loss = regulariser(embedding, codes)
    assert loss.requires_grad == (frozen != "both")
    if loss.requires_grad:
        loss.backward()
    assert (embedding.grad is not None) == (frozen == "weight")
    assert (regulariser.raw_weight.grad is not None) == (frozen == "embedding")


def test_twins_in_every_attribute_have_the_closed_form() -> None:
    """Two equal categories: a = mu, t = sigmoid(1), so the loss is sigmoid(1)^2, or 0 centred."""
    codes = encode_groups(torch.zeros(2, len(SCHEMA), dtype=torch.int8), SCHEMA)
    embedding = torch.ones(2, 3, dtype=torch.float64)
    expected = torch.sigmoid(torch.tensor(1.0, dtype=torch.float64)).square()
    torch.testing.assert_close(build(codes)(embedding, codes), expected)
    assert build(codes, variant="centred")(embedding, codes).item() == pytest.approx(0, abs=1e-12)


def test_refusals() -> None:
    """Too few categories, foreign codes and settings out of range are refused."""
    embedding, values = draw(16, categories=6)
    codes = encode_groups(values, SCHEMA)
    with pytest.raises(InputError, match="at least two categories"):
        build(codes)(embedding[:1], encode_groups(values[:1], SCHEMA))
    with pytest.raises(InputError, match="codes of 6 categories, got codes of 5"):
        build(codes)(embedding, encode_groups(values[:5], SCHEMA))
    with pytest.raises(InputError, match="weights for 12 groups, the codes have 35"):
        build(codes)(embedding, encode_groups(values, SCHEMA, grouping="attribute"))
    for wrong in ({"tau": 0.0}, {"tau": 1.0, "block_rows": 0}, {"tau": 1.0, "sampled_rows": 1}):
        with pytest.raises(ConfigurationError):
            SemanticMarginRegulariser(3, **wrong)  # type: ignore[arg-type]
