"""What stands beside the weights of a run: where they come from, and a card for people."""

import json
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from attrieve.data.files import write_atomically
from attrieve.models.retriever import Retriever
from attrieve.provenance import code_commit, machine_facts
from attrieve.training.config import Recipe
from attrieve.training.people import TrainingPeople

PROVENANCE = "provenance.json"
CARD = "README.md"

_CARD = Template("""---
library_name: attrieve
tags:
- person-retrieval
- pedestrian-attribute-recognition
---

# $name

$about

A retriever of kind `$kind` with backbone `$backbone` for images of $height x $width pixels (height x width).
It speaks vocabulary `$vocabulary` ($attributes attributes, fingerprint `$fingerprint`).

## Training

$images images, $categories distinct descriptions; data set `$data`, split `$split`; $epochs epochs, seed
$seed. Starting weights: $start. Every setting stands in `recipe.toml`, the course of training in
`journal.csv`, code and machine in `provenance.json`, and, once `attrieve evaluate` has run, what was
measured in `metrics.json`.

## Use

    attrieve index THIS_FOLDER GALLERY IMAGES...
    attrieve search GALLERY "backpack, !hat, jeans?"

or, in Python, `Retriever.from_pretrained("THIS_FOLDER")`.

Meant for research and for looking through footage somebody lawfully holds, with a person judging each hit.
Not for identifying people and not for decisions about them. Age group and gender are an annotator's guesses
from small pictures. The weights inherit the terms of the data set they were trained on; PETA is for research
only.
""")


def write_provenance(out: Path, *, start: str, people: TrainingPeople, precision: str) -> None:
    """Write where and from which code a run started, and on how much data.

    Raises:
        StorageError: if the disk refuses.
    """
    document = {
        "start": start,
        "images": len(people),
        "categories": len(people.categories),
        "commit": code_commit(),
        "machine": machine_facts(),
        "precision": precision,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_atomically(out / PROVENANCE, (json.dumps(document, indent=1) + "\n").encode())


def read_provenance(run: Path) -> dict[str, object] | None:
    """Return what :func:`write_provenance` wrote, or None for a run without it."""
    try:
        document = json.loads((run / PROVENANCE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def write_card(out: Path, recipe: Recipe, retriever: Retriever) -> None:
    """Write the model card of a run; what it was trained on stands in its provenance.

    Raises:
        StorageError: if the disk refuses.
    """
    provenance = read_provenance(out) or {}
    text = _CARD.substitute(
        name=recipe.name,
        about=recipe.about,
        kind=retriever.kind,
        backbone=recipe.model.backbone.name,
        height=recipe.model.height_px,
        width=recipe.model.width_px,
        vocabulary=retriever.schema.name,
        attributes=len(retriever.schema),
        fingerprint=retriever.schema.fingerprint,
        images=_counted(provenance.get("images")),
        categories=_counted(provenance.get("categories")),
        data=recipe.data.name,
        split=recipe.data.split,
        epochs=recipe.training.epochs,
        seed=recipe.training.seed,
        start=provenance.get("start", "unknown"),
    )
    write_atomically(out / CARD, text.encode())


def _counted(number: object) -> str:
    return f"{number:,}" if isinstance(number, int) else "an unknown number of"
