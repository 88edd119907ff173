"""How fast people are drawn, with one process and with several.

The baseline is one process; the ratio of two processes to it says how much of a second core is used.
Wall-clock pictures per second sink with whatever else runs (the load average is reported beside them);
pictures per second of processor time do not. Start of the processes is counted, since users wait for it.

    python benchmarks/drawn_people.py [--images N] [--size HxW] [--json] [--write]
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy
import PIL

from attrieve.cli.draw import read_size
from attrieve.data.synthetic import DrawnPeopleConfig, draw_people
from measure import machine

RESULT = Path(__file__).parent.parent / "results" / "benchmark-drawn-people.json"
WORKERS = (1, 2)


def pictures_per_second(config: DrawnPeopleConfig, workers: int) -> dict[str, float]:
    """Draw everything once; return wall-clock and processor figures, those of child processes included."""
    wall, processor = time.perf_counter(), processor_seconds()
    done = sum(1 for _ in draw_people(config, workers=workers))
    wall, processor = time.perf_counter() - wall, processor_seconds() - processor
    return {
        "images_per_second": done / wall,
        "images_per_processor_second": done / processor,
        "processor_ms_per_image": 1000 * processor / done,
    }


def processor_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def run(config: DrawnPeopleConfig) -> dict[str, object]:
    """Return the figures of every number of processes."""
    list(draw_people(DrawnPeopleConfig(images=8), workers=1))
    figures = {str(workers): pictures_per_second(config, workers) for workers in WORKERS}
    one, two = (figures[str(workers)]["images_per_second"] for workers in WORKERS)
    return {
        "command": " ".join(["python", *sys.argv]),
        "machine": machine(),
        "versions": {"numpy": numpy.__version__, "pillow": PIL.__version__},
        "load_average_before": os.getloadavg()[0],
        "images": config.images,
        "height_px": config.height_px,
        "width_px": config.width_px,
        "difficulty": config.difficulty,
        "processes": figures,
        "two_to_one": two / one,
    }


def main() -> None:
    """Measure, then print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--size", default="256x128")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    height, width = read_size(options.size)
    report = run(DrawnPeopleConfig(images=options.images, height_px=height, width_px=width))
    text = json.dumps(report, indent=2)
    if options.write:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text + "\n", "utf-8")
    if options.json:
        print(text)
        return
    print(f"{'processes':>9}  {'images/s':>9}  {'per processor second':>20}")
    for workers, figures in report["processes"].items():  # type: ignore[attr-defined]
        per_processor = figures["images_per_processor_second"]
        print(f"{workers:>9}  {figures['images_per_second']:9.1f}  {per_processor:20.1f}")


if __name__ == "__main__":
    main()
