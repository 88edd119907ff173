"""Tables on explanations are made of their records."""

from typing import Any

from pages.explanations import NOTHING, explanation_cost, pointing_game, pointing_game_attributes

MACHINE = {"processor": "some processor", "cores": 2, "load_average": 0.1, "commit": "0123456789abc"}


def score(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.01, "high": mean + 0.01}


def scores(hit: float, above: float | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"hit": score(hit), "energy": score(hit / 2)}
    if above is not None:
        found |= {"hit_above_mean_region": score(above), "energy_above_mean_region": score(above)}
    return found


RECORD = {
    "command": "python benchmarks/pointing_game.py --run DEMO/runs/one",
    "machine": MACHINE,
    "drawing": {"images": 600, "seed": 1000, "height_px": 160, "width_px": 80, "difficulty": 0.3},
    "prior_images": 500,
    "tolerance_px": 8.0,
    "names": ["accessoryHat"],
    "seen": [55],
    "anywhere": scores(0.1),
    "centre": scores(0.2),
    "mean_region": scores(0.7),
    "runs": [
        {
            "run": "one",
            "grid": [6, 3],
            "default": "gradient_rollout",
            "mean_region_at_grid": scores(0.6),
            "true_region_at_grid": scores(0.98),
            "methods": {"gradient_rollout": scores(0.5, -0.1)},
            "recognised": {
                "share": 0.4,
                "attributes": ["accessoryHat"],
                "mean_region_at_grid": scores(0.6),
                "methods": {"gradient_rollout": scores(0.7, 0.1)},
            },
            "attributes": {
                "gradient_rollout": [{"hit": 0.51, "energy": 0.2}],
                "mean_region_at_grid": [{"hit": 0.61, "energy": 0.3}],
            },
        }
    ],
}


def test_pointing_game_says_how_far_above_the_mean_region() -> None:
    """A method below the prior is shown as such."""
    text = pointing_game([RECORD])
    row = next(line for line in text.splitlines() if "one: gradient rollout" in line)
    assert row == (
        "| one: gradient rollout | 50.0 [49.0, 51.0] | -10.0 [-11.0, -9.0] | 25.0 [24.0, 26.0] "
        "| -10.0 [-11.0, -9.0] |"
    )
    assert "| one, recognised: gradient rollout | 70.0 [69.0, 71.0] | +10.0 [+9.0, +11.0] |" in text
    assert "tolerance 8 pixels" in text
    assert "code at 0123456789." in text
    assert "| accessoryHat | 55 | 51 | 61 |" in pointing_game_attributes([RECORD])


def test_cost_stands_beside_the_forward_pass() -> None:
    """Seconds on the clock, ratio of processor time."""
    steps = {
        name: {"median_s": value} for name, value in (("forward", 0.5), ("explain", 0.8), ("sheet", 0.3))
    }
    row = {"backbone": "resnet18", "height_px": 128, "width_px": 64, "head": "pooled", "aim_s": 1.0}
    record = {
        "command": "python benchmarks/explanations.py",
        "machine": MACHINE,
        "hits": 20,
        "attributes": 6,
        "threads": 2,
        "models": [row | steps | {"cpu_to_forward": {"explain": 1.5}}],
    }
    text = explanation_cost([record])
    assert "| resnet18, 128x64, pooled head | 0.50 s | 0.80 s | 1 s | 1.50 | 0.30 s |" in text


def test_without_records_it_says_so() -> None:
    """No number is made up."""
    assert pointing_game([]) == pointing_game_attributes([]) == explanation_cost([]) == NOTHING
