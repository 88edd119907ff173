"""Figures of attribute significance."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from attrieve.evaluation.attribute_figures import significance_figures


def interval(mean):
    return {"mean": mean, "low": mean - 1.0, "high": mean + 1.0}


def effect(name, mean, verdict="undecided"):
    return {"attribute": name, "share": 0.25, "change": interval(mean), "verdict": verdict}


def point(named, score):
    scores = {"map": interval(score), "rank1": interval(score)}
    return {"named": named, **scores, "chance_map": 5.0, "relevant": 3.0}


DOCUMENT = {
    "leave_one_out": [effect("hat", 2.0, "hurts"), effect("bag", -3.0, "helps"), effect("jeans", 0.1)],
    "named": {
        "agreeing": [point(1, 80.0), point(2, 70.0), point(3, 20.0)],
        "exact": [point(1, 2.0), point(2, 5.0), point(3, 20.0)],
    },
    "truth": [effect("hat", 2.0), effect("bag", 3.0), effect("jeans", 0.0)],
    "ceiling": [
        {
            "attribute": name,
            "perfect": k,
            "scores": {p: {"map": 20.0 + 25 * k} for p in ("unique", "categories")},
        }
        for k, name in enumerate((None, "bag", "hat", "jeans"))
    ],
}


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter() if element.text]


def test_one_figure_per_question_the_same_each_time():
    """White, valid, dateless."""
    figures = significance_figures(DOCUMENT)
    assert list(figures) == ["attribute-left-out.svg", "attribute-named.svg", "attribute-ceiling.svg"]
    assert figures == significance_figures(DOCUMENT)
    for svg in figures.values():
        assert "dc:date" not in svg
        assert "fill: #ffffff" in svg


def test_without_recognition_there_is_no_ceiling():
    """Embeddings cannot be told the truth."""
    asked = {name: part for name, part in DOCUMENT.items() if name not in ("truth", "ceiling")}
    assert "attribute-ceiling.svg" not in significance_figures(asked)


def test_attributes_stand_by_what_they_change():
    """What helps most on top when left out, what gains most on top when perfect."""
    figures = significance_figures(DOCUMENT)
    names = re.compile(r"(hat|bag|jeans) \(25 %\)")
    orders = {
        name: [found[1] for found in map(names.fullmatch, texts(svg)) if found]
        for name, svg in figures.items()
    }
    assert orders["attribute-left-out.svg"] == ["bag", "jeans", "hat"]
    assert orders["attribute-ceiling.svg"] == ["bag", "hat", "jeans"]


@pytest.mark.parametrize("word", ["helps", "hurts", "undecided"])
def test_the_legend_tells_only_what_is_there(word):
    """A verdict nobody got is not in the legend."""
    assert word in texts(significance_figures(DOCUMENT)["attribute-left-out.svg"])
    others = [one for one in DOCUMENT["leave_one_out"] if one["verdict"] != word]
    assert word not in texts(
        significance_figures({**DOCUMENT, "leave_one_out": others})["attribute-left-out.svg"]
    )
