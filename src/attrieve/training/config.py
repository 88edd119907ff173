"""Recipes: one TOML file per run, parsed into frozen settings that refuse what they do not know."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from attrieve.data.augmentation import AugmentationSettings
from attrieve.errors import ConfigurationError, UnknownNameError
from attrieve.models.configuration import RetrievalSettings, RetrieverSettings, Strict
from attrieve.training.precision import Precision


class DataSettings(Strict):
    """What to train on."""

    name: Literal["peta"] = "peta"
    """Which reader; drawn people are written in PETA's layout and read by the same one."""
    split: str = "paper"
    """Named split, see ``attrieve data describe``."""
    vocabulary: str = "peta35"
    """Attributes the model learns."""
    test_categories: Annotated[int, Field(ge=1)] = 200
    """Categories held out by the splits ``paper`` and ``sal``; 200 for PETA."""
    validation_categories: Annotated[int, Field(ge=0)] = 0
    """Training categories set aside for choosing settings; 0 trains on all of them."""
    sampling: Literal["uniform", "rare_attributes", "categories"] = "uniform"
    """Which training images come oftener: none, those with a rare attribute, those of small categories."""
    rare_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """An attribute shown by a smaller share of the training images is rare; for ``rare_attributes``."""
    rare_largest: Annotated[float, Field(ge=1)] = 4.0
    """How many times oftener at most; for ``rare_attributes``."""


class AttributeLossSettings(Strict):
    """Attribute recognition: weighted binary cross-entropy (paper, Eq. 3.1), or what may take its place."""

    weight: Annotated[float, Field(ge=0)] = 1.0
    kind: Literal["cross_entropy", "focal", "asymmetric"] = "cross_entropy"
    weighting: Literal["attribute_and_label", "attribute", "none"] = "attribute_and_label"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of a label's mass that is spread over yes and no alike."""
    gamma: Annotated[float, Field(ge=0)] = 2.0
    """How little answers count that are already right; for ``focal``."""
    gamma_positive: Annotated[float, Field(ge=0)] = 0.0
    """The same for "yes" alone; for ``asymmetric``."""
    gamma_negative: Annotated[float, Field(ge=0)] = 4.0
    """The same for "no" alone; for ``asymmetric``."""
    clip: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """A "no" whose probability is below this counts as settled; for ``asymmetric``."""


class AlignmentLossSettings(Strict):
    """Modality alignment, ArcFace over all training categories (ASMR, ICCV 2021)."""

    weight: Annotated[float, Field(ge=0)] = 1.0
    """The paper's lambda_MA."""
    scale: Annotated[float, Field(gt=0)] = 12.0
    margin: Annotated[float, Field(ge=0)] = 0.2
    soft_targets: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the target that goes to all categories, by how alike their attributes are."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Attributes of difference at which a category's part of the soft targets falls to 1/e."""


class SemanticMarginSettings(Strict):
    """Adaptive semantic margin regulariser (ASMR, ICCV 2021)."""

    weight: Annotated[float, Field(ge=0)] = 4.0
    """The paper's lambda_ASMR."""
    grouping: Literal["attribute", "group"] = "attribute"
    tau: Annotated[float, Field(gt=0)] = 17.5
    """Half the number of groups: 17.5 for PETA's 35 single bits."""
    weighting: Literal["free", "one_plus", "simplex"] = "one_plus"
    variant: Literal["published", "centred"] = "published"
    block_rows: Annotated[int, Field(ge=1)] = 256
    sampled_rows: Annotated[int, Field(ge=2)] | None = None


class FeedbackSettings(Strict):
    """Cross-task feedback (paper, "Further Improvements")."""

    target: Literal["none", "ma", "par", "both"] = "none"
    """Whose samples are weighted by the other task's loss."""
    beta: Annotated[float, Field(ge=0, le=1)] = 0.5
    lowest: Annotated[float, Field(gt=0, le=1)] = 1 / 3
    highest: Annotated[float, Field(ge=1)] = 3.0
    mode: Literal["proportional", "rank"] = "proportional"
    warm_up_epochs: Annotated[int, Field(ge=0)] = 0


