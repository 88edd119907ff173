"""The share of its time a training loop waits for batches from the memory-mapped cache.

    python benchmarks/loading.py [--rounds N] [--steps N] [--threads N] [--json] [--write]

ResNet-18 on 128x64 images, the PAR loss, SGD: first with batches shuffled out of the cache file through
the data loader that training uses, then on one batch that stays in memory. The two take turns; the share
is (time with loader - time on one resident batch) / time with loader, of medians. Augmentation belongs to
both. The cache holds noise of the size of PETA's training images and is dropped from the page cache by
nobody: as in training, whose first epoch has just written or read it.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import islice, repeat
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.utils.data import DataLoader

from attrieve.data.augmentation import augment
from attrieve.data.batch import EpochBatches, PersonBatch, category_positions
from attrieve.data.files import write_atomically
from attrieve.evaluation.record import code_commit, machine_facts
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from attrieve.training.config import Recipe, parse_recipe
from attrieve.training.objective import Objective
from attrieve.training.optimiser import build_optimiser
from attrieve.training.people import PersonImages, TrainingPeople, keep_batch

IMAGES, BATCH, HEIGHT_PX, WIDTH_PX = 12_140, 64, 128, 64
AIM = 0.10
RESULT = Path(__file__).parent.parent / "results" / "benchmark-loading.json"


def write_cache(path: Path) -> None:
    """Write noise of the size of PETA's training images, a piece at a time."""
    mapped = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.uint8, shape=(IMAGES, HEIGHT_PX, WIDTH_PX, 3)
    )
    random = np.random.default_rng(0)
    for start in range(0, IMAGES, 1024):
        piece = mapped[start : start + 1024]
        piece[:] = random.integers(0, 256, piece.shape, dtype=np.uint8)
    mapped.flush()


def people_on(path: Path) -> TrainingPeople:
    """Return persons whose images lie in the cache file, mapped as training maps them."""
    schema = load_vocabulary("peta35")
    values = (torch.rand(IMAGES, len(schema)) < 0.3).to(torch.int8)
    category, categories, counts = category_positions(values)
    images = torch.from_numpy(np.load(path, mmap_mode="c"))
    return TrainingPeople(schema, images, values, category, categories, counts)


class Loop:
    """A training loop without anything around it."""

    def __init__(self, people: TrainingPeople) -> None:
        self.recipe: Recipe = parse_recipe(
            {
                "model": {
                    "kind": "attributes",
                    "head": "pooled",
                    "height_px": HEIGHT_PX,
                    "width_px": WIDTH_PX,
                    "backbone": {"name": "resnet18"},
                }
            }
        )
        torch.manual_seed(0)
        self.people = people
        self.retriever = Retriever(self.recipe.model, people.schema).train()
        self.retriever.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = Objective(
            self.recipe.loss, self.recipe.model, people.schema, people.values, people.categories, seed=0
        )
        self.optimiser = build_optimiser(self.recipe.optimiser, self.retriever, self.objective)

    def loader(self, epoch: int) -> DataLoader[PersonBatch]:
        """Return the shuffled batches of an epoch, as training takes them."""
        batches = EpochBatches(len(self.people), BATCH, seed=0)
        batches.set_epoch(epoch)
        return DataLoader(PersonImages(self.people), batch_sampler=batches, collate_fn=keep_batch)  # type: ignore[arg-type]

    def seconds_per_step(self, batches: Iterable[PersonBatch], steps: int) -> float:
        """Train so many steps and return the mean seconds of one."""
        generator = torch.Generator().manual_seed(0)
        start = time.perf_counter()
        for batch in islice(batches, steps):
            images = augment(batch.images, self.recipe.augmentation, generator)
            output = self.retriever(self.retriever.prepare(images))
            self.objective(output, self.retriever.query, batch).total.backward()
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
        return (time.perf_counter() - start) / steps


def measure(rounds: int, steps: int) -> dict[str, object]:
    """Let both ways take turns and compare their medians."""
    with tempfile.TemporaryDirectory() as folder:
        write_cache(Path(folder) / "images.npy")
        loop = Loop(people_on(Path(folder) / "images.npy"))
        resident = next(iter(loop.loader(0)))
        loop.seconds_per_step(repeat(resident), 2)  # libraries choose their kernels once
        loaded, kept, alone = [], [], []
        for epoch in range(rounds):
            loaded.append(loop.seconds_per_step(loop.loader(epoch), steps))
            kept.append(loop.seconds_per_step(repeat(resident), steps))
            start = time.perf_counter()
            for _ in islice(loop.loader(epoch + rounds), steps):
                pass
            alone.append((time.perf_counter() - start) / steps)
    with_loader, without = median(loaded), median(kept)
    return {
        "with_loader_s": with_loader,
        "resident_s": without,
        "loader_alone_s": median(alone),
        "waiting_share": (with_loader - without) / with_loader,
        "loader_alone_share": median(alone) / with_loader,
        "rounds": rounds,
        "steps": steps,
        "aim_below": AIM,
    }


def main() -> None:
    """Measure, and print or write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name} into results/")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    document = {
        "command": "python benchmarks/loading.py " + " ".join(sys.argv[1:]),
        "what": "training loop of ResNet-18 with PAR loss: batches from the cache against one resident batch",
        "commit": code_commit(),
        "machine": machine_facts(),
        "threads": arguments.threads,
        "images": IMAGES,
        "batch": BATCH,
        "height_px": HEIGHT_PX,
        "width_px": WIDTH_PX,
        **measure(arguments.rounds, arguments.steps),
    }
    if arguments.write:
        write_atomically(RESULT, (json.dumps(document, indent=2) + "\n").encode())
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        print(
            f"step with loader {1e3 * document['with_loader_s']:.1f} ms, on a resident batch "
            f"{1e3 * document['resident_s']:.1f} ms: waits {document['waiting_share']:.1%} of its time "
            f"(loader alone {document['loader_alone_share']:.1%}; aim: below {AIM:.0%})"
        )


if __name__ == "__main__":
    main()
