"""Modality alignment against its loop twin, at the edges of the cosine, and with extra negatives."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from torch import Tensor
from torch.nn import functional

from attrieve.errors import InputError
from attrieve.losses.modality_alignment import modality_alignment
from reference.losses import modality_alignment as loop_twin


def draw(seed: int, batch: int = 6, categories: int = 9, dim: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(batch, dim, generator=generator)
    rows = torch.randn(categories, dim, generator=generator)
    return images, rows, torch.randint(0, categories, (batch,), generator=generator)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    categories=st.integers(1, 12),
    scale=st.floats(0.5, 30),
    margin=st.floats(0, 3),
)
def test_equals_the_loop_twin(seed: int, categories: int, scale: float, margin: float) -> None:
    """Angles computed by acos give the same, on either side of the fallback."""
    images, rows, truth = (x.double() if x.is_floating_point() else x for x in draw(seed, 6, categories))
    found = modality_alignment(images, rows, truth, scale=scale, margin=margin)
    expected = loop_twin(images.tolist(), rows.tolist(), truth.tolist(), scale, margin)
    assert found.tolist() == pytest.approx(expected, rel=1e-6, abs=1e-6 * scale)


def test_without_margin_it_is_cross_entropy_of_cosines() -> None:
    """Margin 0 leaves PyTorch's own cosine similarity and cross-entropy."""
    images, rows, truth = draw(1)
    cosine = functional.cosine_similarity(images[:, None], rows[None], dim=2)
    expected = functional.cross_entropy(5 * cosine, truth, reduction="none")
    torch.testing.assert_close(modality_alignment(images, rows, truth, scale=5.0, margin=0.0), expected)


def test_lengths_do_not_matter() -> None:
    """Inputs are normalised inside."""
    images, rows, truth = draw(2)
    scaled = modality_alignment(images * 7, rows * 0.01, truth)
    torch.testing.assert_close(scaled, modality_alignment(images, rows, truth))


def test_margin_only_makes_it_harder() -> None:
    """The target's logit falls as the margin grows, so every loss rises."""
    images, rows, truth = draw(3, batch=30)
    losses = [modality_alignment(images, rows, truth, margin=m) for m in (0.0, 0.1, 0.2, 0.4, 0.8)]
    for before, after in itertools.pairwise(losses):
        assert (after > before).all()


def test_order_of_categories_does_not_matter() -> None:
    """Renaming the categories renames nothing in the loss."""
    images, rows, truth = draw(4)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    renamed = modality_alignment(images, rows[order], order.argsort()[truth])
    torch.testing.assert_close(renamed, modality_alignment(images, rows, truth))


def test_extra_columns_are_only_negatives() -> None:
    """Extra embeddings act as categories nobody belongs to, and receive a gradient."""
    images, rows, truth = draw(5)
    extra = torch.randn(3, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    with_extra = modality_alignment(images, rows, truth, extra_embedding=extra)
    appended = modality_alignment(images, torch.cat([rows, extra]), truth)
    torch.testing.assert_close(with_extra, appended)
    assert (with_extra > modality_alignment(images, rows, truth)).all()
    with_extra.sum().backward()
    assert extra.grad is not None
    assert (extra.grad != 0).any(dim=1).all()
    none = modality_alignment(images, rows, truth, extra_embedding=rows[:0])
    torch.testing.assert_close(none, modality_alignment(images, rows, truth))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("nudge", [0.0, 1e-7, 1e-4])
def test_gradient_is_finite_where_the_slope_of_the_sine_is_not(sign: float, nudge: float) -> None:
    """Image on, opposite, or next to its category: gradients exist and are of normal size."""
    category = torch.tensor([[1.0, 2.0, 3.0], [3.0, -1.0, 0.5]], requires_grad=True)
    image = (sign * category[:1].detach() + nudge * torch.tensor([[1.0, 0.0, -1.0]])).requires_grad_()
    modality_alignment(image, category, torch.tensor([0])).sum().backward()
    for gradient in (image.grad, category.grad):
        assert gradient is not None
        assert gradient.isfinite().all()
        assert gradient.abs().max() < 20


def test_zero_vectors_stay_finite() -> None:
    """An embedding of length 0 has cosine 0 with everything and breaks nothing."""
    images = torch.zeros(2, 3, requires_grad=True)
    loss = modality_alignment(images, torch.eye(3), torch.tensor([0, 1]))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert images.grad is not None
    assert images.grad.isfinite().all()


def test_gradient_in_double() -> None:
    """The gradient agrees with finite differences, in images, categories and extra columns."""
    images, rows, truth = draw(6)
    inputs = [x.double().requires_grad_() for x in (images, rows, torch.randn(2, 4))]
    assert torch.autograd.gradcheck(
        lambda x, p, e: modality_alignment(x, p, truth, extra_embedding=e, margin=0.5), inputs
    )


def test_float32_inside_autocast() -> None:
    """bfloat16 embeddings under autocast give the float32 loss of the same numbers."""
    images, rows, truth = draw(7)
    low_images, low_rows = images.bfloat16(), rows.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = modality_alignment(low_images, low_rows, truth)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, modality_alignment(low_images.float(), low_rows.float(), truth))


