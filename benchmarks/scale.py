"""What galleries of growing size cost: bytes, memory, and seconds to fill, open, index and ask.

    python benchmarks/scale.py [--sizes 100000,1000000,8000000] [--index-up-to N] [--folder DIR]
        [--queries N] [--json] [--write]

Galleries are those of ``attrieve gallery synthesize`` (128-d embeddings, 35 attributes), in a temporary
folder that is deleted afterwards; a million rows take 1.6 GB there. Every step runs in a process of its
own: filling; opening for the first time, when the columns for searching are made; opening again, with the
files in the system's page cache; opening after they were dropped from it; building the approximate index,
and asking it. Memory is resident memory as Linux counts it, pages of mapped files included.

Each time is taken on the clock and in seconds of processor cores; where other work shares the machine, the
latter, and the best of several, say more. ``--wrap COMMAND`` runs the steps whose times count (all but
filling) by way of another command, such as one that makes room.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

RESULT = Path(__file__).parents[1] / "results" / "benchmark-scale.json"
TOP, BATCH, LEAST_RUNS, LEAST_S = 100, 64, 7, 1.0


def status_bytes(field: str) -> int:
    """Return a field of /proc/self/status in bytes; Linux only."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}; memory is measured on Linux only")


class Stopwatch:
    """Seconds on the clock and of the processor cores since the last look; all threads count."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._clock, self._cores = time.perf_counter(), time.process_time()

    def lap(self) -> dict[str, float]:
        """Return both, and start anew."""
        clock, cores = self._clock, self._cores
        self._start()
        return {"seconds": self._clock - clock, "core_seconds": self._cores - cores}


def timed(call: Callable[[], object], share: int = 1) -> dict[str, float]:
    """Return milliseconds of calls after a first one: median and best on the clock, median of the cores.

    Args:
        call: what is measured.
        share: by how many queries of a call its time is divided.
    """
    call()
    laps: list[dict[str, float]] = []
    while len(laps) < LEAST_RUNS or sum(lap["seconds"] for lap in laps) < LEAST_S:
        watch = Stopwatch()
        call()
        laps.append(watch.lap())
    seconds = [lap["seconds"] for lap in laps]
    return {
        "median_ms": 1e3 * median(seconds) / share,
        "best_ms": 1e3 * min(seconds) / share,
        "core_ms": 1e3 * median(lap["core_seconds"] for lap in laps) / share,
    }


def fill(folder: Path, rows: int) -> dict[str, Any]:
    """Write a gallery; drawing the rows is part of the time, and named beside it."""
    from attrieve.gallery.synthesize import synthesize
    from attrieve.gallery.synthesize_rows import BLOCK_ROWS, SyntheticSettings, SyntheticWorld

    world = SyntheticWorld(SyntheticSettings())
    _ = world.centres
    world.draw(0)
    start = time.process_time()
    world.draw(1)
    drawing_s = (time.process_time() - start) * rows / BLOCK_ROWS
    watch = Stopwatch()
    synthesize(folder, rows)
    return {**watch.lap(), "drawing_core_seconds": drawing_s, "peak_bytes": status_bytes("VmHWM")}


def open_and_ask(folder: Path) -> tuple[dict[str, Any], Any]:
    """Open a gallery and ask one thing; return what each step took, and the gallery."""
    watch = Stopwatch()
    import lancedb  # noqa: F401

    from attrieve.gallery.search import search
    from attrieve.gallery.store import Gallery
    from attrieve.schema import parse_query

    figures = {"load_libraries": watch.lap()}
    gallery = Gallery.open(folder)
    figures["open"] = watch.lap()
    search(gallery, parse_query("male, backpack, !hat, jeans", gallery.schema), top=20)
    figures["first_answer"] = watch.lap()
    return figures, gallery


def probe(folder: Path, queries: int) -> dict[str, Any]:
    """Open a gallery, ask much, and return times and memory."""
    from attrieve.gallery.approximate_recall import sample_descriptions
    from attrieve.gallery.exact import search_exact
    from attrieve.gallery.search import checked_query, search

    figures, gallery = open_and_ask(folder)
    columns = gallery.columns
    full = sample_descriptions(gallery, max(queries, BATCH))
    wanted = [checked_query(gallery, query, TOP, None) for query in full]
    asked = iter(range(10**9))

    def one() -> object:
        query = wanted[next(asked) % queries]
        return search_exact(columns.compact, [query], TOP, keep=columns.kept, tie=columns.key)

    def together() -> object:
        return search_exact(columns.compact, wanted[:BATCH], TOP, keep=columns.kept, tie=columns.key)

    def whole() -> object:
        return search(gallery, full[next(asked) % queries], top=20)

    where = gallery.store.parse(["camera=camera-03", "time>=2024-01-08", "time<2024-01-15"])
    places = columns.places(gallery.store.select(where))
    figures["query"] = timed(one)
    figures["resident_bytes"] = status_bytes("VmRSS")
    figures |= {
        "query_of_64": timed(together, BATCH),
        "search": timed(whole),
        "filter_keeps": len(places) / len(columns),
        "filter": timed(lambda: gallery.store.select(where)),
        "filtered_query": timed(
            lambda: search_exact(columns.compact, wanted[:1], TOP, keep=places, tie=columns.key)
        ),
        "compact_bytes": columns.compact.nbytes,
        "key_bytes": columns.key.nbytes + columns.row_id.nbytes,
        "peak_bytes": status_bytes("VmHWM"),
    }
    return figures


def index(folder: Path) -> dict[str, Any]:
    """Build the approximate index."""
    from attrieve.gallery.approximate import build_index

    watch = Stopwatch()
    build_index(folder)
    return {**watch.lap(), "peak_bytes": status_bytes("VmHWM")}


def approximate(folder: Path, queries: int) -> dict[str, Any]:
    """Ask the approximate index, and measure its recall for several weights and kinds of descriptions."""
    from attrieve.gallery.approximate import find_candidates, rank
    from attrieve.gallery.approximate_recall import measure_recall, sample_descriptions
    from attrieve.gallery.search import checked_query
    from attrieve.gallery.store import Gallery
    from attrieve.scoring.fusion import Fusion

    gallery = Gallery.open(folder)
    full = sample_descriptions(gallery, queries)
    wanted = [checked_query(gallery, query, TOP, None) for query in full]
    asked = iter(range(10**9))

    def one() -> object:
        number = next(asked) % queries
        chosen = find_candidates(gallery, full[number], wanted[number], top=TOP)
        return rank(gallery, wanted[number], chosen, TOP)

    figures: dict[str, Any] = {"query": timed(one), "resident_bytes": status_bytes("VmRSS")}
    figures["recall"] = [
        {"named": named, "attribute_weight": weight, **vars(found)}
        for named in (None, 16, 8, 4)
        for weight in (0.2, 1.0)
        for found in [
            measure_recall(
                gallery,
                sample_descriptions(gallery, queries, named=named, seed=1),
                top=TOP,
                fusion=Fusion(weight, 1.0),
            )
        ]
    ]
    return figures


def folder_bytes(folder: Path, *patterns: str) -> int:
    """Return the bytes of the files below the places some patterns name."""
    return sum(
        path.stat().st_size
        for pattern in patterns
        for place in folder.glob(pattern)
        for path in place.rglob("*")
        if path.is_file()
    )


def forget_files(folder: Path) -> None:
    """Let the system drop the pages of a gallery's files."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def apart(step: str, folder: Path, number: int, wrap: Sequence[str] = ()) -> dict[str, Any]:
    """Run a step in a process of its own."""
    command = [*wrap, sys.executable, __file__, "--step", step, str(folder), str(number)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(answer.stdout)
    print(f"{step}: {json.dumps(figures)}", file=sys.stderr)
    return figures


def measure(rows: int, parent: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Make a gallery and measure everything; it is deleted afterwards."""
    wrap = shlex.split(options.wrap)
    with tempfile.TemporaryDirectory(prefix="attrieve-scale-", dir=parent) as name:
        folder = Path(name) / "gallery"
        figures: dict[str, Any] = {"rows": rows, "fill": apart("fill", folder, rows)}
        figures["first_opening"] = apart("open", folder, 0, wrap)
        figures["opening"] = apart("probe", folder, options.queries, wrap)
        forget_files(folder)
        figures["opening_from_disk"] = apart("open", folder, 0, wrap)
        store = folder_bytes(folder, "rows-*.lance")
        if rows <= options.index_up_to:
            figures["index"] = apart("index", folder, 0, wrap)
            figures["approximate"] = apart("approximate", folder, options.queries, wrap)
        figures["bytes"] = {
            "store": store,
            "search": folder_bytes(folder, "search"),
            "index": folder_bytes(folder, "rows-*.lance/_indices"),
        }
    return figures


def _step(step: str, folder: Path, number: int) -> dict[str, Any]:
    if step == "open":
        figures, _ = open_and_ask(folder)
        return {**figures, "peak_bytes": status_bytes("VmHWM")}
    steps: dict[str, Callable[[], dict[str, Any]]] = {
        "fill": lambda: fill(folder, number),
        "probe": lambda: probe(folder, number),
        "index": lambda: index(folder),
        "approximate": lambda: approximate(folder, number),
    }
    return steps[step]()


def main() -> None:
    """Measure, and print or write what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="100000,1000000,8000000")
    parser.add_argument("--index-up-to", type=int, default=1_000_000, help="rows; larger ones get no index")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--wrap", default="", help="a command that runs the measured steps")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name} into results/")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step, folder, number = options.step
        print(json.dumps(_step(step, Path(folder), int(number))))
        return
    from attrieve.data.files import write_atomically
    from measure import machine

    facts = machine()
    sizes: list[dict[str, Any]] = []
    for rows in options.sizes.split(","):
        sizes.append(measure(int(rows), options.folder, options))
        document = {
            "command": "python benchmarks/scale.py " + _told(sys.argv[1:]),
            "what": "what galleries of growing size cost",
            "machine": facts,
            "embedding_dim": 128,
            "attributes": 35,
            "top": TOP,
            "queries": options.queries,
            "sizes": sizes,
        }
        if options.write:  # what was measured is kept, whatever ends the run
            write_atomically(RESULT, (json.dumps(document, indent=2) + "\n").encode())
    print(json.dumps(document, indent=2 if options.json else None))


def _told(arguments: list[str]) -> str:
    """Return arguments without those that belong to the machine alone."""
    kept = []
    skip = False
    for argument in arguments:
        if skip or argument in ("--folder", "--wrap"):
            skip = not skip and argument in ("--folder", "--wrap")
            continue
        kept.append(argument)
    return shlex.join(kept)


if __name__ == "__main__":
    main()
