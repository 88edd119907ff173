"""Which starting weights (``--init``) go to which row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from attrieve.errors import CheckpointError, ConfigurationError, UnknownNameError
from attrieve.models.backbone import Backbone
from attrieve.models.configuration import BackboneSettings, RetrievalSettings
from attrieve.reproduction.recipes import PlannedRow
from attrieve.training.config import Recipe
from attrieve.training.initialisation import load_backbone_file

_NAMED = ("none", "imagenet")


def with_starting_weights(rows: Sequence[PlannedRow], given: Sequence[str]) -> tuple[PlannedRow, ...]:
    """Hand starting weights to the rows that take some: the PAR baselines.

    A safetensors file goes to the backbones it fits; the others keep what their recipe says, so a file
    for one network does not stop the rows of another.

    Args:
        rows: all of a reproduction.
        given: each ``none``, ``imagenet``, a safetensors file, or ``BACKBONE=`` and one of these, which
            then wins over what is said for all.

    Raises:
        UnknownNameError: for a backbone that no row has.
        ConfigurationError: for two values for one backbone.
        CheckpointError: if a file is missing, damaged, or fits no row's backbone.
    """
    takers = {row.name: row.recipe.model.backbone for row in rows if row.takes_weights}
    backbones = {settings.name: settings for settings in takers.values()}
    everywhere: dict[str, str] = {}
    addressed: dict[str, str] = {}
    for text in given:
        name, value = _addressed(text, backbones)
        into, names = (everywhere, _fitting(value, backbones)) if name is None else (addressed, [name])
        for one in names:
            if into.setdefault(one, value) != value:
                raise ConfigurationError(
                    f"two --init for backbone {one!r}: {into[one]!r} and {value!r}; give one"
                )
    chosen = everywhere | addressed
    return tuple(
        replace(row, weights=chosen.get(takers[row.name].name)) if row.name in takers else row for row in rows
    )


def same_but_for_spelling(there: Recipe, here: Recipe) -> bool:
    """Whether two recipes train the same model: name and words aside, and weights by their file name.

    The same weights may lie elsewhere on another machine.
    """
    return _essence(there) == _essence(here)


def train_alike(there: Recipe, here: Recipe) -> bool:
    """Whether two recipes give the same weights: names aside, and how the branches are joined and asked."""
    retrieval = RetrievalSettings()
    one, other = (_essence(recipe).model_copy(update={"retrieval": retrieval}) for recipe in (there, here))
    return one == other


def _essence(recipe: Recipe) -> Recipe:
    start = recipe.initialisation
    plain = start.model_copy(update={"weights": Path(start.weights).name})
    return recipe.model_copy(update={"name": "", "about": "", "initialisation": plain})


def _addressed(text: str, backbones: Mapping[str, BackboneSettings]) -> tuple[str | None, str]:
    """Return the backbone that ``--init`` speaks of, None for all, and the weights."""
    name, equals, value = text.partition("=")
    if not equals or Path(text).exists():
        return None, text
    if name not in backbones:
        raise UnknownNameError("backbone", name, backbones)
    return name, value


def _fitting(weights: str, backbones: Mapping[str, BackboneSettings]) -> list[str]:
    """Return the backbones that can start from these weights."""
    if weights in _NAMED:
        return list(backbones)
    found, reason = [], None
    for name, settings in backbones.items():
        try:
            load_backbone_file(Backbone(settings), Path(weights))
        except CheckpointError as error:
            reason = error
        else:
            found.append(name)
    if not found and reason is not None:
        raise reason
    return found
