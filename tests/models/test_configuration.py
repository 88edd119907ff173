"""Sizes are checked when they are written down."""

import pytest
from pydantic import ValidationError

from attrieve.errors import ConfigurationError
from attrieve.models.configuration import RetrieverKind, RetrieverSettings, TransformerSettings


def test_the_slip_in_the_papers_table_is_named() -> None:
    """382 over 12 heads is not whole; 384 is meant."""
    with pytest.raises(ConfigurationError, match=r"382.*use 384"):
        TransformerSettings(dim=382, heads=12)
    assert TransformerSettings(dim=384, heads=12).dim == 384


def test_settings_are_frozen_and_know_every_key() -> None:
    """Nothing changes behind a model's back, and a misspelt key is not ignored."""
    with pytest.raises(ValidationError, match="frozen"):
        TransformerSettings().dim = 12  # type: ignore[misc]
    with pytest.raises(ValidationError, match="hight_px"):
        RetrieverSettings.model_validate({"hight_px": 256})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(value: float) -> None:
    """An infinite ratio passes every lower limit; it is refused all the same."""
    with pytest.raises(ValidationError, match="finite"):
        TransformerSettings(mlp_ratio=value)


@pytest.mark.parametrize(
    ("kind", "recognises", "embeds"),
    [
        (RetrieverKind.ATTRIBUTES, True, False),
        (RetrieverKind.EMBEDDING, False, True),
        (RetrieverKind.MULTI_TASK, True, True),
    ],
)
def test_kinds_say_which_branches_there_are(kind: RetrieverKind, recognises: bool, embeds: bool) -> None:
    """Three kinds, two branches."""
    settings = RetrieverSettings(kind=kind)
    assert (settings.recognises, settings.embeds) == (recognises, embeds)