class CombinationSettings(Strict):
    """Additional attribute combinations (paper, "Further Improvements")."""

    count: Annotated[int, Field(ge=0)] = 0
    """Extra combinations per epoch; 0 switches them off."""
    method: Literal["crossover_edits", "crossover", "edits", "marginal"] = "crossover_edits"


class LossSettings(Strict):
    """All parts of the loss (paper, Eq. 3.2)."""

    attributes: AttributeLossSettings = AttributeLossSettings()
    alignment: AlignmentLossSettings = AlignmentLossSettings()
    semantic_margin: SemanticMarginSettings = SemanticMarginSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    combinations: CombinationSettings = CombinationSettings()


class OptimiserSettings(Strict):
    """How the weights move."""

    name: Literal["sgd", "adamw"] = "sgd"
    rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of everything not named below."""
    encoder_rate: Annotated[float, Field(gt=0)] = 1e-2
    """Learning rate of the attribute encoder."""
    margin_rate_factor: Annotated[float, Field(gt=0)] = 5.0
    """Factor on ``rate`` for the regulariser's own weights, as ASMR has it."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    decay_vectors: bool = True
    """Also decay biases and normalisation weights, as plain SGD does."""
    schedule: Literal["step", "cosine", "one_cycle", "constant"] = "step"
    step_epoch: Annotated[int, Field(ge=1)] = 10
    """After this many epochs the ``step`` schedule multiplies by ``step_factor``."""
    step_factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    gradient_clip: Annotated[float, Field(ge=0)] = 0.0
    """Largest gradient norm; 0 does not clip."""


class InitialisationSettings(Strict):
    """Where the weights start."""

    weights: str = "none"
    """``none`` (from scratch), ``imagenet`` (from the Hugging Face hub), or a safetensors file."""
    run: str = ""
    """A finished run whose backbone to start from: the paper's two stages. A relative path is looked for from
    the folder of the new run first (``../attributes``), then from where the command runs."""


ImagesOn = Literal["auto", "memory", "device"]
PositivePixels = Annotated[int, Field(ge=16)]
PositiveEpochs = Annotated[int, Field(ge=1)]


class TrainingSettings(Strict):
    """Length, batch, numerics."""

    epochs: Annotated[int, Field(ge=1)] = 20
    batch: Annotated[int, Field(ge=2)] = 16
    seed: int = 0
    precision: Precision = "float32"
    """``auto`` is bfloat16 where the machine computes with it, else float32."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Batches whose gradients are added before a step."""
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay per step of a moving average of the weights, which is then validated and saved; 0 keeps the last
    weights."""
    images_on: ImagesOn = "auto"
    """Where decoded training images are held: ``memory``, the training ``device``, or ``auto``: on a GPU if
    they take at most half of its free memory."""
    compile: bool = False
    """Compile the model with ``torch.compile``: slow to start, faster steps where the network is small."""
    sizes: tuple[tuple[PositivePixels, PositivePixels, PositiveEpochs], ...] = ()
    """Smaller images first, as ``[[height, width, epochs], ...]``; the epochs left over see the model's own
    size."""

    @model_validator(mode="after")
    def _stages_fit_the_epochs(self) -> "TrainingSettings":
        asked = sum(epochs for *_, epochs in self.sizes)
        if asked > self.epochs:
            raise ConfigurationError(
                f"training.sizes holds {asked} epochs, more than training.epochs = {self.epochs}"
            )
        return self


class Recipe(Strict):
    """A whole run. The defaults are the paper's multi-task model with ResNet-50."""

    name: str = "unnamed"
    about: str = ""
    data: DataSettings = DataSettings()
    model: RetrieverSettings = RetrieverSettings()
    loss: LossSettings = LossSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    initialisation: InitialisationSettings = InitialisationSettings()
    training: TrainingSettings = TrainingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()


EXTENDS = "extends"
"""Key of a recipe file that names another one, whose values hold where this one says nothing."""


