"""Facts of rows stay in their file until they are asked for, in whatever order the rows stand."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from attrieve.gallery.row_facts import RowFacts, open_facts, write_facts

ROWS = 20_000


def test_rows_out_of_order_are_found_and_not_copied(tmp_path: Path) -> None:
    """Ids in any order; of a mapped file no more than what is asked for comes into memory."""
    ids = np.random.default_rng(0).permutation(np.arange(5, 5 + ROWS)).astype(np.uint64)
    table = pa.table(
        {
            "key": [f"{row:016x}" for row in ids.tolist()],
            "source": [f"camera-{row % 7}/{row}.png" * 8 for row in ids.tolist()],
            "member": [""] * ROWS,
        }
    )
    write_facts(tmp_path / "facts.arrow", table)
    before = pa.total_allocated_bytes()
    facts = RowFacts([open_facts(tmp_path / "facts.arrow", ids)], table.schema)
    assert pa.total_allocated_bytes() - before < table.nbytes / 20
    asked = np.array([17, 5, 4 + ROWS], dtype=np.uint64)
    found = facts.rows_at(asked)
    assert found is not None
    assert [row.key for row in found] == [f"{row:016x}" for row in asked.tolist()]
    assert [row.source.path for row in found] == [
        Path(f"camera-{row % 7}/{row}.png" * 8) for row in asked.tolist()
    ]
    assert facts.rows_at(np.array([4], dtype=np.uint64)) is None
