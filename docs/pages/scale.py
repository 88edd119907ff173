"""The page on what large galleries cost: measured sizes, and what a billion rows follow to need."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pages.markdown import table

GIB = 2**30
TARGET_ROWS = 1_000_000_000
_CORES_OF_SHARD = 2


@dataclass(frozen=True)
class Assumption:
    """Something the costs of a billion rows rest on that was not measured here.

    Args:
        value: in ``unit``.
        unit: what it counts.
        source: where it comes from, and as of when.
    """

    value: float
    unit: str
    source: str


_LISTS = "rounded list price of large public clouds, on demand, 2025; not looked up anew, put in your own"
ASSUMPTIONS = {
    "core": Assumption(0.04, "USD per core (vCPU) and hour", _LISTS),
    "memory": Assumption(0.005, "USD per GiB of memory and hour", _LISTS),
    "disk": Assumption(0.08, "USD per GB of solid-state disk and month", _LISTS),
    "object": Assumption(0.023, "USD per GB of object storage and month", _LISTS),
    "machine_cores": Assumption(16, "cores of a machine", "a common size with 8 GiB a core"),
    "machine_memory": Assumption(128, "GiB of memory of a machine", "a common size with 8 GiB a core"),
    "usable": Assumption(0.8, "share of memory for columns", "the rest is for the system and the libraries"),
    "network": Assumption(
        0.002, "seconds to ask all shards and merge", "a few round trips within one data centre; not measured"
    ),
    "hours": Assumption(730, "hours of a month", "365 x 24 / 12"),
}
"""Dated by their sources; nothing else on the page is assumed."""


def scale_page(root: Path) -> str:
    """Make the page from the records in a results folder."""
    record = _record(root / "benchmark-scale.json")
    if record is None:
        return _HEAD + "\n*No result has been recorded yet.*\n"
    indexing = _record(root / "benchmark-indexing.json")
    parts = [_HEAD, _source(record), _measured(record), _recall(record), _by_images(indexing)]
    parts += [_assumptions(), _billion(record, indexing)]
    return "\n".join(parts)


def _record(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def _source(record: dict[str, Any]) -> str:
    facts = record["machine"]
    return (
        f"`{record['command']}` on {facts['processor']}, {facts['cores']} cores, code at "
        f"{str(facts['commit'])[:10]}, {record['embedding_dim']} + {record['attributes']} numbers a row, top "
        f"{record['top']}. The machine's load average was {facts['load_average']} when it began: "
        f"above 0, other work shared the {facts['cores']} cores, so that seconds on the clock are too long. "
        "Seconds of cores count the work alone, whoever else is there.\n"
    )


def _measured(record: dict[str, Any]) -> str:
    sizes = record["sizes"]
    rows = [[label, *(_cell(size, cell) for size in sizes)] for label, cell in _LINES]
    heading = ["", *(f"{size['rows']:,} rows" for size in sizes)]
    text = "## Measured\n\n" + table(heading, rows)
    if len(sizes) > 1:
        grown = math.log(_core_s(sizes[-1]) / _core_s(sizes[0]))
        power = grown / math.log(sizes[-1]["rows"] / sizes[0]["rows"])
        text += (
            "\nFrom the smallest to the largest, seconds of cores of a query grow with the number of rows to "
            f"the power of {power:.2f}.\n"
        )
    return text + _MEASURED_SAYS


def _core_s(size: dict[str, Any]) -> float:
    return float(size["opening"]["query"]["core_ms"]) / 1e3


def _cell(size: dict[str, Any], cell: Any) -> str:
    try:
        return str(cell(size))
    except KeyError:
        return "not measured"


def _per_row(count: float, size: dict[str, Any]) -> str:
    return f"{count / size['rows']:.1f} bytes a row"


def _laps(size: dict[str, Any], step: str, *names: str) -> str:
    laps = [size[step][name] for name in names] if names else [size[step]]
    clock, cores = (sum(lap[key] for lap in laps) for key in ("seconds", "core_seconds"))
    return f"{clock:.2f} s ({cores:.2f} core-s)"


def _per_million(size: dict[str, Any], seconds: float) -> str:
    return f"{seconds / size['rows'] * 1e6:.1f} core-s a million"


def _speed(figures: dict[str, float]) -> str:
    return f"{figures['best_ms']:.2f} ms ({figures['median_ms']:.2f}; {figures['core_ms']:.2f} core-ms)"


def _opening_memory(size: dict[str, Any]) -> str:
    return f"{size['opening']['resident_bytes'] / GIB:.2f} GiB"


_LINES: tuple[tuple[str, Any], ...] = (
    ("store on disk", lambda size: _per_row(size["bytes"]["store"], size)),
    ("search files on disk", lambda size: _per_row(size["bytes"]["search"], size)),
    ("approximate index on disk", lambda size: _index_bytes(size)),
    ("compact columns in memory", lambda size: _per_row(size["opening"]["compact_bytes"], size)),
    ("keys and row ids in memory", lambda size: _per_row(size["opening"]["key_bytes"], size)),
    ("resident memory of the process after queries", _opening_memory),
    (
        "highest memory of any step",
        lambda size: f"{max(step['peak_bytes'] for step in _steps(size)) / GIB:.2f} GiB",
    ),
    (
        "writing rows, drawing them left out",
        lambda size: _per_million(size, size["fill"]["core_seconds"] - size["fill"]["drawing_core_seconds"]),
    ),
    ("loading libraries", lambda size: _laps(size, "opening", "load_libraries")),
    (
        "first opening: columns made, and an answer",
        lambda size: _laps(size, "first_opening", "open", "first_answer"),
    ),
    ("opening again, and an answer", lambda size: _laps(size, "opening", "open", "first_answer")),
    (
        "the same with files dropped from memory",
        lambda size: _laps(size, "opening_from_disk", "open", "first_answer"),
    ),
    ("a query", lambda size: _speed(size["opening"]["query"])),
    ("each of 64 queries at once", lambda size: _speed(size["opening"]["query_of_64"])),
    ("a whole search: embed, rank, fetch 20 rows, reasons", lambda size: _speed(size["opening"]["search"])),
    ("finding the rows that meet a filter", lambda size: _speed(size["opening"]["filter"])),
    ("a query over these rows", lambda size: _speed(size["opening"]["filtered_query"])),
    ("their share", lambda size: f"{size['opening']['filter_keeps']:.2%}"),
    ("building the approximate index", lambda size: _per_million(size, size["index"]["core_seconds"])),
    ("an approximate query", lambda size: _speed(size["approximate"]["query"])),
)


def _index_bytes(size: dict[str, Any]) -> str:
    if "index" not in size:
        raise KeyError("index")
    return _per_row(size["bytes"]["index"], size)


def _steps(size: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in size.values() if isinstance(step, dict) and "peak_bytes" in step]


def _recall(record: dict[str, Any]) -> str:
    with_index = [size for size in record["sizes"] if "approximate" in size]
    if not with_index:
        return ""
    size = with_index[-1]
    rows = [
        [
            "all" if found["named"] is None else str(found["named"]),
            f"{found['attribute_weight']:g} : 1",
            f"{found['mean']:.1%}",
            f"{found['least']:.1%}",
            f"{found['looked_at']:.2%}",
        ]
        for found in size["approximate"]["recall"]
    ]
    heading = ["attributes named", "weights", "recall, mean", "recall, worst", "rows looked at"]
    return (
        f"## Recall of approximate search\n\nOf the exact top {record['top']}, {size['rows']:,} rows, "
        f"{record['queries']} descriptions drawn from the gallery for each line; "
        "[how it works](methods/approximate_search.md).\n\n" + table(heading, rows)
    )


def _by_images(indexing: dict[str, Any] | None) -> str:
    text = "## From images to rows\n\n"
    if indexing is None:
        return text + "*No result has been recorded yet.*\n"
    rows = [
        [kind, f"{rate:.1f}", f"{indexing['share_of_bare'][kind]:.1%}", f"{1e6 / rate / 3600:.1f}"]
        for kind, rate in indexing["images_per_s"].items()
    ]
    bare = indexing["bare_images_per_s"]
    rows.insert(0, ["bare model on tensors in memory", f"{bare:.1f}", "", f"{1e6 / bare / 3600:.1f}"])
    facts = indexing["machine"]
    heading = ["images from", "images/s", "of the bare model", "hours a million images"]
    reading = indexing["reading_cpu_ms"]
    possible = 1 / (1 + reading / 1e3 * bare / facts["cores"])
    on_cores = (
        f" Reading an image (decoding, resizing, measuring) takes {reading:.2f} ms of a core. Without an "
        f"accelerator the model waits for it: on {facts['cores']} cores {possible:.1%} of the bare model is "
        "then all there can be, however well the two overlap."
    )
    return (
        text
        + table(heading, rows)
        + (
            f"\n`{indexing['command']}`: {indexing['backbone']} at {indexing['height_px']}x"
            f"{indexing['width_px']}, {facts['processor']}, {facts['cores']} cores, load average "
            f"{facts['load_average']}, code at {str(facts['commit'])[:10]}. "
            f"Aim: {indexing['aim_at_least']:.0%}." + ("" if facts.get("accelerator") else on_cores) + "\n"
        )
    )


def _assumptions() -> str:
    rows = [[name.unit, f"{name.value:g}", name.source] for name in ASSUMPTIONS.values()]
    return (
        "## Assumptions\n\nNone of these was measured. Prices change and differ between providers by "
        "a factor of two and more: what follows from them is good for orders of magnitude.\n\n"
        "| what | assumed | source |\n| --- | ---: | --- |\n"
        + "".join("| " + " | ".join(row) + " |\n" for row in rows)
    )


@dataclass(frozen=True)
class Costs:
    """What a row costs, from the largest gallery measured.

    Args:
        rows: of that gallery.
        memory_bytes: a row, compact columns, key and id.
        store_bytes: a row on disk.
        search_bytes: a row on disk, for searching.
        query_s: a row and query, on a shard of two cores: half of the seconds of cores.
        batched_s: the same, of 64 queries at once.
        writing_core_s: a row into the store.
        opening_core_s: a row of the search files when they are made.
    """

    rows: int
    memory_bytes: float
    store_bytes: float
    search_bytes: float
    query_s: float
    batched_s: float
    writing_core_s: float
    opening_core_s: float

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Costs":
        """Read them from the largest size of a record."""
        size = max(record["sizes"], key=lambda size: size["rows"])
        rows, opening, fill = size["rows"], size["opening"], size["fill"]
        return cls(
            rows,
            (opening["compact_bytes"] + opening["key_bytes"]) / rows,
            size["bytes"]["store"] / rows,
            size["bytes"]["search"] / rows,
            _core_s(size) / _CORES_OF_SHARD / rows,
            opening["query_of_64"]["core_ms"] / 1e3 / _CORES_OF_SHARD / rows,
            (fill["core_seconds"] - fill["drawing_core_seconds"]) / rows,
            size["first_opening"]["open"]["core_seconds"] / rows,
        )


@dataclass(frozen=True)
class Plan:
    """Machines for a number of rows.

    Args:
        machines: how many.
        rows: in all.
        costs: of a row.
    """

    machines: int
    rows: int
    costs: Costs

    @property
    def shards(self) -> int:
        """One for each two cores."""
        return int(self.machines * _assumed("machine_cores") // _CORES_OF_SHARD)

    @property
    def seconds(self) -> float:
        """From asking to the merged answer."""
        return self.rows / self.shards * self.costs.query_s + _assumed("network")

    @property
    def rate(self) -> float:
        """Queries a second, asked 64 at once."""
        return self.shards / (self.rows * self.costs.batched_s)

    @property
    def dollars(self) -> float:
        """A month, machines alone."""
        hourly = _assumed("machine_cores") * _assumed("core") + _assumed("machine_memory") * _assumed(
            "memory"
        )
        return self.machines * hourly * _assumed("hours")

    @classmethod
    def fitting(cls, rows: int, costs: Costs, seconds: float | None = None) -> "Plan":
        """Return the fewest machines whose memory holds the columns, and which answer within some seconds."""
        usable = _assumed("machine_memory") * _assumed("usable") * GIB
        machines = math.ceil(rows * costs.memory_bytes / usable)
        if seconds is not None:
            shards = rows * costs.query_s / (seconds - _assumed("network"))
            machines = max(machines, math.ceil(shards * _CORES_OF_SHARD / _assumed("machine_cores")))
        return cls(machines, rows, costs)


def _assumed(name: str) -> float:
    return ASSUMPTIONS[name].value


def _billion(record: dict[str, Any], indexing: dict[str, Any] | None) -> str:
    costs = Costs.of(record)
    plans = [("as few as memory allows", Plan.fitting(TARGET_ROWS, costs))]
    plans += [
        (f"an answer within {1e3 * seconds:.0f} ms", Plan.fitting(TARGET_ROWS, costs, seconds))
        for seconds in (0.5, 0.1)
    ]
    rows = [
        [
            words,
            f"{plan.machines}",
            f"{plan.shards}",
            f"{1e3 * plan.seconds:.0f} ms",
            f"{plan.rate:.1f}",
            f"{plan.dollars:,.0f} USD",
            f"{plan.dollars / (plan.rate * 3600 * _assumed('hours')) * 1e6:,.0f} USD",
        ]
        for words, plan in plans
    ]
    heading = ["*extrapolated*", "machines", "shards", "a query", "queries/s, 64 at once"]
    heading += ["a month", "a million queries, never idle"]
    return "\n".join(
        [
            f"## {TARGET_ROWS:,} rows, extrapolated\n",
            f"**Everything in this section is extrapolated** from {costs.rows:,} rows measured, "
            f"{TARGET_ROWS / costs.rows:,.0f} times fewer, on one machine; no such cluster was run.\n",
            _FORMULAE.format(
                memory=costs.memory_bytes,
                query_ns=1e9 * costs.query_s,
                batched_ns=1e9 * costs.batched_s,
            ),
            table(heading, rows),
            _rest(costs, indexing),
            _LIMITS,
        ]
    )


def _rest(costs: Costs, indexing: dict[str, Any] | None) -> str:
    memory = TARGET_ROWS * costs.memory_bytes / GIB
    store, search = (TARGET_ROWS * each / 1e9 for each in (costs.store_bytes, costs.search_bytes))
    writing, opening = (TARGET_ROWS * each / 3600 for each in (costs.writing_core_s, costs.opening_core_s))
    rows = [
        ["memory for columns, keys and ids", f"{memory:,.0f} GiB", "in the machines above"],
        [
            "store, on a file system that all machines see, at the price of disks",
            f"{store:,.0f} GB",
            f"{store * _assumed('disk'):,.0f} USD a month",
        ],
        [
            "a copy of the store on object storage (attrieve cannot search it there)",
            f"{store:,.0f} GB",
            f"{store * _assumed('object'):,.0f} USD a month",
        ],
        [
            "search files, on disks of the shards",
            f"{search:,.0f} GB",
            f"{search * _assumed('disk'):,.0f} USD a month",
        ],
        [
            "writing the rows",
            f"{writing:,.0f} core-hours",
            f"{writing * _assumed('core'):,.0f} USD once",
        ],
        [
            "making the search files",
            f"{opening:,.0f} core-hours",
            f"{opening * _assumed('core'):,.0f} USD once",
        ],
    ]
    if indexing is not None and not indexing["machine"].get("accelerator"):
        rate = max(indexing["images_per_s"].values()) / indexing["machine"]["cores"]
        hours = TARGET_ROWS / rate / 3600
        rows.append(
            [
                f"describing the images, {indexing['backbone']} on cores",
                f"{hours:,.0f} core-hours",
                f"{hours * _assumed('core'):,.0f} USD once",
            ]
        )
    return table(["*extrapolated*", "amount", "money"], rows)


_HEAD = """# What large galleries cost

