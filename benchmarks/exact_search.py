"""Exact fused search against other exact ways, and against the speed of memory.

One gallery, 128-d embeddings and 35 attributes, top 100, ``query`` normalisation. Its embeddings lie along
as many directions as those of real people in photographs do (``embedding_directions.py`` measured them); a
second gallery, whose embeddings lie in all directions alike, is the worst case. Baselines, all with two
threads and in main memory: faiss (all distances of both columns, fused by hand; left out where it is not
installed), NumPy in blocks of rows, and a compiled float32 loop. Beside them the time of merely reading the
compact columns, and those a first look takes, 64 queries at once, and a filter that keeps 1 %. All ways take
turns, so that what else the machine does meets all of them. Then other engines (``exact_search_peers.py``),
each in turn with exact search of the same rows, with the share of the exact answer that they find; and
growing galleries opened from disk in a process of their own. The float32 loop checks the answer.

Run ``python benchmarks/exact_search.py`` on a quiet machine; ``--json`` prints one document, ``--write``
keeps it in ``results/benchmark-exact-search.json``. ``--rows`` and ``--scale`` choose other sizes;
``pip install attrieve[bench]`` brings the peers, and those not installed are named as such.
"""

import argparse
import itertools
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from attrieve.gallery.exact import CompactColumns, FusedQuery, search_exact
from attrieve.scoring.fusion import Fusion, Normalisation
from exact_search_peers import PEERS, Gallery, Peer
from measure import machine

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "results" / "benchmark-exact-search.json"
DIRECTIONS = ROOT / "results" / "embedding-directions.json"
DIM, ATTRIBUTES, TOP, BATCH, THREADS = 128, 35, 100, 64, 2
BLOCK, CHUNK, LEAST_RUNS, MOST_S = 8192, 250_000, 9, 30.0
SMALLEST = 40_000
FUSION = Fusion(0.7, 0.3, Normalisation.QUERY)


