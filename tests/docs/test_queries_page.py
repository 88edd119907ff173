"""The page of witnesses: verdicts follow from the numbers, and nothing is made up where nothing was run."""

import json
from pathlib import Path
from typing import Any

import pytest
from pages.queries import calibration_section, queries_page, read_records
from pages.queries_aims import aims_section

from attrieve.evaluation.testimony_distances import DISTANCES
from attrieve.evaluation.testimony_report import WITNESSES


def scores(ratio: tuple[float, float, float] = (1.2, 1.16, 1.3), difference: float = 1.0) -> dict[str, Any]:
    """An answer of every distance."""
    return {
        "relevant": 3.0,
        "chance_map": 1.5,
        "distances": {
            name: {"map": [20.0, 18.0, 22.0], "madm": [40.0, 38.0, 42.0], "rank1": 15.0} for name in DISTANCES
        },
        "to_paper": {name: [difference, difference - 0.5, difference + 0.5] for name in DISTANCES},
        "ratio_to_paper": {name: list(ratio) for name in DISTANCES},
        "ratio_to_naive_search": {name: list(ratio) for name in DISTANCES},
    }


def record(seed: int = 0, **changes: Any) -> dict[str, Any]:
    """A made-up record with everything the page reads."""
    both = ("exact", "fulfils")
    diagram = {"stated": [0.1, 0.9], "happened": [0.2, 0.8], "count": [5, 5]}
    errors = {"none": 9.0, "undo-weights": 8.0, "tempered": 7.0, "curves": 2.9, "joint": 3.1}
    found = {
        "command": "attrieve testimony RUN",
        "commit": "0123456789abcdef",
        "machine": {"processor": "a processor", "torch": "2"},
        "name": "made-up",
        "kind": "multi_task",
        "seed": seed,
        "seed_of_words": 0,
        "draws": 3,
        "queries": 184,
        "recipe": {"model": {"backbone": {"name": "resnet50"}, "height_px": 256, "width_px": 128}},
        "data": {"split": "paper", "train_images": 9, "validation_images": 5, "test_images": 6},
        "fit": {
            "best_full": "joined",
            "best_partial": "joined",
            "best_doubtful": "joined",
            "validation_map_full": {name: float(place) for place, name in enumerate(DISTANCES)},
        },
        "calibration": {
            name: {
                "mean_error": error,
                "mean_error_equal_mass": error,
                "mean_error_if_true": 1.0,
                "error_of_all_answers": error,
                "debiased": error,
                "debiased_equal_mass": error,
                "debiased_share": [error / 9, error / 9 - 0.02, error / 9 + 0.02],
                "debiased_share_equal_mass": [error / 9, error / 9 - 0.001, error / 9 + 0.001],
                "diagram": diagram,
            }
            for name, error in errors.items()
        },
        "full": {"named": 35, **scores()},
        "named": [
            {"named": named, "choice": choice, "relevance": relevance, **scores()}
            for choice in ("uniform", "remarkable")
            for named in range(1, 35)
            for relevance in both
        ],
        "errors": [
            {"named": named, "wrong": wrong, "relevance": relevance, **scores()}
            for named in (8, 35)
            for wrong in (0.0, 0.05, 0.1, 0.2)
            for relevance in (both if named == 8 else ("exact",))
        ],
        "doubt": [
            {"named": named, "wrong": wrong, "certainty": told, "relevance": relevance, **scores()}
            for named in (8, 35)
            for wrong in (0.05, 0.1, 0.2)
            for told in ("stated", "ignored")
            for relevance in (both if named == 8 else ("exact",))
        ],
        "witnesses": [
            {
                "named": named,
                "wrong": list(wrong),
                "distances": scores()["distances"],
                "to_best": {name: [0.5, -0.1, 1.0] for name in DISTANCES},
                "to_one_of_ten_percent": {name: [0.5, -0.1, 1.0] for name in DISTANCES},
            }
            for named in (8, 35)
            for wrong in WITNESSES
        ],
    }
    return found | changes


def write(results: Path, *records: dict[str, Any]) -> Path:
    (results / "queries").mkdir(parents=True)
    for number, one in enumerate(records):
        (results / "queries" / f"{number}.json").write_text(json.dumps(one), "utf-8")
    return results


def test_without_records_the_page_says_so(tmp_path: Path) -> None:
    """Not run; no figure."""
    made = queries_page(tmp_path)
    assert list(made) == ["queries.md"]
    assert "Not run" in made["queries.md"]


def test_the_page_shows_every_distance_and_its_figures(tmp_path: Path) -> None:
    """All sections, and each figure that is shown is made; the same text for the same numbers."""
    results = write(tmp_path, record())
    made = queries_page(results)
    page = made["queries.md"]
    for title in (
        "What was asked",
        "Aims",
        "All attributes named",
        "Several witnesses",
        "Calibration",
        "Limits",
    ):
        assert f"## {title}" in page
    for words in DISTANCES.values():
        assert words in page
    figures = {name for name in made if name.startswith("figures/")}
    assert figures
    assert all(f"({name})" in page and made[name].startswith("<?xml") for name in figures)
    assert queries_page(results) == made