Generated by `docs/tables.py` from `results/benchmark-scale.json` and `results/benchmark-indexing.json`. The
rows are [synthetic](galleries.md); their numbers cost what real ones cost.
"""

_MEASURED_SAYS = """
Times of queries: best of several on the clock (median; seconds of cores). "Again" finds the gallery's files
in the system's page cache. Of the memory of the process about 0.4 GiB are libraries. The search files hold
the codes, and the float32 numbers that the few rows which matter are compared by; only codes are read whole.
"""

_FORMULAE = """With `N` rows, `S` shards of two cores each, and from the largest gallery measured
{memory:.1f} bytes of memory a row, {query_ns:.1f} ns a row and query, {batched_ns:.1f} ns with 64 at once
(half of the seconds of cores above, since a shard has two cores to itself):

```
machines  >= N * bytes / (memory of a machine * usable share)
seconds    = N / S * query + network
queries/s  = S / (N * batched)
a month    = machines * (cores * price of a core + GiB * price of memory) * hours
```
"""

_LIMITS = """Not in these numbers: copies for when a machine fails (two of everything doubles them), the
images themselves, traffic to the outside, and people. Maxima are exchanged between shards before ranking,
within the network's share of the time. Where the columns shall stay on disk, the approximate index takes
their place; its cost is measured above up to the sizes named there, and is not extrapolated.
"""
