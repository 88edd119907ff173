"""Do heat maps show where an attribute is? Drawn people, whose true regions are known, against two priors.

The pointing game: the maximum of a map hits if it lies in the attribute's visible region or within a
tolerance of it. Energy: the share of the map that lies inside. Only images count in which the attribute
holds and is seen. Every attribute counts the same.

Held against: a point anywhere; the middle of the image; the mean region of the attribute over other drawn
people, at full resolution and at that of the maps (it knows where hats are in general, and looks at no
image); maps of the same network with random weights; and the true region itself at the maps' resolution,
which no map can beat. Once more all that where the model itself says that the attribute is there (p >= 0.5):
what the map of an attribute shows that is not recognised is another question.

    python benchmarks/pointing_game.py --run RUN [--run RUN ...] [--images N] [--seed S] [--json] [--write]

A run of `attrieve demo` will do: DEMO/runs/multi-task and DEMO/runs/attributes.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attrieve.data.decoding import resize_image
from attrieve.data.synthetic import DrawnPeopleConfig, draw_image, draw_values, image_seeds
from attrieve.data.synthetic.parts import parts_of
from attrieve.data.synthetic.regions import attribute_regions
from attrieve.evaluation.pointing_game import (
    Scores,
    chance_of_hit,
    over_attributes,
    score_maps,
    to_resolution,
)
from attrieve.models.heat_maps import default_method, explain_images, known_methods
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from measure import machine

RESULT = Path(__file__).parent.parent / "results" / "benchmark-pointing-game.json"
NAMES = load_vocabulary("peta105").names
LEAST_PIXELS = 12
"""Smaller regions are specks of something hidden, and count as not seen."""

LEAST_RECOGNISED = 10
"""Attributes that are recognised in fewer images are left out where only those count."""


def drawn(config: DrawnPeopleConfig, asked: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures, and the true region of every attribute asked in each."""
    values, identity = draw_values(config)
    pictures, regions = [], []
    for index, (row, person) in enumerate(zip(values, identity, strict=True)):
        seeds = image_seeds(config.seed, index, int(person))
        how: dict[str, Any] = {
            "seed": seeds.scene,
            "person_seed": seeds.person,
            "height_px": config.height_px,
            "width_px": config.width_px,
            "difficulty": config.difficulty,
        }
        pictures.append(draw_image(row, **how))
        found = attribute_regions(row, **how)[asked]
        regions.append(found & (found.sum(axis=(1, 2)) >= LEAST_PIXELS)[:, None, None])
    return np.stack(pictures), np.stack(regions)


def mean_regions(regions: np.ndarray) -> np.ndarray:
    """Return for each attribute how often each pixel belongs to it where it is seen."""
    seen = regions.any(axis=(2, 3)).sum(axis=0)
    means: np.ndarray = regions.sum(axis=0) / seen[:, None, None].clip(1)
    return means


def centre_prior(height_px: int, width_px: int) -> np.ndarray:
    """Return a Gaussian in the middle of the image, its deviation a quarter of either side."""
    rows, columns = (np.linspace(-2, 2, side) for side in (height_px, width_px))
    prior: np.ndarray = np.exp(-(rows[:, None] ** 2 + columns[None] ** 2) / 2)
    return prior


def everywhere(table: np.ndarray, images: int) -> np.ndarray:
    """Return the same maps for every image."""
    return np.broadcast_to(table, (images, *table.shape))


def summary(scores: Scores, against: Scores | None = None) -> dict[str, Any]:
    """Return means over attributes with intervals, and how far they lie above a baseline."""
    if not scores.hit.shape[1]:
        return {}
    found: dict[str, Any] = {
        "hit": asdict(over_attributes(scores.hit)),
        "energy": asdict(over_attributes(scores.energy)),
    }
    if against is not None:
        found["hit_above_mean_region"] = asdict(over_attributes(scores.hit, against.hit))
        found["energy_above_mean_region"] = asdict(over_attributes(scores.energy, against.energy))
    return found


