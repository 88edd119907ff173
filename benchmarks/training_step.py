"""What the multi-task training step costs beyond recognition alone, on the same backbone.

    python benchmarks/training_step.py [--rounds N] [--threads N] [--backbone NAME] [--json] [--write]

One step is forward, losses, backward and SGD on a batch that lies in memory. Three variants take turns in
one process: the paper's multi-task model with all losses over 1,890 training categories, recognition
alone with the same transformer head, and recognition alone on pooled features (the PAR baseline). Ratios
are of medians. On one thread the clock is the processor time of this process, so that other work on the
machine counts less; on several it is the wall's.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from attrieve.data.batch import PersonBatch
from attrieve.data.files import write_atomically
from attrieve.evaluation.record import code_commit, machine_facts
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from attrieve.training.config import parse_recipe
from attrieve.training.objective import Objective
from attrieve.training.optimiser import build_optimiser

CATEGORIES, BATCH, HEIGHT_PX, WIDTH_PX = 1890, 16, 256, 128
VARIANTS = {
    "multi_task": ("multi_task", "transformer"),
    "attributes_transformer": ("attributes", "transformer"),
    "attributes_pooled": ("attributes", "pooled"),
}
AIM = 1.25
RESULT = Path(__file__).parent.parent / "results" / "benchmark-training-step.json"


class Step:
    """One variant's training step, with the time of its parts."""

    def __init__(self, kind: str, head: str, backbone: str, clock: Callable[[], float]) -> None:
        self.clock = clock
        recipe = parse_recipe(
            {
                "model": {
                    "kind": kind,
                    "head": head,
                    "height_px": HEIGHT_PX,
                    "width_px": WIDTH_PX,
                    "backbone": {"name": backbone},
                }
            }
        )
        torch.manual_seed(0)
        schema = load_vocabulary("peta35")
        categories = (torch.rand(CATEGORIES, len(schema)) < 0.3).to(torch.int8)
        self.retriever = Retriever(recipe.model, schema, categories=CATEGORIES).train()
        self.retriever.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = Objective(recipe.loss, recipe.model, schema, categories, categories, seed=0)
        self.optimiser = build_optimiser(recipe.optimiser, self.retriever, self.objective)
        category = torch.randint(0, CATEGORIES, (BATCH,))
        images = torch.randint(0, 256, (BATCH, HEIGHT_PX, WIDTH_PX, 3), dtype=torch.uint8)
        self.batch = PersonBatch(images, categories[category], category)
        self.seconds: dict[str, list[float]] = {
            part: [] for part in ("forward", "losses", "backward", "update")
        }

    def __call__(self) -> float:
        """Run one step and return its seconds."""
        start = self.clock()
        output = self._timed("forward", lambda: self.retriever(self.retriever.prepare(self.batch.images)))
        loss = self._timed("losses", lambda: self.objective(output, self.retriever.query, self.batch))
        self._timed("backward", loss.total.backward)
        self._timed("update", self._update)
        return self.clock() - start

    def _update(self) -> None:
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def _timed(self, part: str, action: Callable[[], Any]) -> Any:
        start = self.clock()
        result = action()
        self.seconds[part].append(self.clock() - start)
        return result


def measure(rounds: int, backbone: str, clock: Callable[[], float]) -> dict[str, Any]:
    """Let the variants take turns and compare their medians."""
    steps = {name: Step(kind, head, backbone, clock) for name, (kind, head) in VARIANTS.items()}
    for step in steps.values():  # libraries choose their kernels once
        step()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            seconds[name].append(step())
    medians = {name: median(found) for name, found in seconds.items()}
    return {
        "median_s": medians,
        "parts_median_s": {
            name: {part: median(found) for part, found in step.seconds.items()}
            for name, step in steps.items()
        },
        "rounds": rounds,
        "multi_task_to_attributes_transformer": medians["multi_task"] / medians["attributes_transformer"],
        "multi_task_to_attributes_pooled": medians["multi_task"] / medians["attributes_pooled"],
        "aim_at_most": AIM,
    }


def report(document: dict[str, Any]) -> str:
    """Write the comparison as a small table."""
    lines = []
    for name, parts in document["parts_median_s"].items():
        told = "  ".join(f"{part} {1e3 * seconds:.1f}" for part, seconds in parts.items())
        lines.append(f"{name:<24}{1e3 * document['median_s'][name]:>9.1f} ms  ({told})")
    ratios = ("multi_task_to_attributes_transformer", "multi_task_to_attributes_pooled")
    lines += [f"{name}: {document[name]:.3f} (aim: at most {AIM})" for name in ratios]
    return "\n".join(lines)


def main() -> None:
    """Measure, and print or write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name} into results/")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    alone = arguments.threads == 1
    document = {
        "command": "python benchmarks/training_step.py " + " ".join(sys.argv[1:]),
        "what": "training step on a resident batch: forward, losses, backward, SGD; float32",
        "commit": code_commit(),
        "machine": machine_facts(),
        "threads": arguments.threads,
        "backbone": arguments.backbone,
        "batch": BATCH,
        "height_px": HEIGHT_PX,
        "width_px": WIDTH_PX,
        "categories": CATEGORIES,
        "clock": "processor" if alone else "wall",
        **measure(arguments.rounds, arguments.backbone, time.process_time if alone else time.perf_counter),
    }
    if arguments.write:
        write_atomically(RESULT, (json.dumps(document, indent=2) + "\n").encode())
    print(json.dumps(document, indent=2) if arguments.json else report(document))


if __name__ == "__main__":
    main()
