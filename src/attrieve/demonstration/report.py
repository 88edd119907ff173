"""The report: one page that stands alone, with its pictures inside, readable without a script."""

import base64
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from attrieve.demonstration.charts import COLOURS, learning_curves
from attrieve.demonstration.journals import Curve
from attrieve.demonstration.recipes import ATTRIBUTES, EMBEDDING, MULTI_TASK
from attrieve.schema import AttributeSchema, Person, PersonSet

GALLERY_STRIP = 14
"""Drawn people shown at the top."""

FUSED_BY = {ATTRIBUTES: "attributes", EMBEDDING: "embedding", MULTI_TASK: "fused"}
"""The distance each model is judged by when all protocols stand side by side."""


def render_report(
    document: Mapping[str, Any], persons: PersonSet, curves: Mapping[str, Mapping[str, Curve]]
) -> str:
    """Return the page.

    Args:
        document: what ``demo.json`` holds; every number on the page is read from it or from ``curves``.
        persons: the test side, for its pictures.
        curves: by model, then by journal column.
    """
    by_key = {person.key: person for person in persons.persons}
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"minutes": minutes, "score": score}
    template = environment.from_string(
        resources.files(__package__).joinpath("report.html.jinja").read_text("utf-8")
    )
    chart = learning_curves(curves)
    return template.render(
        document=document,
        strip=[_portrait(person, persons) for person in _one_each(persons)],
        picture=lambda key: data_uri(by_key[key]),
        chips=chips,
        asked_label=asked_label,
        chart=None if chart is None else Markup(chart),  # our own drawing, nothing of a user's in it
        attributes=attribute_bars(document["models"], persons.schema),
        protocols=protocol_rows(document["models"]),
        colours=COLOURS,
    )


def data_uri(person: Person) -> str:
    """Return a person's picture as a URI that holds the file itself."""
    content = person.image.path.read_bytes()
    kind = "jpeg" if person.image.path.suffix.lower() in (".jpg", ".jpeg") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def minutes(seconds: float) -> str:
    """Write a duration for people.

    >>> minutes(3.21), minutes(75.0), minutes(119.7)
    ('3.2 s', '1 min 15 s', '2 min 0 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s"


def score(value: float | None) -> str:
    """Write a score in percent; a dash where none is defined.

    >>> score(12.345), score(None)
    ('12.3', '-')
    """
    return "-" if value is None else f"{value:.1f}"


def chips(marks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choose the marks shown under a hit: all of a short description; of a long one what is wanted,
    and of the rest only what is wrong.
    """
    if len(marks) <= 8:
        return marks
    return [mark for mark in marks if mark["wanted"] or not mark["right"]]


def asked_label(mark: Mapping[str, Any]) -> str:
    """Name what a mark is about as it was asked.

    >>> [asked_label({"label": label, "wanted": False}) for label in ("hat", "no accessory")]
    ['no hat', 'not: no accessory']
    """
    label = str(mark["label"])
    if mark["wanted"]:
        return label
    return f"not: {label}" if label.startswith("no ") else f"no {label}"


def attribute_bars(models: Mapping[str, Any], schema: AttributeSchema) -> list[dict[str, Any]]:
    """Return one row per attribute, the best recognised first: balanced accuracy of both recognisers."""
    rows = []
    own = models[MULTI_TASK]["metrics"]["recognition"]["attributes"]
    baseline = models[ATTRIBUTES]["metrics"]["recognition"]["attributes"]
    for name, row in own.items():
        complete = None not in (row["true_positive_rate"], row["true_negative_rate"])
        rows.append(
            {
                "label": schema.labels[schema.names.index(name)],
                "positives": row["positives"],
                MULTI_TASK: row["mean_accuracy"] if complete else None,
                ATTRIBUTES: baseline[name]["mean_accuracy"] if complete else None,
            }
        )
    return sorted(rows, key=lambda row: -1.0 if row[MULTI_TASK] is None else row[MULTI_TASK], reverse=True)


def protocol_rows(models: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per protocol: its queries, and every model's scores by its own distance."""
    tasks = models[MULTI_TASK]["metrics"]["protocols"]
    return [
        {
            "protocol": protocol,
            "queries": task["queries"],
            "scores": {
                name: facts["metrics"]["retrieval"][protocol][FUSED_BY[name]]["overall"]
                for name, facts in models.items()
            },
        }
        for protocol, task in tasks.items()
    ]


def _one_each(persons: PersonSet) -> list[Person]:
    """Return the first picture of some test persons, in order."""
    first = {person.identity: person for person in reversed(persons.persons)}
    return sorted(first.values(), key=lambda person: person.key)[:GALLERY_STRIP]


def _portrait(person: Person, persons: PersonSet) -> dict[str, str]:
    labels = [label for label, value in zip(persons.schema.labels, person.values, strict=True) if value == 1]
    return {"source": data_uri(person), "text": ", ".join(labels)}
