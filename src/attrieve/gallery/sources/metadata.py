"""From the fields that come with an image to what a gallery keeps of it."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from attrieve.errors import DatasetError
from attrieve.gallery.sources.item import Box, Metadata, Scalar

_INTEGER_LIMIT = 2**63


def read_metadata(fields: Mapping[str, object]) -> Metadata:
    """Sort named values into camera, time, track, box and user columns.

    * ``camera`` and ``track``: text or a number.
    * ``time``: ISO 8601 text, or seconds since 1970 (then in UTC).
    * ``box``: four numbers x, y, width, height, as a list or as text parted by spaces or commas.
    * anything else is a user column; lists and mappings are kept as JSON text.

    Empty text is "not known" for the first four.

    Raises:
        DatasetError: naming the field, if one cannot be read, or holds text that is not Unicode.

    >>> read_metadata({"camera": 3, "time": "2024-05-06T07:08", "note": "by the door"}).time
    datetime.datetime(2024, 5, 6, 7, 8)
    """
    own = {name: value for name, value in fields.items() if name not in ("camera", "time", "track", "box")}
    return Metadata(
        camera=_name(fields.get("camera"), "camera"),
        time=_time(fields.get("time")),
        track=_name(fields.get("track"), "track"),
        box=_box(fields.get("box")),
        columns={_text(name, "a column name"): _scalar(value, name) for name, value in own.items()},
    )


def _name(value: object, what: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DatasetError(f"expected {what} to be text or a whole number, got {value!r}")
    return _text(str(value), what)


def _time(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise DatasetError(
        f"expected time as ISO 8601 text such as 2024-05-06T07:08:09 or seconds since 1970, got {value!r}"
    )


def _box(value: object) -> Box | None:
    if value is None or value == "":
        return None
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    try:
        if not isinstance(parts, Sequence):
            raise TypeError
        x, y, width, height = (float(part) for part in parts)
        if all(map(math.isfinite, (x, y, width, height))) and width > 0 and height > 0:
            return x, y, width, height
    except (TypeError, ValueError, OverflowError):
        pass
    raise DatasetError(f"expected box as x, y, width, height in pixels, the last two above 0, got {value!r}")


def _scalar(value: object, name: str) -> Scalar:
    if isinstance(value, str):
        return _text(value, f"column {name!r}")
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT
    ):
        raise DatasetError(f"column {name!r} holds {value}, which does not fit 64 bits; make it text")
    if value is None or isinstance(value, int | float | datetime):
        return value
    try:
        return _text(json.dumps(value, ensure_ascii=False, sort_keys=True), f"column {name!r}")
    except (TypeError, ValueError):
        raise DatasetError(
            f"column {name!r} holds a {type(value).__name__}; expected text or a number"
        ) from None


def _text(value: str, what: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise DatasetError(f"{what} holds {value!r}, which is not Unicode text; save it as UTF-8") from None
    return value
