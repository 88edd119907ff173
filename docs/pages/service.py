"""The page on what the service bears: load, memory, overload."""

import json
from pathlib import Path
from typing import Any

from pages.markdown import table

_HEAD = """# The service under load

<!-- Made by `make tables` from results/benchmark-service.json; do not edit. -->

Searches of `attrieve serve` over a synthetic gallery. Service and clients share one machine and its cores, so
that a machine of its own for the clients would give more. Each client sends its next request when it has its
answer. Of ten searches six name four to eight attributes, two a camera besides, two are of two witnesses;
every answer holds 20 hits with reasons, and every search is in the ledger before it is answered.
"""

_FAULTS = """
## Faults and attacks

These are tests, not figures: `make test` runs them in short form, `make test-slow` in full.

| what | tests |
| --- | --- |
| `kill -9` while images are added: what was acknowledged is there after a restart | `tests/serving/jobs` |
| `kill -9` and full disk while the ledger is written; any change of it found | `tests/serving/state` |
| invented requests: every status documented, no 500 | `tests/serving` |
| every route by every role | `tests/serving/access` |
| uploads: truncated, bombs, polyglots, wrong types, names as paths | `tests/serving/uploads` |
| by keyboard alone, without JavaScript, by a checker of accessibility, hostile text | `tests/browser` |
"""

_USED = ("service_processor_seconds", "clients_processor_seconds")


def service_page(root: Path) -> str:
    """Make the page from the record in a results folder."""
    path = root / "benchmark-service.json"
    if not path.is_file():
        return _HEAD + "\n*No result has been recorded yet.*\n" + _FAULTS
    record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    machine = record["machine"]
    source = (
        f"\n`{record['command']}`: {record['rows']:,} rows, {record['workers']} worker process(es), "
        f"{machine['processor']}, {machine['cores']} cores, load before it {machine['load_average']}; "
        f"code at {str(machine['commit'])[:10]}.\n"
    )
    return _HEAD + source + "\n## Load\n\n" + _load(record) + _verdicts(record) + _FAULTS


def _load(record: dict[str, Any]) -> str:
    lines = [
        [
            f"{found['connections']} clients, {found['seconds']:.0f} s",
            f"{found['searches_per_second']:.1f}",
            *(f"{found[f'p{part}_ms']:,.0f}" if f"p{part}_ms" in found else "" for part in (50, 95, 99)),
            ", ".join(f"{status}: {count:,}" for status, count in sorted(found["statuses"].items())),
        ]
        for found in [*record["load"], record["overload"], record["after_overload"]]
    ]
    page = record["page"]
    lines.append(
        ["the search page, 1 client", "", *(f"{page[f'p{part}_ms']:,.0f}" for part in (50, 95, 99)), ""]
    )
    heads = ["load", "searches/s", "p50, ms", "p95, ms", "p99, ms", "answers"]
    return table(heads, lines) + _processor(record)


def _processor(record: dict[str, Any]) -> str:
    lines = [
        [f"{found['connections']} clients", *(f"{1e3 * found[used] / answered:.1f}" for used in _USED)]
        for found in record["load"]
        if (answered := sum(found["statuses"].values())) and all(used in found for used in _USED)
    ]
    if not lines:
        return ""
    return "\nProcessor time for each search:\n\n" + table(["load", "service, ms", "clients, ms"], lines)


def _verdicts(record: dict[str, Any]) -> str:
    eight = [found for found in record["load"] if found["connections"] == 8]
    wrong = sum(
        count for found in record["load"] for status, count in found["statuses"].items() if status != "200"
    )
    before = record["memory_before_bytes"]
    growth = record["load"][-1]["memory_after_bytes"] / before - 1
    overload = record["overload"]
    strange = set(overload["statuses"]) - {"200", "503"}
    told = not strange and not overload["refusals_without_retry_after"] and "503" in overload["statuses"]
    rows = [
        ["answers other than 200 under load", f"{wrong:,}", "0", _met(wrong == 0)],
        *(
            [
                "95 of 100 searches by 8 clients within",
                f"{found['p95_ms']:,.0f} ms",
                "300 ms",
                _met(found["p95_ms"] < 300),
            ]
            for found in eight
        ),
        [
            "memory of its own, growth over the whole load",
            f"{100 * growth:+.1f} %",
            "2 %",
            _met(growth < 0.02),
        ],
        [
            "overload: only answers and 503 with Retry-After",
            "yes" if told else f"no ({', '.join(sorted(strange)) or 'see above'})",
            "yes",
            _met(told),
        ],
        [
            "95 of 100 pages within",
            f"{record['page']['p95_ms']:,.0f} ms",
            "200 ms",
            _met(record["page"]["p95_ms"] < 200),
        ],
    ]
    return "\n" + table(["what", "measured", "aim", ""], rows)


def _met(met: bool) -> str:
    return "met" if met else "**missed**"