def test_a_seed_that_was_trained_twice_is_told_by_its_day(tmp_path: Path) -> None:
    """Neither run replaces the other; one that knows fewer distances comes later and is shown as far as it
    goes.
    """
    days = ("2026-01-02", "2026-03-04")
    old, new = (record(3, training={"started": f"{day}T10:00:00+00:00"}) for day in days)
    del old["full"]["ratio_to_paper"]["ranked"], old["full"]["distances"]["ranked"]
    page = queries_page(write(tmp_path, old, new, record(4)))["queries.md"]
    assert (
        "| made-up, seed 3, trained 2026-03-04 | made-up, seed 4 | made-up, seed 3, trained 2026-01-02 |"
        in page
    )
    assert page.index("* made-up, seed 3, trained 2026-03-04:") < page.index("* made-up, seed 4:")


def test_the_first_aim_is_told_over_all_runs(tmp_path: Path) -> None:
    """Mean, smallest and largest, of as many runs as have the distance; one run alone has no such table."""
    records = [record(seed) for seed in range(3)]
    for one, ratio in zip(records, (1.0, 1.2, 1.31), strict=True):
        one["full"]["ratio_to_paper"] |= {"likelihood": [ratio, 1.0, 2.0], "joint": [ratio - 0.1, 0.9, 1.9]}
    del records[2]["full"]["ratio_to_paper"]["joint"]
    page = queries_page(write(tmp_path, *records))["queries.md"]
    assert f"| {DISTANCES['likelihood']} | 3 | 1.170 | 1.00 to 1.31 | **reached** |" in page
    assert f"| {DISTANCES['joint']} | 2 | 1.000 | 0.90 to 1.10 | **missed** |" in page
    assert "over all runs" not in queries_page(write(tmp_path / "one", records[0]))["queries.md"]


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        ((1.2, 1.16, 1.3), "clearly reached"),
        ((1.2, 1.1, 1.3), "**reached**"),
        ((1.1, 1.0, 1.2), "**missed**"),
        ((1.1, 1.0, 1.14), "clearly missed"),
    ],
)
def test_verdicts_follow_from_the_interval(ratio: tuple[float, float, float], verdict: str) -> None:
    """Reached if the number is, clearly if all of its interval is."""
    text = aims_section([record(full={"named": 35, **scores(ratio)})])
    line = next(line for line in text.splitlines() if "equal logits" in line)
    assert verdict in line


def test_calibration_and_witnesses_are_judged_by_their_aims() -> None:
    """A third of the error; a difference above 0."""
    text = aims_section([record()])
    lines = text.splitlines()
    curves = [line for line in lines if "a curve per attribute" in line and "calibration error" in line]
    joint = [line for line in lines if "jointly |" in line and "calibration error" in line]
    assert len(curves) == len(joint) == 2
    assert all("**reached**" in line for line in curves)
    assert all("**missed**" in line for line in joint)
    three = [line for line in lines if "three witnesses" in line]
    debiased = [line for line in lines if "without what chance adds" in line]
    verdicts = [line.rsplit("of it, ", 1)[1] for line in debiased]
    expected = ["**reached**, within chance |", "**clearly reached** |"]
    expected += ["**missed**, within chance |", "**clearly missed** |"]
    assert verdicts == expected
    assert len(three) == 2
    assert all("**reached**" in line for line in three)


def test_every_run_has_its_column_and_both_branches_come_first(tmp_path: Path) -> None:
    """A run of recognition alone has no fused distance, and its aims are shown beside the others."""
    alone = record(seed=0, kind="attributes", name="alone")
    for row in alone["named"]:
        row.pop("ratio_to_naive_search")
    results = write(tmp_path, alone, record(seed=1), record(seed=0))
    assert [(one["kind"], one["seed"]) for one in read_records(results)] == [
        ("multi_task", 0),
        ("multi_task", 1),
        ("attributes", 0),
    ]
    page = queries_page(results)["queries.md"]
    heading = next(line for line in page.splitlines() if line.startswith("| aim |"))
    assert heading.count("|") == 5
    assert "alone, seed 0" in heading


def test_what_was_not_measured_has_no_column() -> None:
    """Records from before the error without chance was known keep their table as it was."""
    with_it = record()
    without = record()
    for found in without["calibration"].values():
        for key in [key for key in found if key.startswith("debiased")]:
            found.pop(key)
    assert "| 2.90 | 0.32 [0.30, 0.34] |" in calibration_section(with_it)
    assert "ithout chance" not in calibration_section(without)
    assert "without what chance adds" not in aims_section([without])
