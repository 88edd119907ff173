"""The page on the service under load, from made-up records: sums done again by hand."""

import json
from pathlib import Path
from typing import Any

from pages.service import service_page


def load(connections: int, answered: int, refused: int = 0, **more: float) -> dict[str, Any]:
    return {
        "connections": connections,
        "seconds": 10.0,
        "statuses": {"200": answered, "503": refused} if refused else {"200": answered},
        "refusals_without_retry_after": 0,
        "searches_per_second": answered / 10,
        "p50_ms": 100.0,
        "p95_ms": 250.0,
        "p99_ms": 300.0,
        "memory_after_bytes": 2**29,
        **more,
    }


def page_of(folder: Path, *loads: dict[str, Any]) -> str:
    record = {
        "command": "python benchmarks/service.py",
        "machine": {"processor": "one", "cores": 2, "load_average": 0.1, "commit": "0123456789abcdef"},
        "rows": 1000,
        "workers": 1,
        "load": list(loads),
        "overload": load(200, 50, 40),
        "after_overload": load(1, 50),
        "page": {"p50_ms": 50.0, "p95_ms": 60.0, "p99_ms": 70.0},
        "memory_before_bytes": 2**29,
    }
    (folder / "benchmark-service.json").write_text(json.dumps(record), "utf-8")
    return service_page(folder)


def test_processor_time_is_that_of_one_request(tmp_path: Path) -> None:
    """250 requests, refused ones among them, took 8 s of the service and 0.125 s of the clients."""
    used = {"service_processor_seconds": 8.0, "clients_processor_seconds": 0.125}
    page = page_of(tmp_path, load(8, 240, 10, **used))
    assert "| 8 clients | 32.0 | 0.5 |" in page.splitlines()


def test_a_record_without_it_says_nothing_of_it(tmp_path: Path) -> None:
    """Older records did not measure it."""
    page = page_of(tmp_path, load(8, 240))
    assert "Processor" not in page
    assert "| 8 clients, 10 s | 24.0 | 100 | 250 | 300 | 200: 240 |" in page.splitlines()
