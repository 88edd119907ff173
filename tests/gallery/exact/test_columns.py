"""Compact columns: how far codes are from the truth, what is refused, and what a folder keeps."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import InputError, StorageError
from attrieve.gallery.exact import CompactColumns, FusedQuery, search_exact
from attrieve.gallery.exact import files as files_module
from attrieve.gallery.exact.quantise import BLOCK_ROWS, quantise_embedding, quantise_probability


def draw(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    embedding = generator.standard_normal((rows, 12))
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    return embedding.astype(np.float32), generator.random((rows, 5), dtype=np.float32)


@given(rows=st.integers(0, 200), seed=st.integers(0, 2**32 - 1), spread=st.floats(0.1, 30))
def test_no_row_is_farther_than_its_block_says(rows: int, seed: int, spread: float) -> None:
    """And the bounds are tight: some row of each block is as far."""
    generator = np.random.default_rng(seed)
    embedding = np.exp(spread * generator.standard_normal((rows, 7))) * generator.choice([-1, 1], (rows, 7))
    embedding = (embedding / np.linalg.norm(embedding, axis=1, keepdims=True)).astype(np.float32)
    probability = generator.random((rows, 3), dtype=np.float32)
    codes, shown = quantise_embedding(embedding), quantise_probability(probability)
    for start in range(0, rows, BLOCK_ROWS):
        part, block = slice(start, start + BLOCK_ROWS), start // BLOCK_ROWS
        back = codes.scale[part, None].astype(float) * (codes.codes[part].astype(float) - 128)
        of_embedding = np.linalg.norm(embedding[part] - back, axis=1).max()
        missed = np.abs(probability[part] - shown.codes[part] / 255.0)
        for truth, bound in (
            (of_embedding, codes.error[block]),
            (missed.max(), shown.largest_error[block]),
            (np.linalg.norm(missed, axis=1).max(), shown.error[block]),
        ):
            assert truth <= bound <= truth * (1 + 1e-5)
        assert shown.largest_error[block] <= 0.5 / 255 * (1 + 1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, 0.9, 1e30])
def test_embeddings_that_are_not_unit_vectors_are_refused(value: float) -> None:
    """NaN, zero and unnormalised ones, with the row named."""
    embedding = np.eye(70, dtype=np.float32)
    embedding[66] *= np.float32(value) if np.isfinite(value) else 1
    if not np.isfinite(value):
        embedding[66, 3] = value
    with pytest.raises(InputError, match="row 66 has length"):
        CompactColumns.from_float(embedding)


@pytest.mark.parametrize("value", [np.nan, -0.01, 1.01, np.inf])
def test_what_is_no_probability_is_refused(value: float) -> None:
    """With row and attribute named."""
    probability = np.full((3, 2), 0.5, np.float32)
    probability[2, 1] = value
    with pytest.raises(InputError, match="row 2, attribute 1"):
        CompactColumns.from_float(probability=probability)


def test_shapes_that_do_not_fit_are_refused() -> None:
    """Missing, of another type, without width, of other lengths, or other than the rows before."""
    embedding, probability = draw(3)
    columns = CompactColumns.from_float(embedding, probability)
    for call, told in (
        (lambda: CompactColumns.from_float(), "neither came"),
        (lambda: CompactColumns.from_float(embedding[:, :0]), "float32 tables"),
        (lambda: CompactColumns.from_float(embedding[:2], probability), "2 embeddings, 3 rows"),
        (lambda: columns.append(embedding), "index with the same model"),
        (lambda: CompactColumns(()), "at least one segment"),
    ):
        with pytest.raises(InputError, match=told):
            call()


def test_bytes() -> None:
    """One byte a number, four for the scale, and 12 for each block of 64 rows; `append` leaves the first."""
    columns = CompactColumns.from_float(*draw(130))
    assert columns.nbytes == 130 * (12 + 5 + 4) + 3 * 12
    more = columns.append(*draw(10, seed=1))
    assert (len(columns), len(more), more.dim, more.attributes) == (130, 140, 12, 5)
    assert more.segments[0] is columns.segments[0]


def test_a_folder_keeps_everything(tmp_path: Path) -> None:
    """Saved, opened, appended to, saved again: the same answers, and old segments are not written again."""
    columns = CompactColumns.from_float(*draw(100))
    columns.save(tmp_path / "new" / "folder")
    first = CompactColumns.open(tmp_path / "new" / "folder")
    (segment,) = (path for path in (tmp_path / "new" / "folder").iterdir() if path.is_dir())
    written = {path: path.stat().st_mtime_ns for path in segment.iterdir()}
    first.append(*draw(50, seed=2)).save(tmp_path / "new" / "folder")
    opened = CompactColumns.open(tmp_path / "new" / "folder")
    assert written == {path: path.stat().st_mtime_ns for path in segment.iterdir()}
    assert len(opened) == 150
    assert opened.nbytes == columns.append(*draw(50, seed=2)).nbytes
    query = FusedQuery(np.ones(5), embedding=np.ones(12))
    expected = search_exact(columns.append(*draw(50, seed=2)), [query], 20)
    found = search_exact(opened, [query], 20)
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.distance.tolist() == expected.distance.tolist()
    CompactColumns.from_float(draw(0)[0]).save(tmp_path / "empty")
    assert len(CompactColumns.open(tmp_path / "empty")) == 0


def test_a_disk_that_refuses_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the folder; no unfinished files stay."""
    columns = CompactColumns.from_float(*draw(100))
    columns.save(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files_module.os, "fsync", refuse)
        with pytest.raises(StorageError, match="No space left"):
            columns.append(*draw(5)).save(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    assert len(CompactColumns.open(tmp_path)) == 100


def test_damaged_folders_are_told(tmp_path: Path) -> None:
    """No columns at all, a file cut short, one of another shape, one missing, a list that is none."""
    with pytest.raises(InputError, match="holds no compact columns"):
        CompactColumns.open(tmp_path)
    columns = CompactColumns.from_float(*draw(100))
    columns.save(tmp_path)
    codes = tmp_path / columns.segments[0].name / "embedding_codes.npy"
    whole = codes.read_bytes()
    codes.write_bytes(whole[:500])
    with pytest.raises(StorageError, match=r"embedding_codes\.npy"):
        CompactColumns.open(tmp_path)
    np.save(codes, np.zeros((100, 11), np.uint8))
    with pytest.raises(StorageError, match=r"expected .*100, 12"):
        CompactColumns.open(tmp_path)
    codes.unlink()
    with pytest.raises(StorageError, match="restore the file"):
        CompactColumns.open(tmp_path)
    for broken in ("{", "{}", '{"format": 99}', "[]"):
        (tmp_path / "columns.json").write_text(broken)
        with pytest.raises(StorageError, match=r"columns\.json"):
            CompactColumns.open(tmp_path)
