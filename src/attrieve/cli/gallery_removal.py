"""``attrieve gallery delete`` and ``compact``: what leaves a gallery."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import (
    AsJson,
    GalleryFolder,
    Yes,
    confirm,
    print_json,
    read_duration,
    size,
)
from attrieve.gallery.database.filters import Condition, Filter, Operator
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.lance import row_ids
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.writing import (
    KEEP_VERSIONS,
    DatabaseWriter,
    older_than,
    open_database_writer,
)
from attrieve.gallery.description import folder_bytes
from attrieve.gallery.search_cache import remake_search_columns


@exits_on_error
def delete(
    gallery: GalleryFolder,
    key: Annotated[
        list[str] | None, typer.Option(help="Key of a row; may be given often.", show_default=False)
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Rows that meet this, e.g. camera=C1,C2 or 'time<2024-01-01'; several must all hold.",
            show_default=False,
        ),
    ] = None,
    older: Annotated[
        timedelta | None,
        typer.Option(
            "--older-than",
            parser=read_duration,
            metavar="DURATION",
            help="Rows taken longer ago than 12h, 30d, 8w; without a time, indexed longer ago.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell how many rows it would be.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete rows by key, by conditions or by age; searching forgets them at once.

    Their bytes leave the disk when the gallery is compacted. The images themselves are not touched.

    Example: attrieve gallery delete gallery --older-than 30d --dry-run
    """
    if sum(bool(given) for given in (key, where, older is not None)) != 1:
        raise typer.BadParameter("give one of --key, --where and --older-than")
    count, act = _chosen(gallery, key or [], where or [], older)
    if not dry_run and count:
        confirm(f"Delete {count:,} rows of {gallery}?", yes=yes)
        with open_database_writer(gallery) as writer:
            count = act(writer)
    left = len(GallerySnapshot.open(gallery))
    if as_json:
        print_json({"gallery": str(gallery), "deleted": count, "dry_run": dry_run, "rows": left})
        return
    told = f"{count:,} rows would be deleted" if dry_run else f"{count:,} rows deleted"
    Console(highlight=False).print(f"{told}, the gallery holds {left:,}")


def _chosen(
    gallery: Path, keys: list[str], where: list[str], age: timedelta | None
) -> tuple[int, Callable[[DatabaseWriter], int]]:
    """Return how many rows are meant, and what deletes them."""
    snapshot = GallerySnapshot.open(gallery)
    if age is not None:
        try:
            moment = datetime.now(UTC) - age
        except OverflowError:
            raise typer.BadParameter("that is before time began", param_hint="--older-than") from None
        return len(row_ids(snapshot.table, older_than(moment))), lambda writer: writer.delete_older_than(
            moment
        )
    if keys:
        key_numbers(keys)
        wanted = Filter((Condition("key", Operator.EQUAL, tuple(keys)),))
    else:
        wanted = snapshot.parse(where)
    return len(snapshot.select(wanted)), lambda writer: writer.delete_where(wanted)


@exits_on_error
def compact(
    gallery: GalleryFolder,
    keep_versions: Annotated[
        timedelta | None,
        typer.Option(
            parser=read_duration,
            metavar="DURATION",
            help="Leave versions younger than this to readers that have them open; 0 keeps none.",
            show_default="1h",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Merge small fragments, and free the disk of deleted rows and old versions.

    Safe while others search; with --keep-versions 0 they must open the gallery anew.

    Example: attrieve gallery compact gallery --keep-versions 1h
    """
    with open_database_writer(gallery) as writer:
        before = folder_bytes(gallery)
        writer.compact(keep_versions=KEEP_VERSIONS if keep_versions is None else keep_versions)
        remake_search_columns(gallery)
        after = folder_bytes(gallery)
    if as_json:
        print_json({"gallery": str(gallery), "bytes_before": before, "bytes": after})
    else:
        Console(highlight=False).print(f"{size(before)} before, {size(after)} now")
