"""What a run says of the people it did not learn from, kept in its folder so that it is asked once."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from jaxtyping import Float, Int8
from numpy import ndarray
from torch import Tensor

from attrieve.data.files import write_atomically
from attrieve.data.peta import read_peta
from attrieve.data.splits import category_labels, load_split
from attrieve.errors import ConfigurationError, InputError
from attrieve.evaluation.testimony_distances import SeenPeople
from attrieve.models.calibration import logits_of
from attrieve.models.retriever import Retriever
from attrieve.reproduction.measure import describe_test, looks_at_mirrored
from attrieve.reproduction.people import decode_people, divide
from attrieve.schema import PersonSet
from attrieve.scoring.likelihood import training_weight_shift
from attrieve.training.config import Recipe

SEEN = "seen-people-{part}.safetensors"
"""File in a run folder, for each part."""


@dataclass(frozen=True, eq=False)
class RunPeople:
    """A run's validation and test people.

    Args:
        validation: the training categories that its recipe set aside.
        test: the test part of its split.
        train_values: of the images it learnt from.
        shift: undoes the weights of its training loss; zeros where there were none.
        split: name of the split.
    """

    validation: SeenPeople
    test: SeenPeople
    train_values: Int8[ndarray, "train attribute"]
    shift: Float[Tensor, " attribute"]
    split: str


def people_of_run(
    run: Path,
    retriever: Retriever,
    recipe: Recipe,
    data: Path,
    *,
    cache: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> RunPeople:
    """Let a run describe its validation and test people, or read what it said of them before.

    Args:
        run: its folder; what it says is kept there, for this model and these people.
        retriever: the run's, on the device that shall compute.
        recipe: the run's.
        data: folder of the data set.
        cache: folder for decoded images.
        progress: called with what is done, how many are done, and of how many.

    Raises:
        ConfigurationError: if the recipe set no categories aside.
        InputError: for a model that does not recognise attributes.
        AttrieveError: if the data cannot be used.
    """
    if not recipe.data.validation_categories:
        raise ConfigurationError(
            f"run {run} learnt from all its training images (data.validation_categories = 0), so nothing is "
            "left to fit and choose on; train with `--set data.validation_categories=200`"
        )
    if not retriever.settings.recognises:
        raise InputError(f"run {run} of kind {retriever.kind!r} does not recognise attributes; take another")
    dataset = read_peta(data)
    divided = divide(dataset, recipe)
    whole = load_split(dataset, recipe.data.split, test_categories=recipe.data.test_categories)
    seen = {
        part: _seen(run, part, retriever, recipe, persons, cache, progress)
        for part, persons in (("validation", divided.test), ("test", whole.test))
    }
    weighted = recipe.loss.attributes.weighting == "attribute_and_label"
    shift = training_weight_shift(retriever.query.positive_rate.cpu())
    return RunPeople(
        seen["validation"],
        seen["test"],
        divided.train.select(retriever.schema).values,
        shift if weighted else torch.zeros_like(shift),
        divided.name,
    )


def _seen(
    run: Path,
    part: str,
    retriever: Retriever,
    recipe: Recipe,
    persons: PersonSet,
    cache: Path | None,
    progress: Callable[[str, int, int], None] | None,
) -> SeenPeople:
    values = torch.from_numpy(persons.select(retriever.schema).values)
    category = torch.from_numpy(category_labels(persons.values)[0])
    file = run / SEEN.format(part=part)
    note = {
        "model": retriever.fingerprint,
        "keys": json.dumps([person.key for person in persons.persons]),
        "mirrored": json.dumps(looks_at_mirrored(recipe, False)),
        **({"cropped": "true"} if recipe.retrieval.crops else {}),
    }
    told = progress or (lambda _what, _done, _all: None)
    kept = _read(file, note)
    if kept is None:
        people = decode_people(
            persons, recipe, cache=cache, progress=lambda done: told(f"decoding {part}", done, len(persons))
        )
        said = describe_test(
            run,
            retriever,
            recipe,
            people,
            progress=lambda done: told(f"describing {part}", done, len(persons)),
        )
        assert said.probability is not None  # a model without recognition was refused
        kept = {"logit": logits_of(said.probability).float()}
        if said.image_embedding is not None:
            kept["embedding"] = said.image_embedding.float().contiguous()
        write_atomically(file, safetensors.torch.save(kept, metadata=note))
    return SeenPeople(kept["logit"], kept.get("embedding"), values, category)


def _read(file: Path, note: dict[str, str]) -> dict[str, Tensor] | None:
    """Return what is kept, or None if it is of another model or other people, or cannot be read."""
    try:
        with safetensors.safe_open(file, framework="pt") as opened:
            if opened.metadata() != note:
                return None
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError):
        return None
