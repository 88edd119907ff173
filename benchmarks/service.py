"""Searches a second, waiting times and memory of `attrieve serve` under load.

    python benchmarks/service.py [--rows N] [--seconds S] [--connections 1,8,32] [--workers N]
        [--folder DIR] [--json] [--write]

The gallery is one of ``attrieve gallery synthesize`` (128-d embeddings, 35 attributes), in a temporary folder
that is deleted afterwards. Service and clients share the machine and its cores; clients speak to the loopback
address only, for a bounded time, each sending its next request when it has its answer, and take little
processor time themselves (``service_load.py``); how much is written beside the service's. Of ten requests six
name four to eight attributes, two a camera besides, two are of two witnesses; every answer holds 20 hits with
reasons, and every search is written into the ledger. At the end come the page itself, by one client, and an
overload by more clients than may wait.
"""

import argparse
import asyncio
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from attrieve.errors import QueryError
from attrieve.schema import AttributeQuery
from attrieve.schema.sentence import read_statement
from service_load import load, percentiles

RESULT = Path(__file__).parents[1] / "results" / "benchmark-service.json"
OVERLOAD_CONNECTIONS, OVERLOAD_SECONDS = 200, 20.0
WARM_UP_SECONDS = 30.0
START_SECONDS = 300.0


def requests_of(gallery: Path, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Draw searches that name what some row of the gallery shows."""
    from attrieve.gallery.approximate_recall import sample_descriptions
    from attrieve.gallery.store import Gallery

    opened = Gallery.open(gallery)
    draw = random.Random(seed)
    texts = {
        named: [
            query.to_text()
            for query in sample_descriptions(opened, count, named=named, seed=named)
            if _readable(query)
        ]
        for named in (4, 6, 8)
    }
    found = []
    for number in range(count):
        one, other = (draw.choice(texts[draw.choice((4, 6, 8))]) for _ in range(2))
        if number % 10 < 6:
            found.append({"query": one})
        elif number % 10 < 8:
            found.append({"query": one, "where": [f"camera=camera-0{draw.randrange(1, 8)}"]})
        else:
            found.append({"witnesses": [f"A: {one}", f"B~0.6: {other}"]})
    return found


def _readable(query: AttributeQuery) -> bool:
    """Return whether the description would be taken: the model may see two age groups, a witness may not."""
    try:
        read_statement(query.to_text(), query.schema)
    except QueryError:
        return False
    return True


@contextmanager
def service(gallery: Path, workers: int) -> Iterator[tuple[str, int]]:
    """Run the service over a gallery; yields its address and the number of its process."""
    command = [sys.executable, "-m", "attrieve.cli", "serve", str(gallery), "--port", "0"]
    command += ["--workers", str(workers)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment["ATTRIEVE_REQUESTS_PER_MINUTE"] = "10000000"
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        address = None
        while address is None:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the service did not start")
            match = re.search(r"https?://\S+", line)
            address = match.group(0) if match else None
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if httpx.get(f"{address}/api/v1/health/ready", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            if time.monotonic() > deadline:
                raise RuntimeError("the service is not ready")
            time.sleep(0.2)
        yield address, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8").rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [pid]
    for one in found:
        found.extend(children.get(one, []))
    return found


def memory_bytes(pid: int) -> int:
    """Return the memory of the service that is its own: no pages of mapped files; Linux only."""
    total = 0
    for one in family(pid):
        try:
            text = Path(f"/proc/{one}/status").read_text("utf-8")
        except OSError:
            continue
        match = re.search(r"^RssAnon:\s+(\d+)", text, re.MULTILINE)
        total += int(match.group(1)) * 1024 if match else 0
    return total


def processor_seconds(pid: int) -> float:
    """Return the processor time that the service has used so far, all of its processes; Linux only."""
    ticks = 0
    for one in family(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def put_under_load(
    address: str, pid: int, wanted: list[dict[str, Any]], connections: int, seconds: float
) -> dict[str, Any]:
    """Ask by several clients at once; what came back, and what it took of processors and memory."""
    used = processor_seconds(pid)
    found = asyncio.run(load(address, wanted, connections, seconds))
    found["service_processor_seconds"] = processor_seconds(pid) - used
    found["memory_after_bytes"] = memory_bytes(pid)
    return found


def pages(address: str, wanted: list[dict[str, Any]], count: int) -> dict[str, float]:
    """Return how long the search page takes, by one client."""
    waits = []
    with httpx.Client(timeout=60) as session:
        for one in [request for request in wanted if "query" in request][:count]:
            begun = time.perf_counter()
            session.get(address, params={"q": one["query"]}).raise_for_status()
            waits.append(time.perf_counter() - begun)
    return percentiles(waits)


def measure(gallery: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Put the service under load and return what was seen."""
    wanted = requests_of(gallery, 400)
    figures: dict[str, Any] = {"load": []}
    with service(gallery, options.workers) as (address, pid):
        levels = [int(connections) for connections in options.connections.split(",")]
        # As many as later, so that whatever each connection and thread takes once is there before it counts.
        put_under_load(address, pid, wanted, max(levels), WARM_UP_SECONDS)
        figures["page"] = pages(address, wanted, 50)
        figures["memory_before_bytes"] = memory_bytes(pid)
        for connections in levels:
            found = put_under_load(address, pid, wanted, connections, options.seconds)
            figures["load"].append(found)
            print(json.dumps(found), file=sys.stderr)
        figures["overload"] = put_under_load(address, pid, wanted, OVERLOAD_CONNECTIONS, OVERLOAD_SECONDS)
        figures["after_overload"] = put_under_load(address, pid, wanted, 1, 5.0)
    return figures


def main() -> None:
    """Measure, and print or write what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=600, help="for each number of connections")
    parser.add_argument("--connections", default="1,8,32")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name} into results/")
    options = parser.parse_args()
    from attrieve.data.files import write_atomically
    from attrieve.provenance import code_commit, machine_facts

    facts = {**machine_facts(), "load_average": round(os.getloadavg()[0], 1), "commit": code_commit()}
    with tempfile.TemporaryDirectory(prefix="attrieve-service-", dir=options.folder) as name:
        gallery = Path(name) / "gallery"
        synthesize = [sys.executable, "-m", "attrieve.cli", "gallery", "synthesize", str(gallery)]
        subprocess.run([*synthesize, "--rows", str(options.rows)], check=True, stdout=subprocess.DEVNULL)
        figures = measure(gallery, options)
    told = [argument for argument in sys.argv[1:] if argument not in ("--folder", str(options.folder))]
    document = {
        "command": shlex.join(["python", "benchmarks/service.py", *told]),
        "what": "a service under load",
        "machine": facts,
        "rows": options.rows,
        "workers": options.workers,
        **figures,
    }
    if options.write:
        write_atomically(RESULT, (json.dumps(document, indent=2) + "\n").encode())
    print(json.dumps(document, indent=2 if options.json else None))


if __name__ == "__main__":
    main()
