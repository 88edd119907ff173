"""Modality alignment and semantic margin, forward and backward: row blocks against the stored pair tensor.

The baseline does what the code published with ASMR does (BoseungJeong/ASMR, ``losses.py``): which
categories differ in which attribute is stored once as C x C x K booleans, and each step turns them
into floats, multiplies by the weights and masks to the upper triangle. The stored booleans count for
its memory, their making does not count for its time. Both see the same numbers; their losses must agree.

    python benchmarks/asmr.py [--threads N] [--json] [--write]

Every variant runs in a process of its own, in turns; ratios are of medians.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from attrieve.losses.modality_alignment import modality_alignment
from attrieve.losses.semantic_margin import SemanticMarginRegulariser, encode_groups
from attrieve.schema.attributes import load_vocabulary
from measure import machine, measure, memory_floor_mib

CATEGORIES = (2090, 5000)
ATTRIBUTES, DIM, BATCH = 35, 128, 16
TAU, SCALE, MARGIN, SHARE = 17.5, 12.0, 0.2, 4.0
RESULT = Path(__file__).parent.parent / "results" / "benchmark-asmr.json"


class Inputs:
    """What a step sees: the same for both variants."""

    def __init__(self, categories: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.values = (torch.rand(categories, ATTRIBUTES, generator=generator) < 0.3).to(torch.int8)
        self.category = torch.randint(0, categories, (BATCH,), generator=generator)
        self.image_embedding = torch.randn(BATCH, DIM, generator=generator).requires_grad_()
        self.category_embedding = torch.randn(categories, DIM, generator=generator).requires_grad_()
        self.weight = ((torch.rand(ATTRIBUTES, generator=generator) - 0.5) / 2).requires_grad_()

    def backward(self, loss: Tensor) -> float:
        """Differentiate by everything that trains."""
        for tensor in (self.image_embedding, self.category_embedding, self.weight):
            tensor.grad = None
        loss.backward()
        return loss.item()


def blocked(inputs: Inputs) -> Callable[[], float]:
    """Ours."""
    codes = encode_groups(inputs.values, load_vocabulary("peta35"), grouping="attribute")
    regulariser = SemanticMarginRegulariser(ATTRIBUTES, TAU, "one_plus", "published")
    del regulariser.raw_weight
    regulariser.raw_weight = inputs.weight  # type: ignore[assignment]

    def step() -> float:
        alignment = modality_alignment(
            inputs.image_embedding, inputs.category_embedding, inputs.category, scale=SCALE, margin=MARGIN
        ).mean()
        return inputs.backward(alignment + SHARE * regulariser(inputs.category_embedding, codes))

    return step


def stored(inputs: Inputs) -> Callable[[], float]:
    """The published way."""
    differ = inputs.values[:, None] != inputs.values[None]
    pairs = len(inputs.values) * (len(inputs.values) - 1) / 2

    def step() -> float:
        unit = functional.normalize(inputs.category_embedding, dim=1)
        cosine = functional.linear(functional.normalize(inputs.image_embedding, dim=1), unit)
        sine = (1 - cosine.square()).clamp(0, 1).sqrt()
        moved = cosine * math.cos(MARGIN) - sine * math.sin(MARGIN)
        moved = torch.where(
            cosine > math.cos(math.pi - MARGIN), moved, cosine - MARGIN * math.sin(math.pi - MARGIN)
        )
        wanted = functional.one_hot(inputs.category, len(unit))
        logits = SCALE * (wanted * moved + (1.0 - wanted) * cosine)
        alignment = functional.cross_entropy(logits, inputs.category)

        pair_cosine = functional.linear(unit, unit).triu(diagonal=1)
        distance = torch.matmul(differ.float(), (1 + inputs.weight)[:, None]).squeeze(-1).triu(diagonal=1)
        target = torch.sigmoid(1 - distance / TAU).triu(diagonal=1)
        mean = pair_cosine.sum() / pairs
        margin = ((pair_cosine - mean - target) ** 2).triu(diagonal=1).sum() / pairs
        return inputs.backward(alignment + SHARE * margin)

    return step


VARIANTS: dict[str, Callable[[Inputs], Callable[[], float]]] = {"blocked": blocked, "stored": stored}


def run_variant(name: str, categories: int, threads: int) -> dict[str, float]:
    """Measure one variant in this process."""
    torch.set_num_threads(threads)
    inputs = Inputs(min(CATEGORIES) // 10)
    VARIANTS[name](inputs)()  # libraries load and allocate once
    inputs = Inputs(categories)
    floor = memory_floor_mib()
    step = VARIANTS[name](inputs)
    return {"loss": step(), **asdict(measure(step, floor))}


def run_in_process(name: str, categories: int, threads: int) -> dict[str, float]:
    """Measure one variant in a fresh process."""
    command = [sys.executable, __file__, "--variant", name, "--categories", str(categories)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    finished = subprocess.run(
        [*command, "--threads", str(threads)], capture_output=True, text=True, check=True, env=environment
    )
    measured: dict[str, float] = json.loads(finished.stdout)
    return measured


def compare(threads: int, rounds: int) -> Iterator[dict[str, object]]:
    """Measure both variants in turns and compare them, for each number of categories."""
    for categories in CATEGORIES:
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
        for _ in range(rounds):
            for name in VARIANTS:
                turns[name].append(run_in_process(name, categories, threads))
        best = {name: min(found, key=lambda turn: turn["median_s"]) for name, found in turns.items()}
        ours, theirs = best["blocked"], best["stored"]
        if not math.isclose(ours["loss"], theirs["loss"], rel_tol=1e-4):
            raise SystemExit(f"the variants disagree: {ours['loss']} and {theirs['loss']}")
        yield {
            "categories": categories,
            "threads": threads,
            **best,
            "times_faster": theirs["median_s"] / ours["median_s"],
            "times_less_cpu": theirs["cpu_s"] / ours["cpu_s"],
            "times_less_memory": theirs["peak_mib"] / ours["peak_mib"],
        }


def report(rows: list[dict[str, object]]) -> str:
    """Write the comparison as a small table."""
    lines = [
        "categories  threads   stored ms  blocked ms  faster  less CPU   stored MiB  blocked MiB  less memory"
    ]
    for row in rows:
        ours, theirs = row["blocked"], row["stored"]
        lines.append(
            f"{row['categories']:>10}  {row['threads']:>7}  {theirs['median_s'] * 1e3:>10.1f}"
            f"  {ours['median_s'] * 1e3:>10.1f}  {row['times_faster']:>5.1f}x  {row['times_less_cpu']:>7.1f}x"
            f"  {theirs['peak_mib']:>11.1f}  {ours['peak_mib']:>11.1f}  {row['times_less_memory']:>10.1f}x"
        )
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=2, help="turns of each variant; the best median counts")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name} into results/")
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--categories", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        print(json.dumps(run_variant(arguments.variant, arguments.categories, arguments.threads[0])))
        return
    rows = [row for threads in arguments.threads for row in compare(threads, arguments.rounds)]
    document: dict[str, object] = {
        "command": "python benchmarks/asmr.py " + " ".join(sys.argv[1:]),
        "what": "modality alignment + semantic margin, forward and backward, float32",
        "attributes": ATTRIBUTES,
        "dim": DIM,
        "batch": BATCH,
        "machine": machine(),
        "rows": rows,
    }
    if arguments.write:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(json.dumps(document, indent=2) if arguments.json else report(rows))


if __name__ == "__main__":
    main()
