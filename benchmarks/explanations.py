"""How long it takes to say where things were found in 20 hits, beside the bare forward pass on them.

Untrained multi-task transformers of the paper's size with the paper's heads; 20 drawn crops lie as files on
disk, and 6 attributes are asked. "explain" reads the files, runs the model and makes the maps; "sheet" draws
all of them as one picture. The baseline is the model's forward pass on the 20 crops in memory, in the same
process. Times are medians on the clock; seconds of processor time stand beside them, since other work
counts on the clock.

    python benchmarks/explanations.py [--threads N] [--json] [--write]
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from attrieve.data.decoding import resize_image
from attrieve.data.synthetic import DrawnPeopleConfig, draw_people
from attrieve.gallery.explained_hits import explain_hits
from attrieve.gallery.heat_map_sheet import heat_map_sheet
from attrieve.models.configuration import BackboneSettings, HeadKind, RetrieverKind, RetrieverSettings
from attrieve.models.heat_maps import default_method, explain_images, known_methods
from attrieve.models.retriever import Retriever
from attrieve.schema import AttributeReason, Hit, load_vocabulary
from measure import machine, measure, memory_floor_mib

RESULT = Path(__file__).parent.parent / "results" / "benchmark-explanations.json"
HITS = 20
ASKED = (4, 10, 11, 12, 17, 30)
SCHEMA = load_vocabulary("peta35")
SIZES = (("resnet18", 128, 64, 1.0), ("resnet50", 256, 128, 5.0))
"""Backbone, height, width, and the seconds that explaining may take."""


def retriever_of(backbone: str, height_px: int, width_px: int, head: HeadKind) -> Retriever:
    """Return an untrained multi-task retriever."""
    torch.manual_seed(0)
    settings = RetrieverSettings(
        kind=RetrieverKind.MULTI_TASK,
        head=head,
        height_px=height_px,
        width_px=width_px,
        backbone=BackboneSettings(name=backbone),
    )
    return Retriever(settings, SCHEMA).eval()


def hits_on_disk(folder: Path, pictures: list[np.ndarray]) -> list[Hit]:
    """Write crops, and make hits of them."""
    reasons = tuple(
        AttributeReason(SCHEMA.names[index], True, 1.0, 0.5, matches=True, share=1 / len(ASKED))
        for index in ASKED
    )
    hits = []
    for number, pixels in enumerate(pictures, start=1):
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        hits.append(Hit(number, f"{number:016x}", number / 100, str(path), reasons=reasons))
    return hits


def measured(backbone: str, height_px: int, width_px: int, head: HeadKind, hits: list[Hit]) -> dict[str, Any]:
    """Time one model."""
    retriever = retriever_of(backbone, height_px, width_px, head)
    images = [np.asarray(Image.open(hit.source)) for hit in hits]
    pixels = torch.from_numpy(np.stack([resize_image(one, height_px, width_px) for one in images]))
    floor = memory_floor_mib()

    def forward() -> None:
        with torch.inference_mode():
            retriever(retriever.prepare(pixels))

    bare = measure(forward, floor)
    explained = explain_hits(retriever, hits)
    steps: dict[str, Callable[[], object]] = {
        "explain": lambda: explain_hits(retriever, hits),
        "sheet": lambda: heat_map_sheet(explained, SCHEMA, "drawn people"),
    }
    for method in known_methods(retriever):
        steps[method.value] = lambda method=method: explain_images(  # type: ignore[misc]
            retriever, pixels, attributes=ASKED, method=method
        )
    found = {name: measure(step, floor) for name, step in steps.items()}
    return {
        "backbone": backbone,
        "head": head.value,
        "height_px": height_px,
        "width_px": width_px,
        "grid": list(explained[0].maps.shape[1:]),
        "default": default_method(retriever).value,
        "forward": asdict(bare),
        **{name: asdict(one) for name, one in found.items()},
        "cpu_to_forward": {name: one.cpu_s / bare.cpu_s for name, one in found.items()},
        "clock_to_forward": {name: one.median_s / bare.median_s for name, one in found.items()},
    }


def report(threads: int) -> dict[str, Any]:
    """Measure both sizes under both heads."""
    torch.set_num_threads(threads)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        drawing = DrawnPeopleConfig(images=HITS, images_per_person=(1, 1))
        hits = hits_on_disk(Path(folder), list(draw_people(drawing, workers=1)))
        for backbone, height_px, width_px, aim_s in SIZES:
            for head in (HeadKind.TRANSFORMER, HeadKind.POOLED):
                row = measured(backbone, height_px, width_px, head, hits)
                rows.append(row | {"aim_s": aim_s})
    return {
        "command": " ".join(["python", *sys.argv]),
        "machine": machine(),
        "threads": threads,
        "hits": HITS,
        "attributes": len(ASKED),
        "models": rows,
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, then print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    found = report(options.threads)
    text = json.dumps(found, indent=2)
    if options.write:
        RESULT.write_text(text + "\n", "utf-8")
    if options.json:
        print(text)
        return
    print(f"{'model':34} {'forward':>9} {'explain':>9} {'aim':>6} {'ratio (cpu)':>12} {'sheet':>9}")
    for row in found["models"]:
        name = f"{row['backbone']} {row['height_px']}x{row['width_px']} {row['head']}"
        print(
            f"{name:34} {row['forward']['median_s']:8.2f}s {row['explain']['median_s']:8.2f}s "
            f"{row['aim_s']:5.0f}s {row['cpu_to_forward']['explain']:12.2f} {row['sheet']['median_s']:8.2f}s"
        )


if __name__ == "__main__":
    main()