def draw_rows(rows: int, seed: int, *, flat: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Draw clustered unit vectors, and probabilities most of which are near 0 or 1.

    Args:
        rows: how many.
        seed: another gives other rows of the same clusters.
        flat: all directions alike, instead of as those of real embeddings.
    """
    generator = np.random.default_rng(seed)
    world = np.random.default_rng(12345)
    centres = world.standard_normal((500, DIM), dtype=np.float32)
    embedding = centres[generator.integers(0, 500, rows)]
    embedding += 0.8 * generator.standard_normal((rows, DIM), dtype=np.float32)
    if not flat:
        turned = np.linalg.qr(world.standard_normal((DIM, DIM)))[0]
        stretch = np.sqrt(json.loads(DIRECTIONS.read_text("utf-8"))["share"])[:, None] * turned
        embedding = embedding @ stretch.astype(np.float32)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    logit = 3 * generator.standard_normal((rows, ATTRIBUTES), dtype=np.float32) - 1
    return embedding, 1 / (1 + np.exp(-logit))


def draw_queries(count: int, *, flat: bool = False) -> list[FusedQuery]:
    """Draw full descriptions, each with a vector near a cluster, and a little in all directions."""
    generator = np.random.default_rng(99)
    vectors, probability = draw_rows(count, 98, flat=flat)
    vectors += 0.05 * generator.standard_normal(vectors.shape, dtype=np.float32)
    return [
        FusedQuery((shown > 0.5).astype(float), embedding=vector.astype(float), fusion=FUSION)
        for vector, shown in zip(vectors, probability, strict=True)
    ]


@numba.njit(nogil=True, fastmath=True)
def float_distances(embedding, probability, vector, target, start, stop, by_attribute, by_embedding):  # type: ignore[no-untyped-def]
    """Fill both distances of a range of rows, in float32."""
    for row in range(start, stop):
        product = np.float32(0)
        for j in range(vector.shape[0]):
            product += embedding[row, j] * vector[j]
        total = np.float32(0)
        for j in range(target.shape[0]):
            part = probability[row, j] - target[j]
            total += part * part
        by_embedding[row], by_attribute[row] = np.float32(1) - product, np.sqrt(total)


def float_loop(embedding: np.ndarray, probability: np.ndarray, query: FusedQuery) -> np.ndarray:
    """Fused float32 loop on two threads."""
    assert query.embedding is not None
    assert query.target is not None
    rows = len(embedding)
    found = np.empty((2, rows), dtype=np.float32)
    vector, target = query.embedding.astype(np.float32), query.target.astype(np.float32)
    edges = np.linspace(0, rows, THREADS + 1).astype(int).tolist()

    def work(part: tuple[int, int]) -> None:
        float_distances(embedding, probability, vector, target, *part, found[0], found[1])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, itertools.pairwise(edges)))
    return nearest(found[0], found[1])


def numpy_blocks(embedding: np.ndarray, probability: np.ndarray, query: FusedQuery) -> np.ndarray:
    """NumPy in blocks of rows, on two threads."""
    assert query.embedding is not None
    assert query.target is not None
    rows = len(embedding)
    found = np.empty((2, rows), dtype=np.float32)
    vector, target = query.embedding.astype(np.float32), query.target.astype(np.float32)

    def work(start: int) -> None:
        part = slice(start, start + BLOCK)
        difference = probability[part] - target
        np.sqrt(np.einsum("ra,ra->r", difference, difference), out=found[0, part])
        np.subtract(np.float32(1), embedding[part] @ vector, out=found[1, part])

    # The threads are here; those of the linear algebra library would only be in their way.
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(0, rows, BLOCK)))
    return nearest(found[0], found[1])


def faiss_distances(embedding: np.ndarray, probability: np.ndarray, query: FusedQuery) -> np.ndarray:
    """faiss: all distances of both columns, fused by hand."""
    import faiss  # type: ignore[import-not-found]

    assert query.embedding is not None
    assert query.target is not None
    faiss.omp_set_num_threads(THREADS)
    product = faiss.pairwise_distances(
        query.embedding.astype(np.float32)[None], embedding, metric=faiss.METRIC_INNER_PRODUCT
    )[0]
    squared = faiss.pairwise_distances(query.target.astype(np.float32)[None], probability)[0]
    return nearest(np.sqrt(np.maximum(squared, 0)), 1 - product)


def nearest(attribute: np.ndarray, embedding: np.ndarray) -> np.ndarray:
    """Fuse two columns of distances and return the nearest rows."""
    fused = attribute * np.float32(FUSION.attribute_weight / attribute.max())
    fused += embedding * np.float32(FUSION.embedding_weight / embedding.max())
    top = min(TOP, len(fused))
    chosen = np.argpartition(fused, top - 1)[:top]
    return np.asarray(chosen[np.argsort(fused[chosen], kind="stable")])


@numba.njit(nogil=True, fastmath=True)
def add_up(words, start, stop):  # type: ignore[no-untyped-def]
    """Read memory, and do as little as possible with it."""
    total = np.int64(0)
    for i in range(start, stop):
        total += words[i]
    return total


def first_look(columns: CompactColumns) -> list[np.ndarray]:
    """Return what the first pass over all rows reads."""
    arrays = []
    for segment in columns.segments:
        assert segment.embedding is not None
        assert segment.probability is not None
        if segment.coarse is None:
            arrays += [segment.embedding.codes, segment.embedding.scale]
        else:
            arrays += [segment.coarse.codes, segment.coarse.words]
        arrays.append(segment.probability.codes)
    return arrays


def compact(columns: CompactColumns) -> list[np.ndarray]:
    """Return all compact columns."""
    return [array for segment in columns.segments for array in segment.compact_arrays().values()]


def read_once(arrays: list[np.ndarray]) -> None:
    """Read all bytes on two threads."""
    parts = []
    for array in arrays:
        words = array.reshape(-1).view(np.uint8)
        words = words[: len(words) // 8 * 8].view(np.int64)
        edges = np.linspace(0, len(words), THREADS + 1).astype(int).tolist()
        parts += [(words, *edge) for edge in itertools.pairwise(edges)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda part: add_up(*part), parts))


def timed(ways: dict[str, Callable[[], object]], least_s: float) -> dict[str, dict[str, float]]:
    """Return median and best milliseconds of each way; they take turns, after a first run that compiles."""
    for call in ways.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    fastest = math.inf
    while len(next(iter(seconds.values()))) < LEAST_RUNS or fastest < least_s:
        for name, call in ways.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
        fastest = min(sum(spent) for spent in seconds.values())
        if sum(sum(spent) for spent in seconds.values()) > MOST_S:
            break
    return {
        name: {"median_ms": 1e3 * median(spent), "best_ms": 1e3 * min(spent)}
        for name, spent in seconds.items()
    }


def compare(rows: int, least_s: float) -> dict[str, object]:
    """Measure all ways on one gallery in main memory, filters and other engines among them."""
    embedding, probability = draw_rows(rows, 0)
    columns = CompactColumns.from_float(embedding, probability)
    queries = draw_queries(BATCH)
    mask = np.zeros(rows, dtype=bool)
    mask[np.random.default_rng(5).choice(rows, max(1, rows // 100), replace=False)] = True
    ids = np.flatnonzero(mask)
    more: dict[str, Callable[[], object]] = {
        "read_first_look": lambda: read_once(first_look(columns)),
        "exact_search_mask_1_percent": lambda: search_exact(
            columns, queries[:1], TOP, keep=mask, threads=THREADS
        ),
        "exact_search_rows_1_percent": lambda: search_exact(
            columns, queries[:1], TOP, keep=ids, threads=THREADS
        ),
    }
    found = measure_ways(embedding, probability, columns, queries, more, least_s)
    return {
        **found,
        "first_look_bytes": sum(array.nbytes for array in first_look(columns)),
        "peers": [
            measure_peer(peer, embedding[: peer.most_rows], probability[: peer.most_rows], queries[:8])
            for peer in PEERS
        ],
    }


def worst_case(rows: int, least_s: float) -> dict[str, object]:
    """Measure a gallery whose embeddings lie in all directions alike."""
    embedding, probability = draw_rows(rows, 0, flat=True)
    columns = CompactColumns.from_float(embedding, probability)
    return measure_ways(embedding, probability, columns, draw_queries(BATCH, flat=True), {}, least_s)


def measure_ways(
    embedding: np.ndarray,
    probability: np.ndarray,
    columns: CompactColumns,
    queries: list[FusedQuery],
    more: dict[str, Callable[[], object]],
    least_s: float,
) -> dict[str, object]:
    """Time exact search and what it is compared with, in turns, and check its answer."""
    query = queries[0]
    ways: dict[str, Callable[[], object]] = {
        "exact_search": lambda: search_exact(columns, [query], TOP, threads=THREADS),
        "read_compact_columns": lambda: read_once(compact(columns)),
        "float32_loop": lambda: float_loop(embedding, probability, query),
        "numpy_blocks": lambda: numpy_blocks(embedding, probability, query),
        "exact_search_64_queries": lambda: search_exact(columns, queries, TOP, threads=THREADS),
        **more,
    }
    if find_spec("faiss") is None:
        print("faiss is not installed; its row is left out (pip install faiss-cpu)", file=sys.stderr)
    else:
        ways["faiss"] = lambda: faiss_distances(embedding, probability, query)
    found = timed(ways, least_s)
    hits = search_exact(columns, [query], TOP, threads=THREADS).indices[0]
    ours = found["exact_search"]["median_ms"]
    ratios = {f"{name}_to_exact_search": way["median_ms"] / ours for name, way in found.items()}
    ratios["one_query_to_one_of_64"] = ours / (found["exact_search_64_queries"]["median_ms"] / BATCH)
    return {
        "rows": len(embedding),
        "compact_bytes": columns.nbytes,
        "read_gb_per_s": columns.nbytes / found["read_compact_columns"]["median_ms"] / 1e6,
        "ways": found,
        "ratios": ratios,
        "same_rows_as_float32_loop": float(np.isin(hits, float_loop(embedding, probability, query)).mean()),
    }


def measure_peer(
    peer: Peer, embedding: np.ndarray, probability: np.ndarray, queries: list[FusedQuery]
) -> dict[str, object]:
    """Time an engine in turn with exact search of the same rows, and count what it finds of its answer."""
    about: dict[str, object] = {"name": peer.name, "package": peer.package, "rows": len(embedding)}
    if (reason := peer.missing()) is not None:
        print(f"{peer.name} is left out: {reason} (pip install attrieve[bench])", file=sys.stderr)
        return {**about, "missing": reason}
    columns = CompactColumns.from_float(embedding, probability)
    with ExitStack() as stack:
        search = peer.prepare(Gallery(embedding, probability, TOP, THREADS), stack)
        found = timed(
            {
                "peer": lambda: search(queries[0]),
                "exact_search": lambda: search_exact(columns, [queries[0]], TOP, threads=THREADS),
            },
            0,
        )
        exact = search_exact(columns, queries, TOP, threads=THREADS).indices
        recall = [
            float(np.isin(rows, search(query)).mean()) for rows, query in zip(exact, queries, strict=True)
        ]
    return {
        **about,
        "version": version(peer.package),
        "median_ms": found["peer"]["median_ms"],
        "best_ms": found["peer"]["best_ms"],
        "exact_search_median_ms": found["exact_search"]["median_ms"],
        "peer_to_exact_search": found["peer"]["median_ms"] / found["exact_search"]["median_ms"],
        "recall": float(np.mean(recall)),
    }


def grow(sizes: list[int], least_s: float) -> dict[str, object]:
    """Measure galleries of several sizes on disk, each in a process of its own, and the exponent."""
    # Code compiled, measured with the smallest gallery that is searched in the same way as the others.
    smallest = probe_apart(SMALLEST, least_s)
    code_bytes = int(smallest["resident_bytes"]) - int(smallest["compact_bytes"])
    found = []
    for rows in sizes:
        answer = probe_apart(rows, least_s)
        answer["resident_bytes"] = int(answer["resident_bytes"]) - code_bytes
        answer["resident_to_compact"] = answer["resident_bytes"] / answer["compact_bytes"]
        found.append({"rows": rows, **answer})
    exponent = None
    if len(found) > 1:
        x = [math.log(probe["rows"]) for probe in found]
        y = [math.log(probe["query"]["median_ms"]) for probe in found]
        exponent = float(np.polyfit(x, y, 1)[0])
    return {"sizes": found, "exponent": exponent, "code_bytes": code_bytes, "code_measured_with": SMALLEST}


def probe_apart(rows: int, least_s: float) -> dict[str, Any]:
    """Write a gallery and measure it in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="exact-search-") as folder:
        write_gallery(Path(folder), rows)
        command = [sys.executable, __file__, "--probe", folder, "--seconds", str(least_s)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def write_gallery(folder: Path, rows: int) -> None:
    """Write a gallery piece by piece, so that memory does not limit its size."""
    columns = None
    for number, start in enumerate(range(0, rows, CHUNK)):
        drawn = draw_rows(min(CHUNK, rows - start), number)
        columns = CompactColumns.from_float(*drawn) if columns is None else columns.append(*drawn)
        columns.save(folder)
        columns = CompactColumns.open(folder)


def probe(folder: str, least_s: float) -> None:
    """Open a gallery, ask, and print times and memory, that of compiled code included."""
    query, *others = draw_queries(8)
    before = resident_bytes()
    start = time.perf_counter()
    columns = CompactColumns.open(folder)
    search_exact(columns, [query], TOP, threads=THREADS)
    first = time.perf_counter() - start
    speed = timed({"query": lambda: search_exact(columns, [query], TOP, threads=THREADS)}, least_s)["query"]
    for other in others:
        search_exact(columns, [other], TOP, threads=THREADS)
    resident = resident_bytes() - before
    print(
        json.dumps(
            {
                "open_and_first_answer_s": first,
                "query": speed,
                "compact_bytes": columns.nbytes,
                "resident_bytes": resident,
            }
        )
    )


def resident_bytes() -> int:
    """Return the memory of this process, pages of mapped files included; Linux only."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmRSS; memory is measured on Linux only")


def main(arguments: list[str] | None = None) -> None:
    """Measure, then print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--scale", default="100000,1000000,10000000", help="sizes on disk; empty for none")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seconds", type=float, default=1.0, help="to measure each way for, at least")
    parser.add_argument("--probe", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.probe:
        probe(options.probe, options.seconds)
        return
    report = {
        "command": " ".join(["python", *sys.argv]),
        "seed": 0,
        "dim": DIM,
        "attributes": ATTRIBUTES,
        "top": TOP,
        "threads": THREADS,
        "comparison": compare(options.rows, options.seconds),
        "worst_case": worst_case(options.rows, options.seconds),
        "growth": grow([int(size) for size in options.scale.split(",") if size], options.seconds),
        "machine": machine(),
    }
    text = json.dumps(report, indent=2)
    if options.write:
        RESULT.write_text(text + "\n", "utf-8")
    print(text if options.json else table(report))


def table(report: dict[str, object]) -> str:
    """Return the ways and their ratios as text."""
    comparison = report["comparison"]
    assert isinstance(comparison, dict)
    lines = [f"{'':34}{'ms':>10}{'ratio':>10}"]
    lines += [
        f"{name:34}{way['median_ms']:10.2f}{comparison['ratios'][f'{name}_to_exact_search']:10.2f}"
        for name, way in comparison["ways"].items()
    ]
    return "\n".join([*lines, json.dumps(report["growth"])])


if __name__ == "__main__":
    main()
