"""Time retrieval metrics on ranks against the usual loop, and measure the memory of a large task.

Two baselines, both one query after the other over ``np.argsort``:

* ``usual loop``: argsort, gather relevance, cumulative sums, as re-identification repositories do;
* ``tuned loop``: the same with everything that can be spared left out.

The loops run in one thread, as they are written; ours uses as many as PyTorch is given (the number is kept
with the result). Timed on the clock: the machine should be quiet.

Run ``python benchmarks/retrieval_metrics.py``; ``--json`` prints one document, ``--write`` keeps it in
``results/benchmark-retrieval-metrics.json``.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from attrieve.evaluation.protocol import RetrievalTask
from attrieve.evaluation.retrieval import BLOCK_BYTES, evaluate_retrieval
from measure import machine, peak_mib

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "results" / "benchmark-retrieval-metrics.json"
QUERIES, PERSONS, RELEVANT = 1_000, 100_000, 20
LARGE_QUERIES, LARGE_PERSONS, MEASURED_QUERIES = 10_000, 1_000_000, 100
ATTRIBUTES = 35
CUTOFFS = (1, 5, 10)


def draw_task(queries: int, persons: int, relevant: int) -> RetrievalTask:
    """Draw categories of about ``relevant`` persons each and random attribute values."""
    generator = np.random.default_rng(0)
    categories = generator.integers(0, persons // relevant, size=persons)
    return RetrievalTask(
        query_values=generator.integers(0, 2, size=(queries, ATTRIBUTES), dtype=np.int8),
        query_category=categories[generator.choice(persons, size=queries, replace=False)],
        person_values=generator.integers(0, 2, size=(persons, ATTRIBUTES), dtype=np.int8),
        person_category=categories,
        removed_person=np.full(queries, -1, dtype=np.int64),
        seen=np.zeros(queries, dtype=bool),
    )


def draw_distance(block: slice, persons: int) -> torch.Tensor:
    """Draw one block of distances; each row is a permutation-like draw with hardly any ties."""
    generator = torch.Generator().manual_seed(block.start)
    return torch.rand(block.stop - block.start, persons, generator=generator)


def usual_loop(distance: np.ndarray, task: RetrievalTask) -> tuple[float, list[float]]:
    """Return mAP and CMC the way re-identification repositories write it with NumPy."""
    precisions, curves = [], []
    for row, category in zip(distance, task.query_category, strict=True):
        matches = (task.person_category[np.argsort(row)] == category).astype(np.int32)
        curve = matches.cumsum()
        curve[curve > 1] = 1
        curves.append(curve[[cutoff - 1 for cutoff in CUTOFFS]])
        running = matches.cumsum() / (np.arange(1, len(matches) + 1) * 1.0)
        precisions.append((running * matches).sum() / matches.sum())
    return 100 * float(np.mean(precisions)), (100 * np.mean(curves, axis=0)).tolist()


def tuned_loop(distance: np.ndarray, task: RetrievalTask) -> tuple[float, list[float]]:
    """Return the same with all that can be spared left out, still sorting each row."""
    precisions, curves = [], []
    places = np.arange(1, distance.shape[1] + 1)
    for row, category in zip(distance, task.query_category, strict=True):
        matches = (task.person_category == category)[np.argsort(row)]
        found = matches.cumsum()
        precisions.append((found / places)[matches].mean())
        curves.append(found[[cutoff - 1 for cutoff in CUTOFFS]] > 0)
    return 100 * float(np.mean(precisions)), (100 * np.mean(curves, axis=0)).tolist()


def on_ranks(distance: np.ndarray, task: RetrievalTask, *, graded: bool = False) -> tuple[float, list[float]]:
    """Return mAP and CMC by counting; all other metrics are computed as well."""
    matrix = torch.from_numpy(distance)
    scores = evaluate_retrieval(lambda block: matrix[block], task, graded=graded).overall
    return scores.map, [scores.rank1, scores.rank5, scores.rank10]


def timed(
    call: Callable[[], tuple[float, list[float]]], repeats: int
) -> tuple[float, tuple[float, list[float]]]:
    """Return the shortest of several runs in seconds on the clock, and the answer."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = call()
        seconds.append(time.perf_counter() - start)
    return min(seconds), answer


def without_ties(distance: np.ndarray) -> np.ndarray:
    """Replace each row by distinct values of the same order, so that any sort gives one answer."""
    order = np.argsort(distance, axis=1, kind="stable")
    ranks = np.empty_like(distance)
    np.put_along_axis(ranks, order, np.arange(distance.shape[1], dtype=np.float32)[None, :], axis=1)
    return ranks / np.float32(distance.shape[1])


