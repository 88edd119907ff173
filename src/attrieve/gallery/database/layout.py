"""The columns of a gallery table."""

import re
from collections.abc import Iterable

import pyarrow as pa

from attrieve.errors import InputError

ROW_ID = "_rowid"
TEXT = pa.string()
MOMENT = pa.timestamp("us", "UTC")
KEY_DIGITS = 16

FIXED = pa.schema(
    [
        pa.field("key", TEXT, nullable=False),
        pa.field("source", TEXT, nullable=False),
        pa.field("member", TEXT),
        pa.field("frame", pa.int64()),
        pa.field("camera", TEXT),
        pa.field("time", MOMENT),
        pa.field("track", TEXT),
        pa.field("box_x", pa.float32()),
        pa.field("box_y", pa.float32()),
        pa.field("box_width", pa.float32()),
        pa.field("box_height", pa.float32()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("blur", pa.float32()),
        pa.field("brightness", pa.float32()),
        pa.field("contrast", pa.float32()),
        pa.field("indexed_at", MOMENT, nullable=False),
        pa.field("model", TEXT, nullable=False),
        pa.field("checksum", pa.uint64(), nullable=False),
    ]
)
"""What every row has. Boxes and sizes are in pixels; ``checksum`` is that of the row's vectors."""

EMBEDDING, PROBABILITY, THUMBNAIL = "embedding", "probability", "thumbnail"
_RESERVED = {*FIXED.names, EMBEDDING, PROBABILITY, THUMBNAIL, ROW_ID, "_rowaddr", "_distance", "_score"}
_USER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_USER_TYPES = (
    pa.types.is_string,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_timestamp,
)


def table_schema(
    *,
    embedding_dim: int | None,
    attributes: int | None,
    thumbnails: bool = False,
    user: Iterable[pa.Field] = (),
) -> pa.Schema:
    """Return the columns of a table.

    Args:
        embedding_dim: width of the embeddings, or None without.
        attributes: number of attribute probabilities, or None without.
        thumbnails: whether rows may hold encoded little pictures.
        user: further columns; their values may be missing.

    Raises:
        InputError: for a table without vectors, or a user column of a bad name or type.

    >>> schema = table_schema(embedding_dim=128, attributes=None, user=[pa.field("note", pa.string())])
    >>> schema.names[-2:], schema.field("embedding").type.list_size
    (['embedding', 'note'], 128)
    """
    if embedding_dim is None and attributes is None:
        raise InputError("a gallery row needs a probability or an embedding; the model gives neither")
    fields = list(FIXED)
    if embedding_dim is not None:
        fields.append(pa.field(EMBEDDING, pa.list_(pa.float32(), embedding_dim), nullable=False))
    if attributes is not None:
        fields.append(pa.field(PROBABILITY, pa.list_(pa.float32(), attributes), nullable=False))
    if thumbnails:
        fields.append(pa.field(THUMBNAIL, pa.binary()))
    return pa.schema([*fields, *check_user_fields(user)])


def check_user_fields(fields: Iterable[pa.Field]) -> list[pa.Field]:
    """Return columns of a user's own, nullable and in UTC, or refuse them.

    Raises:
        InputError: naming the column: a name that is taken or not letters, digits and ``_``, or a type
            other than text, truth value, number or time.
    """
    checked: list[pa.Field] = []
    for field in fields:
        if field.name in _RESERVED or field.name in {other.name for other in checked}:
            raise InputError(f"a column {field.name!r} exists already in every gallery; choose another name")
        if not _USER_NAME.fullmatch(field.name):
            raise InputError(
                f"column {field.name!r}: a name starts with a letter and holds letters, digits and _ only "
                "(at most 64)"
            )
        if not any(fits(field.type) for fits in _USER_TYPES):
            raise InputError(
                f"column {field.name!r} has type {field.type}; expected text, truth value, number or time"
            )
        kind = MOMENT if pa.types.is_timestamp(field.type) else field.type
        checked.append(pa.field(field.name, kind, nullable=True))
    return checked


def user_fields(schema: pa.Schema) -> list[pa.Field]:
    """Return the columns of a table that are its user's own."""
    return [field for field in schema if field.name not in _RESERVED]


def filterable(schema: pa.Schema) -> dict[str, pa.DataType]:
    """Return the columns a filter may name, with their types: all but vectors and pictures."""
    hidden = {EMBEDDING, PROBABILITY, THUMBNAIL, "checksum"}
    return {field.name: field.type for field in schema if field.name not in hidden}
