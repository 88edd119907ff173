"""Tables about exact search: the page's, and its rows in the table of all benchmarks."""

from typing import Any

from pages.markdown import table

Record = dict[str, Any]

WAYS = {
    "exact_search": "exact search, one query",
    "read_compact_columns": "merely reading the compact columns",
    "read_first_look": "merely reading what a first look takes",
    "float32_loop": "fused float32 loop (numba)",
    "numpy_blocks": "NumPy in blocks of rows",
    "faiss": "faiss, all distances of both columns, fused by hand",
    "exact_search_mask_1_percent": "exact search, a mask keeps 1 %",
    "exact_search_rows_1_percent": "exact search, a list names 1 %",
    "exact_search_64_queries": "exact search, 64 queries at once",
}


def benchmark_rows(record: Record) -> list[list[str]]:
    """Return what, against what, measured and aim, a missed aim marked as such."""
    comparison, growth = record["comparison"], record["growth"]
    ratios, gallery = comparison["ratios"], f"exact search, {comparison['rows']:,} rows"
    rows: list[list[str]] = []

    def add(what: str, against: str, value: float, form: str, aim: str, met: bool) -> None:
        rows.append([what, against, form.format(value) + ("" if met else " (missed)"), aim])

    for name, against, least in (
        ("faiss", "faiss, all distances", 6.0),
        ("numpy_blocks", "NumPy in row blocks", 4.0),
        ("float32_loop", "fused float32 loop", 2.5),
    ):
        if (value := ratios.get(f"{name}_to_exact_search")) is not None:
            add(f"{gallery}: time", against, value, "{:.1f} times faster", f"{least:g} times", value >= least)
    value = 1 / ratios["read_compact_columns_to_exact_search"]
    against = "reading the compact columns"
    add(f"{gallery}: time", against, value, "{:.2f} times", "at most 2", value <= 2)
    value = ratios["one_query_to_one_of_64"]
    what = f"{gallery}: one of 64 queries at once"
    add(what, "one query alone", value, "{:.1f} times cheaper", "3 times", value >= 3)
    value = 100 * ratios["exact_search_rows_1_percent_to_exact_search"]
    add(f"{gallery}: a filter keeps 1 %", "full scan", value, "{:.1f} %", "at most 5 %", value <= 5)
    for size in growth["sizes"]:
        what = f"exact search, {size['rows']:,} rows on disk"
        if size["rows"] == comparison["rows"]:
            value = size["resident_to_compact"]
            add(f"{what}: memory", "compact columns", value, "{:.2f} times", "at most 1.3", value <= 1.3)
            value = size["open_and_first_answer_s"]
            add(f"{what}: open and answer", "none", value, "{:.2f} s", "3 s", value <= 3)
        elif size["rows"] > comparison["rows"]:
            value = size["resident_bytes"] / 2**30
            add(f"{what}: memory", "none", value, "{:.2f} GiB", "4 GiB", value <= 4)
    if (value := growth["exponent"]) is not None:
        sizes = [size["rows"] for size in growth["sizes"]]
        what = f"exact search, {min(sizes):,} to {max(sizes):,} rows: exponent of time"
        add(what, "linear", value, "{:.2f}", "0.9 to 1.1", 0.9 <= value <= 1.1)
    return rows


def exact_search(records: list[Record]) -> str:
    """Return the ways, the peers and the growth of each record as tables."""
    return "\n".join(_page(record) for record in records) or "*No result has been recorded yet.*\n"


def _page(record: Record) -> str:
    comparison, growth = record["comparison"], record["growth"]
    machine = record["machine"]
    peers = [_peer(peer) for peer in comparison["peers"]]
    sizes = [
        [
            f"{size['rows']:,}",
            f"{size['query']['median_ms']:.2f}",
            f"{size['open_and_first_answer_s']:.2f}",
            f"{size['compact_bytes'] / 2**20:,.0f}",
            f"{size['resident_bytes'] / 2**20:,.0f}",
            f"{size['resident_to_compact']:.2f}",
        ]
        for size in growth["sizes"]
    ]
    return (
        table(["way", "median ms", "best ms", "to one query"], _ways(comparison))
        + f"\n`{record['command']}`: {comparison['rows']:,} rows of {record['dim']} + {record['attributes']} "
        f"numbers in {comparison['compact_bytes'] / 1e6:.0f} MB of compact columns, which were read at "
        f"{comparison['read_gb_per_s']:.1f} GB/s, {comparison['first_look_bytes'] / 1e6:.0f} MB of them "
        f"for a first look; top {record['top']}, {record['threads']} threads; all ways "
        f"in turn. {machine['processor']}, {machine['cpu_capability']}, load {machine['load_average']}, code "
        f"at {str(machine['commit'])[:10]}.\n\n"
        f"The worst case, {record['worst_case']['rows']:,} embeddings that lie in all directions alike: all "
        "of their entries are read.\n\n"
        + table(["way", "median ms", "best ms", "to one query"], _ways(record["worst_case"]))
        + "\n"
        "Other engines, each in turn with exact search of the same rows; recall is the share of the exact "
        "answer that they find. Those that search a column at a time give the nearest 1,000 of each, which "
        "are merged and ranked by the fused distance.\n\n"
        + table(["engine", "rows", "median ms", "exact search, ms", "ratio", "recall"], peers)
        + "\nGalleries on disk, each opened in a process of its own"
        + ("" if growth["exponent"] is None else f"; time grows with the power {growth['exponent']:.2f}")
        + ":\n\n"
        + table(
            ["rows", "query, median ms", "open and first answer, s", "compact MiB", "resident MiB", "ratio"],
            sizes,
        )
    )


def _ways(comparison: Record) -> list[list[str]]:
    return [
        [said, f"{comparison['ways'][name]['median_ms']:.2f}", f"{comparison['ways'][name]['best_ms']:.2f}",
         f"{comparison['ratios'][f'{name}_to_exact_search']:.2f}"]
        for name, said in WAYS.items()
        if name in comparison["ways"]
    ]  # fmt: skip


def _peer(peer: Record) -> list[str]:
    if "missing" in peer:
        return [f"{peer['name']}: {peer['missing']}", f"{peer['rows']:,}", "", "", "", ""]
    return [
        f"{peer['name']} ({peer['version']})",
        f"{peer['rows']:,}",
        f"{peer['median_ms']:.1f}",
        f"{peer['exact_search_median_ms']:.2f}",
        f"{peer['peer_to_exact_search']:.1f}",
        f"{peer['recall']:.3f}",
    ]