def measure_speed(queries: int, persons: int, repeats: int) -> dict[str, object]:
    """Time all ways on the same distances and check that they agree."""
    task = draw_task(queries, persons, RELEVANT)
    distance = without_ties(draw_distance(slice(0, queries), persons).numpy())
    on_ranks(distance[:1], draw_task(1, persons, RELEVANT))  # compiles, or reads the compiled kernel
    ours, answer = timed(lambda: on_ranks(distance, task), repeats)
    graded, _ = timed(lambda: on_ranks(distance, task, graded=True), 1)
    document: dict[str, object] = {
        "queries": queries,
        "persons": persons,
        "relevant_mean": float(np.bincount(task.person_category)[task.query_category].mean()),
        "map": answer[0],
        "seconds_on_ranks": ours,
        "seconds_on_ranks_with_graded": graded,
    }
    for name, loop in (("usual_loop", usual_loop), ("tuned_loop", tuned_loop)):
        seconds, expected = timed(lambda loop=loop: loop(distance, task), 2 if name == "tuned_loop" else 1)
        np.testing.assert_allclose(answer[0], expected[0], rtol=1e-9)
        np.testing.assert_allclose(answer[1], expected[1], rtol=1e-9)
        document[f"seconds_{name}"] = seconds
        document[f"times_faster_than_{name}"] = seconds / ours
    gigabytes = distance.nbytes / 1e9
    document["seconds_reading_once"] = reading_once(distance)
    document["distances_gigabytes"] = gigabytes
    return document


def reading_once(distance: np.ndarray) -> float:
    """Return the time to read all distances once: what no metric can beat."""
    start = time.perf_counter()
    distance.max(axis=1)
    return time.perf_counter() - start


def run_large(queries: int) -> None:
    """Evaluate a shortened large task and print seconds and peak memory; runs in its own process."""
    task = draw_task(queries, LARGE_PERSONS, RELEVANT)
    start = time.perf_counter()
    evaluate_retrieval(lambda block: draw_distance(block, LARGE_PERSONS), task, graded=True)
    print(json.dumps({"seconds": time.perf_counter() - start, "peak_mib": peak_mib()}))


def measure_memory() -> dict[str, object]:
    """Measure a shortened run of the large task, libraries included, in a process of its own.

    The block has its full size from the first query on, so the peak does not grow with the number of
    queries but for the per-query results, which are added.
    """
    command = [sys.executable, __file__, "--large", str(MEASURED_QUERIES)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    result_bytes = LARGE_QUERIES * 6 * 8
    query_bytes = LARGE_QUERIES * (ATTRIBUTES + 3 * 8)
    return {
        "queries": LARGE_QUERIES,
        "persons": LARGE_PERSONS,
        "measured_queries": MEASURED_QUERIES,
        "block_queries": max(1, BLOCK_BYTES // (4 * LARGE_PERSONS)),
        "measured_peak_gib": answer["peak_mib"] / 2**10,
        "measured_seconds_with_drawing": answer["seconds"],
        "extrapolated_peak_gib": answer["peak_mib"] / 2**10 + (result_bytes + query_bytes) / 2**30,
        "extrapolated_seconds_with_drawing": answer["seconds"] * LARGE_QUERIES / MEASURED_QUERIES,
    }


def surroundings() -> dict[str, object]:
    """Return what a reader needs to judge the numbers."""
    return {
        "command": " ".join(["python benchmarks/retrieval_metrics.py", *sys.argv[1:]]),
        "machine": machine(),
        "load_average_at_start": os.getloadavg()[0],
        "threads": 1,
        "versions": {name: version(name) for name in ("numpy", "numba", "torch")},
    }


def main() -> None:
    """Measure, print, and keep the numbers if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"keep it in {RESULT.relative_to(ROOT)}")
    parser.add_argument("--queries", type=int, default=QUERIES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="for ours; the loops run in one")
    parser.add_argument("--large", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.large:
        run_large(options.large)
        return
    document = {
        **surroundings(),
        "speed": measure_speed(options.queries, PERSONS, options.repeats),
        "memory": measure_memory(),
    }
    if options.write:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(document, indent=2) + "\n")
    if options.json:
        print(json.dumps(document))
    else:
        print_summary(document["speed"], document["memory"])


def print_summary(speed: dict[str, float], memory: dict[str, float]) -> None:
    """Print the ratios for people."""
    print(f"{speed['queries']:,} queries x {speed['persons']:,} persons, {torch.get_num_threads()} thread(s)")
    graded = speed["seconds_on_ranks_with_graded"]
    print(f"  on ranks     {speed['seconds_on_ranks']:8.3f} s  (graded too: {graded:.2f} s)")
    for name in ("usual_loop", "tuned_loop"):
        ratio = speed[f"times_faster_than_{name}"]
        print(f"  {name:12s} {speed[f'seconds_{name}']:8.3f} s  {ratio:6.1f} times slower")
    print(f"  reading once {speed['seconds_reading_once']:8.3f} s")
    print(f"{memory['queries']:,} x {memory['persons']:,}: peak {memory['extrapolated_peak_gib']:.2f} GiB")


if __name__ == "__main__":
    main()
