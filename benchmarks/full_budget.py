"""How fast the paper's recipes train on a GPU, how idle they leave it, and how long a whole row takes.

    python benchmarks/full_budget.py [RECIPE ...] [--whole] [--compile] [--steps N] [--json] [--write]

Each recipe trains on random images of its size that lie in memory, with the paper's 12,140 images and some
1,300 descriptions, through the very call behind ``attrieve train``. Three windows of steps follow each other:
the first is thrown away, the second is timed, the third is watched by PyTorch's profiler. The idle share is
1 - (time in which any kernel or copy ran on the GPU) / (time from the first to the last of them); watching
costs time, so that it is an upper bound. ``row_s`` is the time of 20 epochs (``--epochs``) at the timed pace,
or with ``--whole`` what the clock showed from start to saved model. Without a GPU nothing is measured;
``--tiny`` only shows that the code runs.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from attrieve.data.batch import category_positions
from attrieve.data.files import write_atomically
from attrieve.provenance import code_commit, machine_facts
from attrieve.schema import load_vocabulary
from attrieve.training.config import Recipe, load_recipe
from attrieve.training.people import TrainingPeople
from attrieve.training.run import Machine, train

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "results" / "benchmark-full-budget.json"
RECIPES = ("attributes-resnet50", "embedding-resnet50", "multi-task-resnet50")
IMAGES, CATEGORIES, EPOCHS = 12_140, 1_300, 20
AIM_S = 240.0
TINY = ("model.height_px=64", "model.width_px=32", "training.batch=4", "training.precision=float32")


@dataclass(frozen=True)
class Windows:
    """How many steps are thrown away, timed, and watched."""

    warm: int
    timed: int
    watched: int


class Clock(Callback):
    """Time one window of steps, watch the next, then let the run end or go on.

    Args:
        windows: their lengths in steps.
        whole: go on to the end.
    """

    def __init__(self, windows: Windows, *, whole: bool) -> None:
        self.windows = windows
        self.whole = whole
        self.seconds = 0.0
        self.idle: float | None = None
        self._start = 0.0
        self._profiler: torch.profiler.profile | None = None

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *details: Any
    ) -> None:
        """Begin and end the windows."""
        step = trainer.global_step
        first, second = self.windows.warm, self.windows.warm + self.windows.timed
        if step == first:
            self._start = now()
        elif step == second:
            self.seconds = now() - self._start
            self._profiler = watch()
        elif step == second + self.windows.watched and self._profiler is not None:
            now()
            self._profiler.stop()
            self.idle = idle_share(device_spans(self._profiler))
            self._profiler = None
            trainer.should_stop = not self.whole


def now() -> float:
    """Return the time in seconds once the GPU has done what it was asked."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def watch() -> torch.profiler.profile:
    """Return a profiler that has begun to watch."""
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        kinds = [torch.profiler.ProfilerActivity.CUDA]
    profiler = torch.profiler.profile(activities=kinds)
    profiler.start()
    return profiler


def device_spans(profiler: torch.profiler.profile) -> list[tuple[float, float]]:
    """Return start and end of everything that ran on the GPU, microseconds."""
    return [
        (event.time_range.start, event.time_range.end)
        for event in profiler.events() or ()
        if event.device_type is torch.autograd.DeviceType.CUDA
    ]


def idle_share(spans: Iterable[tuple[float, float]]) -> float | None:
    """Return the share of the time between first start and last end in which nothing ran.

    Args:
        spans: start and end of each piece of work; they may overlap.

    Returns:
        A share in [0, 1]; None without work.
    """
    ordered = sorted(spans)
    if not ordered:
        return None
    first = reached = ordered[0][0]
    busy = 0.0
    for start, end in ordered:
        busy += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return 1 - busy / (reached - first) if reached > first else 0.0


