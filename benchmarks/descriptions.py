"""What partial, weighted and multi-witness descriptions cost beside a plain one, and how long reading takes.

A gallery of drawn statistics (``attrieve gallery synthesize``) is searched for its top 100, reasons left out,
by the paper's fused distance and by likelihood. The baseline is a complete description without doubt; all
kinds of descriptions take turns within each round, so that what else the machine does meets all of them, and
the ratio is the median over rounds of the ratio within a round. Three witnesses are pooled and searched for
once; that each is also left out in turn, as ``attrieve search --witness`` shows it, is a row of its own.
Reading is the time from text to query: the small language, a sentence, three witnesses with their pooling.

    python benchmarks/descriptions.py [--rows N] [--gallery FOLDER] [--rounds N] [--json] [--write]
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from attrieve.gallery.likelihood import LikelihoodFusion
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.gallery.synthesize import synthesize
from attrieve.gallery.witness_search import search_for_witnesses
from attrieve.schema import AttributeQuery, load_vocabulary, parse_query
from attrieve.schema.sentence import read_statement
from attrieve.schema.witnesses import Witness, pool, read_witness
from measure import machine

RESULT = Path(__file__).parent.parent / "results" / "benchmark-descriptions.json"
ROWS, TOP, ROUNDS, READINGS = 1_000_000, 100, 15, 300
SCHEMA = load_vocabulary("peta35")
TERMS = "male, backpack, !hat, jacket?, jeans~0.8, !short sleeves, sneakers~0.6, age:under 30|30 to 45"
SENTENCE = "a young woman with a backpack, probably jeans, no hat, and perhaps a jacket"
WITNESSES = (
    "A: male, under 30, backpack, jeans~0.8, hat?",
    "B~0.6: male, !hat, jacket, sneakers?",
    "C: !male?, backpack, jeans, !short sleeves~0.7",
)


def witnesses() -> list[Witness]:
    """Read what the three say."""
    return [read_witness(text, SCHEMA) for text in WITNESSES]


def descriptions() -> dict[str, AttributeQuery]:
    """Return the plain description first, then the others."""
    plain = AttributeQuery.from_values(SCHEMA, [int(index % 4 == 0) for index in range(len(SCHEMA))])
    partial = parse_query("male, backpack, !hat, jacket, jeans, !short sleeves, sneakers, under 30", SCHEMA)
    return {
        "plain": plain,
        "partial": partial,
        "partial and weighted": parse_query(TERMS, SCHEMA),
        "three witnesses": pool(witnesses()).query,
    }


def reading_ms() -> dict[str, dict[str, float]]:
    """Return median and slowest of twenty times of reading, in milliseconds."""
    steps: dict[str, Callable[[], object]] = {
        "small language": lambda: parse_query(TERMS, SCHEMA),
        "sentence": lambda: read_statement(SENTENCE, SCHEMA),
        "three witnesses, pooled": lambda: pool(witnesses()),
    }
    found = {}
    for name, step in steps.items():
        step()
        times = sorted(_seconds(step) for _ in range(READINGS))
        found[name] = {"median_ms": 1e3 * median(times), "p95_ms": 1e3 * times[int(0.95 * len(times))]}
    return found


def searching(gallery: Gallery, rounds: int) -> dict[str, Any]:
    """Return seconds and ratios to the plain description, for each distance."""
    asked = descriptions()
    told = witnesses()
    result = {}
    for distance, fusion in (("paper", None), ("likelihood", LikelihoodFusion())):
        given: dict[str, Any] = {"top": TOP, "fusion": fusion, "explain": False}
        steps: dict[str, Callable[[], object]] = {
            name: partial(search, gallery, query, **given) for name, query in asked.items()
        }
        left_out = partial(search_for_witnesses, gallery, told, **given)
        steps["three witnesses, each also left out"] = left_out
        for step in steps.values():
            step()
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(rounds):
            for name, step in steps.items():
                seconds[name].append(_seconds(step))
        result[distance] = {
            name: {
                "median_ms": 1e3 * median(times),
                "best_ms": 1e3 * min(times),
                "to_plain": median(a / b for a, b in zip(times, seconds["plain"], strict=True)),
                "best_to_best": min(times) / min(seconds["plain"]),
            }
            for name, times in seconds.items()
        }
    return result


def _seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--gallery", type=Path, help="where the drawn gallery lies or shall be made")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"keep it in results/{RESULT.name}")
    options = parser.parse_args()
    # As in the service: what PyTorch does for a search is little, and its threads would wait for more of it
    # on the cores that the scan needs.
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.gallery or Path(temporary) / "drawn"
        synthesize(folder, options.rows)
        gallery = Gallery.open(folder)
        command = f"python benchmarks/descriptions.py --rows {options.rows} --rounds {options.rounds}"
        result = {
            "command": command,
            "machine": machine(),
            "rows": len(gallery),
            "top": TOP,
            "rounds": options.rounds,
            "named": len(descriptions()["partial"].terms),
            "reading": reading_ms(),
            "searching": searching(gallery, options.rounds),
            "aims": {"to_plain_at_most": 1.2, "reading_ms_below": 1.0},
        }
    text = json.dumps(result, indent=1)
    if options.write:
        RESULT.write_text(text + "\n", "utf-8")
    if options.json:
        sys.stdout.write(text + "\n")
        return
    for name, found in result["reading"].items():
        sys.stdout.write(f"reading {name}: {found['median_ms']:.3f} ms (95 %: {found['p95_ms']:.3f})\n")
    for distance, rows in result["searching"].items():
        for name, found in rows.items():
            sys.stdout.write(
                f"{distance}, {name}: {found['median_ms']:.1f} ms, {found['to_plain']:.2f} times plain\n"
            )


if __name__ == "__main__":
    main()