def test_perfect_alignment_in_closed_form() -> None:
    """Orthogonal categories with the image on its own: the softmax is known."""
    loss = modality_alignment(torch.eye(4), torch.eye(4), torch.arange(4), scale=3.0, margin=0.5)
    expected = math.log(1 + 3 * math.exp(-3 * math.cos(0.5)))
    assert loss.tolist() == pytest.approx([expected] * 4, abs=2e-3)


def soft(batch: int = 6, categories: int = 9) -> Tensor:
    return torch.randn(batch, categories, generator=torch.Generator().manual_seed(9)).softmax(dim=1)


@pytest.mark.parametrize("extra", [0, 3])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_soft_targets_are_a_mixture_of_the_losses_of_all_categories(share: float, extra: int) -> None:
    """Without margin: the mean loss over the categories an image may have, each as likely as stated."""
    images, rows, truth = draw(9)
    more = torch.randn(extra, 4, generator=torch.Generator().manual_seed(2))
    target = soft()
    found = modality_alignment(
        images, rows, truth, extra_embedding=more, margin=0.0, soft_target=target, soft_share=share
    )
    expected = (1 - share) * modality_alignment(images, rows, truth, extra_embedding=more, margin=0.0)
    for category in range(len(rows)):
        other = torch.full_like(truth, category)
        losses = modality_alignment(images, rows, other, extra_embedding=more, margin=0.0)
        expected += share * target[:, category] * losses
    torch.testing.assert_close(found, expected)


def test_soft_targets_keep_the_margin_on_the_own_category() -> None:
    """Against the logits written out."""
    images, rows, truth = (x.double() if x.is_floating_point() else x for x in draw(10))
    angle = functional.cosine_similarity(images[:, None], rows[None], dim=2).acos()
    own = functional.one_hot(truth, len(rows))
    log_share = (12 * (angle + 0.2 * own).cos()).log_softmax(dim=1)
    target = soft().double()
    expected = -((0.6 * own + 0.4 * target) * log_share).sum(dim=1)
    found = modality_alignment(images, rows, truth, soft_target=target.float(), soft_share=0.4)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_all_of_the_mass_on_the_own_category_changes_nothing() -> None:
    """A soft target as hard as the hard one, whatever its share; a share of 0 is the old loss bit for bit."""
    images, rows, truth = draw(11)
    plain = modality_alignment(images, rows, truth)
    hard = functional.one_hot(truth, len(rows)).float()
    torch.testing.assert_close(
        modality_alignment(images, rows, truth, soft_target=hard, soft_share=0.7), plain
    )
    assert torch.equal(modality_alignment(images, rows, truth, soft_target=soft(), soft_share=0.0), plain)


def test_gradient_with_soft_targets_in_double() -> None:
    """The gradient agrees with finite differences."""
    images, rows, truth = draw(12)
    inputs = [x.double().requires_grad_() for x in (images, rows)]
    assert torch.autograd.gradcheck(
        lambda x, p: modality_alignment(x, p, truth, soft_target=soft(), soft_share=0.4), inputs
    )


def test_soft_targets_are_refused_with_what_came() -> None:
    """A share out of range, a share of nothing, another shape."""
    images, rows, truth = draw(13)
    with pytest.raises(InputError, match=r"lie in \[0, 1\], got 1\.5"):
        modality_alignment(images, rows, truth, soft_target=soft(), soft_share=1.5)
    with pytest.raises(InputError, match="needs a soft target"):
        modality_alignment(images, rows, truth, soft_share=0.5)
    # the live type check may speak first
    with pytest.raises((InputError, TypeCheckError), match=r"shape \(6, 9\), got \(6, 8\)|6,8"):
        modality_alignment(images, rows, truth, soft_target=soft()[:, :8], soft_share=0.5)


def test_refusals() -> None:
    """Wrong categories, widths, scale and margin are refused with what came."""
    images, rows, truth = draw(8)
    with pytest.raises(InputError, match="rows 0 to 8, got"):
        modality_alignment(images, rows, truth + 9)
    with pytest.raises(InputError, match="scale must be above 0"):
        modality_alignment(images, rows, truth, scale=0.0)
    with pytest.raises(InputError, match="margin in"):
        modality_alignment(images, rows, truth, margin=4.0)