def by_attribute(scores: Scores) -> list[dict[str, float]]:
    """Return the means over images, in the order of the attributes."""
    return [
        {"hit": float(hit), "energy": float(energy)}
        for hit, energy in zip(np.nanmean(scores.hit, axis=0), np.nanmean(scores.energy, axis=0), strict=True)
    ]


def play(
    retriever: Retriever,
    pictures: np.ndarray,
    regions: np.ndarray,
    priors: np.ndarray,
    asked: list[int],
    tolerance_px: float,
) -> dict[str, Any]:
    """Return what the maps of one retriever score, and the baselines that depend on their resolution."""
    pixels = torch.from_numpy(np.stack([resize_image(one, *retriever.input_size) for one in pictures]))
    untrained = random_weights(retriever)
    positions = [retriever.schema.index_of(NAMES[index]) for index in asked]
    scored: dict[str, Scores] = {}
    recognised = regions.any(axis=(2, 3))
    grid = (1, 1)
    for method in known_methods(retriever):
        for name, network in ((method.value, retriever), (f"{method.value}, random weights", untrained)):
            maps = explain_images(network, pixels, attributes=positions, method=method)
            grid = (maps.values.shape[2], maps.values.shape[3])
            scored[name] = score_maps(maps.values.numpy(), regions, tolerance_px=tolerance_px)
            if network is retriever:
                recognised = regions.any(axis=(2, 3)) & (maps.probability.numpy() >= 0.5)
    coarse = everywhere(to_resolution(priors, *grid), len(pictures))
    prior = score_maps(coarse, regions, tolerance_px=tolerance_px)
    truth = np.stack([to_resolution(one.astype(np.float64), *grid) for one in regions])
    return {
        "run": retriever.name,
        "fingerprint": retriever.fingerprint,
        "kind": retriever.kind,
        "head": retriever.settings.head.value,
        "backbone": retriever.settings.backbone.name,
        "input_px": list(retriever.input_size),
        "grid": list(grid),
        "default": default_method(retriever).value,
        "recognised": {
            "share": float(recognised.sum() / regions.any(axis=(2, 3)).sum()),
            "attributes": [NAMES[asked[place]] for place in often(recognised)],
            "mean_region_at_grid": summary(only(prior, recognised)),
            "methods": {
                name: summary(only(scores, recognised), only(prior, recognised))
                for name, scores in scored.items()
                if "random" not in name
            },
        },
        "mean_region_at_grid": summary(prior),
        "true_region_at_grid": summary(score_maps(truth, regions, tolerance_px=tolerance_px)),
        "methods": {name: summary(scores, prior) for name, scores in scored.items()},
        "attributes": {
            **{name: by_attribute(scores) for name, scores in scored.items() if "random" not in name},
            "mean_region_at_grid": by_attribute(prior),
        },
    }


def often(recognised: np.ndarray) -> np.ndarray:
    """Return the places of attributes that are recognised where they are seen in at least ten images."""
    places: np.ndarray = np.flatnonzero(recognised.sum(axis=0) >= LEAST_RECOGNISED)
    return places


def only(scores: Scores, recognised: np.ndarray) -> Scores:
    """Return the scores of the images in which the model itself says that the attribute is there."""
    places = often(recognised)
    return Scores(
        np.where(recognised, scores.hit, np.nan)[:, places],
        np.where(recognised, scores.energy, np.nan)[:, places],
    )


