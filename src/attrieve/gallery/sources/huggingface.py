"""Data sets of the Hugging Face library, on disk or by name."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from attrieve.errors import DatasetError, UnknownNameError
from attrieve.gallery.sources.item import SourceItem
from attrieve.gallery.sources.libraries import optional_library
from attrieve.gallery.sources.metadata import read_metadata
from attrieve.schema import ImageSource

_ROWS_AT_ONCE = 32


class HuggingFaceSource:
    """One image column of one split, in row order; the library reads, our decoder judges the bytes.

    Columns of plain values come along: ``camera``, ``time``, ``track`` and ``box`` by these names
    (see :func:`~attrieve.gallery.sources.metadata.read_metadata`), all others as user columns, class
    labels by their names. An image is known as ``split/row`` of the data set.

    Args:
        name: a folder written by ``save_to_disk``, a folder the library can load (Parquet files, an
            image folder), or a name on the hub.
        split: may be left out where there is only one.
        column: may be left out where there is only one column of images.

    Raises:
        ConfigurationError: if the library datasets is not installed.
        DatasetError: if it cannot be loaded, or which split or column is meant is not clear.
    """

    def __init__(self, name: str, split: str | None = None, column: str | None = None) -> None:
        library = cast(Any, optional_library("datasets", "a source hf:NAME"))
        self._name = name
        self.split, rows = _choose_split(_load(library, name), split, name)
        self.column = _choose_column(library, rows.features, column, name)
        kept = [self.column, *_plain_columns(library, rows.features, self.column)]
        self._rows = _undecoded(library, rows.select_columns(kept), self.column)
        self._labels = {
            key: kind for key, kind in rows.features.items() if isinstance(kind, library.ClassLabel)
        }
        self._place = Path(name).absolute() if Path(name).exists() else Path(f"hf:{name}")

    @property
    def name(self) -> str:
        """Data set, split and column."""
        return f"hf:{self._name}:{self.split}:{self.column}"

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield the images, with their bytes where the data set holds them."""
        for start, rows in enumerate(self._rows.iter(batch_size=_ROWS_AT_ONCE)):
            names = list(rows)
            for offset, values in enumerate(zip(*rows.values(), strict=True)):
                row = start * _ROWS_AT_ONCE + offset
                yield self._item(row, dict(zip(names, values, strict=True)))

    def count(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def _item(self, row: int, fields: dict[str, Any]) -> SourceItem:
        source = ImageSource(self._place, f"{self.split}/{row}")
        image = fields.pop(self.column)
        for key, label in self._labels.items():
            if isinstance(fields.get(key), int):
                fields[key] = label.int2str(fields[key]) if fields[key] >= 0 else None
        try:
            metadata = read_metadata(fields)
        except DatasetError as error:
            return SourceItem(source, problem=f"{source}: {error}")
        content, path = (image, None) if isinstance(image, bytes) else _parts(image)
        if content is not None:
            return SourceItem(source, metadata, content=content)
        if path:
            return SourceItem(ImageSource(Path(path).absolute()), metadata)
        return SourceItem(source, problem=f"{source}: the row has no image")


def _parts(image: object) -> tuple[bytes | None, str | None]:
    if isinstance(image, str):
        return None, image
    if isinstance(image, Mapping):
        return image.get("bytes"), image.get("path")
    return None, None


def _load(library: Any, name: str) -> Any:
    folder = Path(name)
    saved = any((folder / file).is_file() for file in ("state.json", "dataset_dict.json"))
    try:
        return library.load_from_disk(name) if saved else library.load_dataset(name)
    except Exception as error:  # the library raises kinds of its own and of the network's
        raise DatasetError(
            f"expected a Hugging Face data set at {name!r}: {type(error).__name__}: {error}; name a folder "
            "written by save_to_disk, a folder of Parquet files, or a data set of the hub"
        ) from error


def _choose_split(loaded: Any, split: str | None, name: str) -> tuple[str, Any]:
    splits = dict(loaded) if isinstance(loaded, Mapping) else {str(loaded.split or "all"): loaded}
    if split is None and len(splits) == 1:
        return next(iter(splits.items()))
    if split is None:
        raise DatasetError(
            f"data set {name!r} has the splits {', '.join(splits)}; name one: hf:{name}:{next(iter(splits))}"
        )
    if split not in splits:
        raise DatasetError(f"data set {name!r}: {UnknownNameError('split', split, splits)}")
    return split, splits[split]


def _choose_column(library: Any, features: Mapping[str, Any], column: str | None, name: str) -> str:
    images = [key for key, kind in features.items() if isinstance(kind, library.Image)]
    if column is None and len(images) == 1:
        return images[0]
    if column is None:
        found = (
            f"the image columns {', '.join(images)}" if images else f"no image column ({', '.join(features)})"
        )
        raise DatasetError(f"data set {name!r} has {found}; name one: hf:{name}:SPLIT:COLUMN")
    if column not in features:
        raise DatasetError(f"data set {name!r}: {UnknownNameError('column', column, features)}")
    if column not in images and not _holds_bytes(features[column]):
        raise DatasetError(f"column {column!r} of data set {name!r} holds no images but {features[column]}")
    return column


def _holds_bytes(kind: Any) -> bool:
    return str(getattr(kind, "dtype", "")) in ("binary", "large_binary", "string", "large_string") or (
        isinstance(kind, Mapping) and "bytes" in kind
    )


def _plain_columns(library: Any, features: Mapping[str, Any], column: str) -> Sequence[str]:
    """Return the columns that come along; "box" may be a list, nothing else."""
    return [
        key
        for key, kind in features.items()
        if key != column
        and (key == "box" or isinstance(kind, library.ClassLabel | library.Value))
        and str(getattr(kind, "dtype", "")) not in ("binary", "large_binary")
    ]


def _undecoded(library: Any, rows: Any, column: str) -> Any:
    """Keep the library from decoding, without writing anything to its cache."""
    if not isinstance(rows.features[column], library.Image):
        return rows.with_format(None)
    return rows.with_format(None).cast_column(column, library.Image(decode=False))
