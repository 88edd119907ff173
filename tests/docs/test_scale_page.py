"""The page on large galleries, from made-up records: sums done again by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from pages.scale import ASSUMPTIONS, Costs, Plan, scale_page


def lap(seconds: float, core_seconds: float) -> dict[str, float]:
    return {"seconds": seconds, "core_seconds": core_seconds}


def speed(milliseconds: float) -> dict[str, float]:
    return {"median_ms": 2 * milliseconds, "best_ms": 1.5 * milliseconds, "core_ms": 2 * milliseconds}


def size(rows: int, *, index: bool) -> dict[str, Any]:
    opening = {"load_libraries": lap(4, 3), "open": lap(0.25, 0.2), "first_answer": lap(0.5, 0.4)}
    made: dict[str, Any] = {
        "rows": rows,
        "fill": {**lap(90, 60e-6 * rows), "drawing_core_seconds": 40e-6 * rows, "peak_bytes": 2**30},
        "first_opening": {**opening, "open": lap(9, 5e-6 * rows), "peak_bytes": 2**31},
        "opening_from_disk": {**opening, "peak_bytes": 2**29},
        "opening": {
            **opening,
            "compact_bytes": 167 * rows,
            "key_bytes": 16 * rows,
            "resident_bytes": 183 * rows + 2**28,
            "peak_bytes": 2**30,
            "filter_keeps": 0.01,
            "query": speed(8e-6 * rows),
            "query_of_64": speed(2e-6 * rows),
            **{name: speed(1) for name in ("search", "filter", "filtered_query")},
        },
        "bytes": {"store": 716 * rows, "search": 835 * rows, "index": 170 * rows},
    }
    if index:
        recall = {"named": None, "attribute_weight": 0.2, "mean": 0.98, "least": 0.9, "looked_at": 0.004}
        made["index"] = {**lap(20, 30), "peak_bytes": 2**30}
        made["approximate"] = {"query": speed(30), "recall": [recall, {**recall, "named": 4}]}
    return made


def record() -> dict[str, Any]:
    return {
        "command": "python benchmarks/scale.py",
        "machine": {"processor": "slow", "cores": 2, "commit": "0" * 40, "load_average": 0.1},
        "embedding_dim": 128,
        "attributes": 35,
        "top": 100,
        "queries": 12,
        "sizes": [size(1_000_000, index=True), size(4_000_000, index=False)],
    }


def test_nothing_recorded_is_said(tmp_path: Path) -> None:
    assert "*No result has been recorded yet.*" in scale_page(tmp_path)


def test_the_page_tells_what_was_measured_and_marks_what_was_not(tmp_path: Path) -> None:
    (tmp_path / "benchmark-scale.json").write_text(json.dumps(record()), "utf-8")
    page = scale_page(tmp_path)
    assert "| store on disk | 716.0 bytes a row | 716.0 bytes a row |" in page
    assert "| building the approximate index | 30.0 core-s a million | not measured |" in page
    assert "| writing rows, drawing them left out | 20.0 core-s a million | 20.0 core-s a million |" in page
    assert "grow with the number of rows to the power of 1.00" in page
    assert "| all | 0.2 : 1 | 98.0% | 90.0% | 0.40% |" in page
    assert "**Everything in this section is extrapolated** from 4,000,000 rows measured" in page
    assert "| search files, on disks of the shards | 835 GB | 67 USD a month |" in page
    for assumption in ASSUMPTIONS.values():
        assert assumption.source in page


def test_images_a_second_become_hours_and_a_limit(tmp_path: Path) -> None:
    """With 20 ms of a core to read and 50 ms of two cores to describe, 5/6 of the bare model are possible."""
    indexing = {
        "command": "python benchmarks/indexing.py",
        "backbone": "resnet18",
        "height_px": 256,
        "width_px": 128,
        "machine": {**record()["machine"], "accelerator": None},
        "bare_images_per_s": 20.0,
        "images_per_s": {"folder": 16.0},
        "share_of_bare": {"folder": 0.8},
        "reading_cpu_ms": 20.0,
        "aim_at_least": 0.95,
    }
    (tmp_path / "benchmark-scale.json").write_text(json.dumps(record()), "utf-8")
    (tmp_path / "benchmark-indexing.json").write_text(json.dumps(indexing), "utf-8")
    page = scale_page(tmp_path)
    assert "| folder | 16.0 | 80.0% | 17.4 |" in page
    assert "83.3% of the bare model" in page
    assert "| describing the images, resnet18 on cores | 34,722 core-hours | 1,389 USD once |" in page


@pytest.mark.parametrize("seconds", [None, 0.5, 0.1])
def test_a_plan_is_the_smallest_that_fits(seconds: float | None) -> None:
    """Memory holds the columns and the answer comes in time; one machine fewer breaks either."""
    costs = Costs.of(record())
    plan = Plan.fitting(10**9, costs, seconds)
    usable = 128 * 2**30 * 0.8

    def suffices(machines: int) -> bool:
        shards = machines * 8
        in_time = seconds is None or 10**9 / shards * 8e-9 + 0.002 <= seconds + 1e-12
        return machines * usable >= 183e9 and in_time

    assert suffices(plan.machines)
    assert not suffices(plan.machines - 1)
    assert plan.shards == plan.machines * 8
    assert plan.seconds == pytest.approx(10**9 / plan.shards * 8e-9 + 0.002)
    assert plan.rate == pytest.approx(plan.shards / (10**9 * 2e-9))
    assert plan.dollars == pytest.approx(plan.machines * (16 * 0.04 + 128 * 0.005) * 730)