def load_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe file and apply ``KEY=VALUE`` changes to it.

    A file may begin with ``extends = "other.toml"``, relative to its own folder: it then holds only what it
    changes in that recipe.

    Raises:
        ConfigurationError: for unreadable TOML, recipes that extend each other in a circle, or values out of
            range.
        UnknownNameError: for an unknown key, with the nearest one.
    """
    merged: dict[str, Any] = {}
    for document in reversed(list(_lineage(path).values())):
        _merge(merged, {key: value for key, value in document.items() if key != EXTENDS})
    return parse_recipe(merged, changes)


def recipe_lineage(path: Path) -> tuple[Path, ...]:
    """Return a recipe file and those it extends, itself first.

    Raises:
        ConfigurationError: as :func:`load_recipe`.
    """
    return tuple(_lineage(path))


def _lineage(path: Path) -> dict[Path, dict[str, Any]]:
    """Return the documents of a recipe file and of those it extends, itself first."""
    found: dict[Path, dict[str, Any]] = {}
    known: set[Path] = set()
    while path.resolve() not in known:
        known.add(path.resolve())
        found[path] = document = _read(path, extended=len(known) > 1)
        base = document.get(EXTENDS)
        if base is None:
            return found
        if not isinstance(base, str) or not base:
            raise ConfigurationError(
                f'{EXTENDS} in recipe {path} wants the file of another recipe, such as "../best.toml", '
                f"got {base!r}"
            )
        path = (path.parent / base).resolve()
    raise ConfigurationError(
        f"recipes extend each other in a circle: {' -> '.join(map(str, [*found, path]))}"
    )


def _read(path: Path, *, extended: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        why = "another recipe extends it" if extended else "recipes/ holds those that come with attrieve"
        raise ConfigurationError(f"no recipe at {path}; {why}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"cannot read recipe {path}: {error}") from error


def _merge(table: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Put values over those of a table, tables within tables likewise."""
    for key, value in changes.items():
        if isinstance(value, Mapping):
            nested = table.get(key)
            table[key] = nested = nested if isinstance(nested, dict) else {}
            _merge(nested, value)
        else:
            table[key] = value


def parse_recipe(document: Mapping[str, Any], changes: Sequence[str] = ()) -> Recipe:
    """Turn a nested table into a recipe, with ``KEY=VALUE`` changes applied.

    >>> parse_recipe({"name": "quick"}, ["training.epochs=3"]).training.epochs
    3
    """
    table = _copy(document)
    for change in changes:
        _apply(table, change)
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        raise _readable(error) from error


def write_recipe(recipe: Recipe) -> bytes:
    """Return the recipe as TOML, every default spelled out."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)).encode()


def _copy(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in document.items()}


def _apply(table: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise ConfigurationError(f"--set wants KEY=VALUE such as training.epochs=3, got {change!r}")
    *path, last = (part.strip() for part in key.split("."))
    for part in path:
        nested = table.setdefault(part, {})
        if not isinstance(nested, dict):
            raise ConfigurationError(f"{part!r} of {key!r} holds a value, not a table")
        table = nested
    table[last] = _parse_value(text.strip())


def _parse_value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _readable(error: ValidationError) -> ConfigurationError | UnknownNameError:
    for problem in error.errors():
        if problem["type"] == "extra_forbidden":
            return _unknown_key(problem)
    lines = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"]) or "recipe"
        lines.append(f"{place}: {problem['msg']}, got {problem['input']!r}")
    return ConfigurationError("the recipe cannot be used: " + "; ".join(lines))


def _unknown_key(problem: ErrorDetails) -> UnknownNameError:
    *path, last = (str(part) for part in problem["loc"])
    model: type[BaseModel] = Recipe
    for part in path:
        annotation = model.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    known = [".".join([*path, name]) for name in model.model_fields]
    known += [] if path else _all_keys(Recipe)
    return UnknownNameError("recipe key", ".".join([*path, last]), known)


def _all_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, entry in model.model_fields.items():
        nested = entry.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            keys += _all_keys(nested, f"{prefix}{name}.")
        else:
            keys.append(f"{prefix}{name}")
    return keys