def random_weights(retriever: Retriever) -> Retriever:
    """Return a retriever of the same shape that has learnt nothing."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Retriever(retriever.settings, retriever.schema).eval()


def measured(
    retrievers: list[Retriever], config: DrawnPeopleConfig, prior_images: int, tolerance: float
) -> dict[str, Any]:
    """Draw, explain and score."""
    known = set.intersection(*(set(retriever.schema.names) for retriever in retrievers))
    asked = [index for index, name in enumerate(NAMES) if name in known and parts_of(name)]
    pictures, regions = drawn(config, asked)
    seen = regions.any(axis=(2, 3)).sum(axis=0)
    kept = [place for place in range(len(asked)) if seen[place] >= min(10, max(1, config.images // 20))]
    asked, regions = [asked[place] for place in kept], regions[:, kept]
    others = DrawnPeopleConfig(
        images=prior_images,
        seed=config.seed + 1,
        height_px=config.height_px,
        width_px=config.width_px,
        images_per_person=(1, 1),
        difficulty=config.difficulty,
    )
    priors = mean_regions(drawn(others, asked)[1])
    tolerance_px = tolerance * config.height_px
    centre = everywhere(
        np.stack([centre_prior(config.height_px, config.width_px)] * len(asked)), config.images
    )
    chance = chance_of_hit(regions, tolerance_px=tolerance_px)
    area = np.where(regions.any(axis=(2, 3)), regions.mean(axis=(2, 3)), np.nan)
    return {
        "drawing": asdict(config),
        "prior_images": prior_images,
        "tolerance_px": tolerance_px,
        "least_pixels": LEAST_PIXELS,
        "names": [NAMES[index] for index in asked],
        "seen": regions.any(axis=(2, 3)).sum(axis=0).tolist(),
        "anywhere": summary(Scores(chance, area)),
        "centre": summary(score_maps(centre, regions, tolerance_px=tolerance_px)),
        "mean_region": summary(
            score_maps(everywhere(priors, config.images), regions, tolerance_px=tolerance_px)
        ),
        "runs": [play(retriever, pictures, regions, priors, asked, tolerance_px) for retriever in retrievers],
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, then print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--run", action="append", required=True, help="run folder; may be given several times"
    )
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--prior-images", type=int, default=400)
    parser.add_argument("--size", type=int, nargs=2, default=(160, 80), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--difficulty", type=float, default=0.3)
    parser.add_argument("--tolerance", type=float, default=0.05, help="share of the image's height")
    parser.add_argument("--seed", type=int, default=1_000, help="of the drawing; the demo trains on seed 0")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    retrievers = [Retriever.from_pretrained(run) for run in options.run]
    config = DrawnPeopleConfig(
        images=options.images,
        seed=options.seed,
        height_px=options.size[0],
        width_px=options.size[1],
        images_per_person=(1, 1),
        difficulty=options.difficulty,
    )
    command = ["python", "benchmarks/pointing_game.py"]
    command += [f"--run DEMO/runs/{Path(run).name}" for run in options.run]
    for name in ("images", "prior_images", "difficulty", "tolerance", "seed"):
        if (given := getattr(options, name)) != parser.get_default(name):
            command.append(f"--{name.replace('_', '-')} {given}")
    if tuple(options.size) != parser.get_default("size"):
        command.append(f"--size {options.size[0]} {options.size[1]}")
    report = {
        "command": " ".join(command),
        "machine": machine(),
        **measured(retrievers, config, options.prior_images, options.tolerance),
    }
    text = json.dumps(report, indent=1)
    if options.write:
        RESULT.write_text(text + "\n", "utf-8")
    if options.json:
        print(text)
        return
    print(f"{'':42}  {'hits':>20}  {'energy':>20}")
    for name in ("anywhere", "centre", "mean_region"):
        print(line(name, report[name]))
    for run in report["runs"]:
        grid = f"{run['grid'][0]}x{run['grid'][1]}"
        print(line(f"{run['run']}: mean region at {grid}", run["mean_region_at_grid"]))
        print(line(f"{run['run']}: true region at {grid}", run["true_region_at_grid"]))
        for name, scores in run["methods"].items():
            print(line(f"{run['run']}: {name}", scores))
        known = run["recognised"]
        print(line(f"{run['run']}, recognised: mean region", known["mean_region_at_grid"]))
        for name, scores in known["methods"].items():
            print(line(f"{run['run']}, recognised: {name}", scores))


def line(name: str, scores: dict[str, Any]) -> str:
    """Return one row of the table."""
    if not scores:
        return f"{name:42}  no attribute"
    cells = [
        f"{100 * one['mean']:5.1f} [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"
        for one in (scores["hit"], scores["energy"])
    ]
    return f"{name:42}  {cells[0]:>20}  {cells[1]:>20}"


if __name__ == "__main__":
    sys.exit(main())
