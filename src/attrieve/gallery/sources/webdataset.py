"""Shards in the layout of WebDataset: tar archives whose files are grouped by name."""

import io
import json
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast

from attrieve.errors import DatasetError
from attrieve.gallery.sources.item import Metadata, SourceItem
from attrieve.gallery.sources.libraries import optional_library
from attrieve.gallery.sources.metadata import read_metadata
from attrieve.gallery.sources.naming import has_image_ending
from attrieve.gallery.sources.tar import Member, stream_members
from attrieve.schema import ImageSource


class WebDatasetSource:
    """The images of WebDataset shards, shard by shard in the order of the pattern.

    Files with the same key (the path up to the first dot of its last part) make a sample: its images (a
    key with several gives several), fields from ``.json``
    (see :func:`~attrieve.gallery.sources.metadata.read_metadata`), and ``.txt`` as the column ``text``.
    Shards are read one after the other, in order; none is shuffled or left out. One that cannot be read
    or breaks off is an item with a problem.

    Args:
        pattern: local paths or http(s) addresses with braces, ``shards/crops-{0000..0099}.tar``, or
            local paths with ``*``. Addresses that the library would hand to a shell (``pipe:``, ``s3:``)
            are refused: what is indexed is data, never a command.

    Raises:
        ConfigurationError: if the library webdataset is not installed.
        DatasetError: for an address of another kind, or if a local shard does not exist.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._library = cast(Any, optional_library("webdataset", "a source webdataset:PATTERN"))
        self.shards = tuple(self._expand())

    @property
    def name(self) -> str:
        """The pattern."""
        return f"webdataset:{self.pattern}"

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield the images, each with its bytes."""
        for shard in self.shards:
            yield from self._read(shard)

    def count(self) -> None:
        """Return None: only reading all shards would tell."""
        return

    def _expand(self) -> Iterator[str]:
        for address in self._library.shardlists.expand_urls(self.pattern):
            if address.startswith(("http://", "https://")):
                yield address
                continue
            kind, mark, _ = address.partition(":")
            if mark and not Path(address).exists():
                raise DatasetError(
                    f"expected shards as local paths or http(s) addresses, got {kind!r} in {address!r}; "
                    "mount or copy them first"
                )
            yield from _local_shards(address)

    def _read(self, shard: str) -> Iterator[SourceItem]:
        place = Path(shard)
        problems: list[SourceItem] = []
        try:
            with _open(shard) as file:
                for sample in self._library.tariterators.group_by_keys(_files(file, shard, problems)):
                    yield from _items(place, sample)
                    yield from problems
                    problems.clear()
        except (OSError, ValueError, HTTPException) as error:
            problems.append(SourceItem(ImageSource(place), problem=f"{shard}: cannot be read ({error})"))
        yield from problems


def _local_shards(address: str) -> list[str]:
    path = Path(address).absolute()
    found = [path]
    if "*" in address and not path.exists():
        found = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    missing = [str(shard) for shard in found if not shard.is_file()]
    if missing or not found:
        named = ", ".join(missing[:3]) or address
        raise DatasetError(f"expected WebDataset shards; these are missing: {named}; check the pattern")
    return [str(shard) for shard in found]


def _open(shard: str) -> io.BufferedIOBase:
    if shard.startswith(("http://", "https://")):
        return cast(io.BufferedIOBase, urllib.request.urlopen(shard, timeout=60))
    return Path(shard).open("rb")


def _files(file: io.BufferedIOBase, shard: str, problems: list[SourceItem]) -> Iterator[dict[str, Any]]:
    """Yield files as the library's grouping wants them; what cannot be read is put aside."""
    place = Path(shard)
    seen: set[str] = set()
    key = None
    for member in stream_members(file):
        if member.name is None or member.content is None:
            problems.append(_refused(place, member, member.problem or "it cannot be read"))
            continue
        stem = member.name.rpartition("/")[2].partition(".")[0]
        if f"{member.name.rpartition('/')[0]}/{stem}" != key:
            key = f"{member.name.rpartition('/')[0]}/{stem}"
            seen.clear()
        if member.name.lower() in seen:  # the library would stop the shard
            problems.append(_refused(place, member, "occurs twice in its sample; the first one counts"))
            continue
        seen.add(member.name.lower())
        yield {"fname": member.name, "data": member.content, "__url__": shard}


def _refused(place: Path, member: Member, problem: str) -> SourceItem:
    source = ImageSource(place, member.name or "")
    return SourceItem(source, problem=f"{source}: {problem}")


def _items(place: Path, sample: Mapping[str, Any]) -> Iterator[SourceItem]:
    key = sample["__key__"]
    images = sorted(ending for ending in sample if has_image_ending(f"x.{ending}"))
    try:
        metadata = _metadata(sample)
    except DatasetError as error:
        yield SourceItem(ImageSource(place, key), problem=f"{place}!{key}: {error}")
        return
    if not images:
        held = ", ".join(sorted(ending for ending in sample if not ending.startswith("__")))
        problem = f"{place}!{key}: expected an image in the sample, it holds {held}"
        yield SourceItem(ImageSource(place, key), problem=problem)
    for ending in images:
        yield SourceItem(ImageSource(place, f"{key}.{ending}"), metadata, content=sample[ending])


def _metadata(sample: Mapping[str, Any]) -> Metadata:
    fields: dict[str, object] = {}
    if "txt" in sample:
        fields["text"] = sample["txt"].decode("utf-8", "surrogateescape")
    if "json" in sample:
        try:
            document = json.loads(sample["json"])
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"expected a JSON object beside the image: {error}") from error
        if not isinstance(document, dict):
            raise DatasetError(f"expected a JSON object beside the image, got {type(document).__name__}")
        fields.update(document)
    return read_metadata(fields)