def random_people(recipe: Recipe, images: int, categories: int) -> TrainingPeople:
    """Return persons that look like noise: the time of a step does not depend on what is seen."""
    generator = torch.Generator().manual_seed(0)
    schema = load_vocabulary("peta35")
    size = (images, recipe.model.height_px, recipe.model.width_px, 3)
    descriptions = (torch.rand(categories, len(schema), generator=generator) < 0.3).to(torch.int8)
    values = descriptions[torch.randint(categories, (images,), generator=generator)]
    pixels = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
    category, distinct, counts = category_positions(values)
    return TrainingPeople(schema, pixels, values, category, distinct, counts)


def measure(recipe: Recipe, people: TrainingPeople, windows: Windows, *, whole: bool) -> dict[str, Any]:
    """Train and return what the clock, the profiler and the GPU's memory say."""
    clock = Clock(windows, whole=whole)
    machine = Machine(accelerator="gpu" if torch.cuda.is_available() else "cpu")
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        start = now()
        train(recipe, people, Path(folder) / "run", machine=machine, callbacks=[clock])
        took = now() - start
    training = recipe.training
    steps = len(people) // training.batch * training.epochs
    row = took if whole else steps * clock.seconds / windows.timed
    return {
        "kind": recipe.model.kind.value,
        "height_px": recipe.model.height_px,
        "width_px": recipe.model.width_px,
        "batch": training.batch,
        "epochs": training.epochs,
        "precision": training.precision,
        "compiled": training.compile,
        "images_per_s": windows.timed * training.batch / clock.seconds,
        "step_ms": 1e3 * clock.seconds / windows.timed,
        "idle_share_at_most": clock.idle,
        "peak_memory_gib": torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None,
        "row_s": row,
        "row_s_is": "measured" if whole else "steps at the timed pace",
        "within_aim": row <= AIM_S,
    }


def report(document: dict[str, Any]) -> str:
    """Write what was found as a small table."""
    lines = []
    for name, found in document["recipes"].items():
        idle = found["idle_share_at_most"]
        told = "idle unknown" if idle is None else f"idle at most {100 * idle:.0f} %"
        lines.append(
            f"{name:<24}{found['images_per_s']:>9.0f} images/s  {found['step_ms']:.1f} ms a step  {told}  "
            f"row {found['row_s']:.0f} s (aim {AIM_S:.0f} s)"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print or write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=RECIPES, help="names in recipes/paper")
    parser.add_argument("--whole", action="store_true", help="train each recipe to its end")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--steps", type=int, default=150, help="steps in the timed window")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--tiny", action="store_true", help="few tiny images: does the code run?")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name} into results/")
    asked = parser.parse_args(arguments)
    if not (torch.cuda.is_available() or asked.tiny):
        sys.exit("this benchmark measures a GPU and PyTorch sees none; --tiny shows that its code runs")
    if asked.tiny and asked.write:
        sys.exit("--tiny measures nothing worth keeping; leave out --write")
    changes = [f"training.epochs={asked.epochs}", f"training.compile={str(asked.compile).lower()}"]
    changes += list(TINY) if asked.tiny else []
    images, categories = (40, 5) if asked.tiny else (IMAGES, CATEGORIES)
    windows = Windows(1, 2, 1) if asked.tiny else Windows(50, asked.steps, 40)
    recipes = {
        name: load_recipe(ROOT / "recipes" / "paper" / f"{name}.toml", [*changes, *asked.changes])
        for name in asked.recipes
    }
    document = {
        "command": "python benchmarks/full_budget.py " + " ".join(sys.argv[1:]),
        "what": "training by the paper's recipes on random images, as attrieve train does it",
        "commit": code_commit(),
        "machine": machine_facts(),
        "images": images,
        "aim_row_s": AIM_S,
        "recipes": {
            name: measure(recipe, random_people(recipe, images, categories), windows, whole=asked.whole)
            for name, recipe in recipes.items()
        },
    }
    if asked.write:
        write_atomically(RESULT, (json.dumps(document, indent=1) + "\n").encode())
    print(json.dumps(document, indent=1) if asked.json else report(document))


if __name__ == "__main__":
    main()
