"""Vectors that another program made, as rows of a gallery."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.json as arrow_json
import pyarrow.parquet as parquet

from attrieve.errors import InputError, SchemaMismatchError, UnknownNameError
from attrieve.gallery.database.layout import EMBEDDING, FIXED, PROBABILITY, THUMBNAIL
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.vectors import UNIT_TOLERANCE, Vectors, checksums, lengths
from attrieve.gallery.database.writing import DatabaseWriter
from attrieve.gallery.rows import content_key
from attrieve.schema import AttributeSchema


@dataclass(frozen=True)
class Imported:
    """What became of imported rows.

    Args:
        added: new rows.
        already_there: rows whose key the gallery had.
        normalised: rows whose embedding was brought to unit length.
    """

    added: int
    already_there: int
    normalised: int


def read_foreign(path: Path | str, details: Path | str | None = None) -> pa.Table:
    """Read vectors and what is known of their images from files.

    Args:
        path: Parquet or Arrow (IPC) with a column ``embedding``, ``probability`` or both (lists of
            numbers), or a NumPy matrix (row, dim), which are embeddings.
        details: Parquet, Arrow, CSV or JSON lines with one row per vector, in the same order; None if
            ``path`` has all columns itself.

    Raises:
        InputError: if a file is missing, of another kind, or holds another number of rows.
    """
    table = _read(Path(path))
    if details is None:
        return table
    known = _read(Path(details))
    if len(known) != len(table):
        raise InputError(f"{details} tells of {len(known)} rows, {path} holds {len(table)} vectors")
    for name in known.column_names:
        if name in table.column_names:
            raise InputError(f"both {path} and {details} have a column {name!r}; drop one")
        table = table.append_column(name, known.column(name))
    return table


def _read(path: Path) -> pa.Table:
    readers = {
        ".parquet": parquet.read_table,
        ".arrow": lambda file: pa.ipc.open_file(pa.memory_map(str(file))).read_all(),
        ".csv": arrow_csv.read_csv,
        ".jsonl": arrow_json.read_json,
        ".npy": _read_matrix,
    }
    if path.suffix not in readers:
        raise InputError(f"{path} ends in {path.suffix!r}; expected one of {', '.join(readers)}")
    try:
        return readers[path.suffix](path)
    except (OSError, ValueError, EOFError) as error:  # Arrow's errors are ValueErrors or OSErrors
        raise InputError(f"{path} cannot be read: {error}") from error


def _read_matrix(path: Path) -> pa.Table:
    matrix = np.load(path, allow_pickle=False)
    if matrix.ndim != 2 or matrix.dtype.kind != "f":
        raise ValueError(f"expected numbers of shape (row, dim), got {matrix.dtype} of shape {matrix.shape}")
    flat = pa.array(np.ascontiguousarray(matrix, np.float32).reshape(-1))
    return pa.table({EMBEDDING: pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])})


def foreign_model(table: pa.Table, name: str, schema: AttributeSchema) -> GalleryModel:
    """Return how a gallery remembers the program that made some vectors.

    Args:
        table: from :func:`read_foreign`.
        name: of the program or its model.
        schema: the vocabulary of its probabilities, or the one it shall be described in.

    Raises:
        InputError: for rows without vectors, or another number of probabilities than the vocabulary has.
    """
    widths = {
        column: _matrix(table.column(column), column).shape[1]
        for column in (EMBEDDING, PROBABILITY)
        if column in table.column_names
    }
    if not widths:
        there = ", ".join(table.column_names) or "none"
        raise InputError(f"the rows have neither 'embedding' nor 'probability'; their columns: {there}")
    if widths.get(PROBABILITY, len(schema)) != len(schema):
        raise InputError(
            f"the rows have {widths[PROBABILITY]} probabilities each, {schema.name!r} has {len(schema)} "
            "attributes; name the vocabulary they were made for"
        )
    text = f"foreign {name} {schema.fingerprint} {sorted(widths.items())}"
    return GalleryModel(
        name,
        hashlib.sha256(text.encode()).hexdigest()[:16],
        schema,
        widths.get(EMBEDDING),
        recognises=PROBABILITY in widths,
    )


def foreign_columns(table: pa.Table) -> list[pa.Field]:
    """Return the columns of imported rows that no gallery has by itself."""
    taken = {*FIXED.names, EMBEDDING, PROBABILITY, THUMBNAIL}
    return [field for field in table.schema if field.name not in taken]


def import_foreign(writer: DatabaseWriter, table: pa.Table) -> Imported:
    """Add rows with vectors of another program.

    An embedding that is not of unit length is divided by its length and counted in the result: with
    cosine distance only its direction matters. A zero or non-finite one has no direction and is refused.

    Rows that were exported from a gallery bring ``model`` and ``checksum`` along, which must agree.

    Args:
        writer: of a gallery whose model names where the vectors come from.
        table: column ``source``, vectors, and any of the gallery's columns; ``key`` may be missing and is
            then made from the source's name, so that importing again changes nothing.

    Raises:
        InputError: naming the first bad row: NaN, zero, another width, missing columns.
        UnknownNameError: for a column the gallery lacks.
        SchemaMismatchError: for rows exported from a gallery of another model.
    """
    if {"model", "checksum"} <= set(table.column_names):
        table = _exported(table, writer.model)
    vectors, normalised = _vectors(table)
    known = [name for name in table.column_names if name not in {EMBEDDING, PROBABILITY}]
    described = _described(table.select(known), writer.arrow_schema)
    done = writer.add(described, vectors)
    return Imported(done.added, done.already_there, normalised)


def _exported(table: pa.Table, model: GalleryModel) -> pa.Table:
    """Return the rows of an export without what the gallery will write itself."""
    others = sorted(set(map(str, table.column("model").unique().to_pylist())) - {model.fingerprint})
    if others:
        raise SchemaMismatchError(
            f"the rows were exported with vectors of model {others[0]}, the gallery holds those of "
            f"{model.name!r} ({model.fingerprint}); their vectors cannot be compared. "
            "Import into a new gallery"
        )
    vectors = Vectors(
        **{
            name: _matrix(table.column(name), name)
            for name in (EMBEDDING, PROBABILITY)
            if name in table.column_names
        }
    )
    wrong = checksums(vectors) != table.column("checksum").to_numpy()
    if wrong.any():
        raise InputError(f"row {int(wrong.argmax())}: its vectors are not those that were exported")
    return table.drop_columns(["model", "checksum"])


def _vectors(table: pa.Table) -> tuple[Vectors, int]:
    named = {
        name: _matrix(table.column(name), name)
        for name in (EMBEDDING, PROBABILITY)
        if name in table.column_names
    }
    normalised = 0
    if EMBEDDING in named:
        named[EMBEDDING], normalised = _unit(named[EMBEDDING])
    return Vectors(**named), normalised


def _matrix(column: pa.ChunkedArray, name: str) -> np.ndarray:
    whole = column.combine_chunks()
    kind = whole.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise InputError(f"column {name!r} holds {kind}, expected lists of numbers")
    if whole.null_count:
        missing = whole.is_null().to_numpy(zero_copy_only=False)
        raise InputError(f"row {int(missing.argmax())}: it has no {name}; leave it out")
    widths = whole.value_lengths().to_numpy(zero_copy_only=False) if len(whole) else np.zeros(0, np.int64)
    if len(set(widths.tolist())) > 1:
        wrong = int((widths != widths[0]).argmax())
        raise InputError(
            f"row {wrong}: its {name} is {widths[wrong]} wide, that of row 0 {widths[0]}; expected one width"
        )
    flat = whole.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    width = int(widths[0]) if len(widths) else (kind.list_size if pa.types.is_fixed_size_list(kind) else 0)
    matrix: np.ndarray = flat.reshape(len(whole), width)
    return matrix


def _unit(embedding: np.ndarray) -> tuple[np.ndarray, int]:
    finite = np.isfinite(embedding).all(axis=1)
    if not finite.all():
        raise InputError(f"row {int((~finite).argmax())}: its embedding holds numbers that are not finite")
    length = lengths(embedding)
    if (length == 0).any():
        raise InputError(f"row {int((length == 0).argmax())}: its embedding is zero, which has no direction")
    off = np.abs(length - 1) > UNIT_TOLERANCE
    scaled = embedding.copy()
    scaled[off] = (embedding[off] / length[off, None]).astype(np.float32)
    return scaled, int(off.sum())


def _described(table: pa.Table, schema: pa.Schema) -> pa.Table:
    if "source" not in table.column_names:
        there = ", ".join(table.column_names) or "none"
        raise InputError(f"the rows have no column 'source'; their columns: {there}")
    for name in table.column_names:
        if name not in schema.names or name in {"model", "checksum"}:
            raise UnknownNameError("gallery column", name, [*schema.names])
    columns = {name: _fitted(table.column(name), schema.field(name)) for name in table.column_names}
    if "key" not in columns:
        members = columns["member"].to_pylist() if "member" in columns else [None] * len(table)
        both = columns["source"].to_pylist(), members
        columns["key"] = pa.array(
            [content_key(f"{source}\0{member or ''}".encode()) for source, member in zip(*both, strict=True)],
            FIXED.field("key").type,
        )
    if "indexed_at" not in columns:
        columns["indexed_at"] = pa.array([datetime.now(UTC)] * len(table), FIXED.field("indexed_at").type)
    return pa.table(columns)


def _fitted(column: pa.ChunkedArray, field: pa.Field) -> pa.Array:
    if not field.nullable and column.null_count:
        raise InputError(f"column {field.name!r} has no value in {column.null_count} rows; give one each")
    try:
        return column.cast(field.type).combine_chunks()
    except pa.ArrowException as error:
        raise InputError(f"column {field.name!r} holds {column.type}, not {field.type}: {error}") from error
