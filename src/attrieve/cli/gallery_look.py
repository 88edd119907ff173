"""``attrieve gallery info``, ``rows`` and ``verify``: looking without changing."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, GalleryFolder, Where, Yes, confirm, print_json, size
from attrieve.cli.printable import printable
from attrieve.cli.progress import counting
from attrieve.gallery.database.lance import open_table, table_path
from attrieve.gallery.database.manifest import DatabaseManifest
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.database.verify import VerifyReport, drop_damaged, verify_database
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.description import GalleryFacts, describe_gallery

MOST_CAMERAS = 12
MOST_LINES = 20
"""What is shown to people before the rest is only counted; --json holds everything."""


@exits_on_error
def info(gallery: GalleryFolder, as_json: AsJson = False) -> None:
    """Sum up a gallery: rows, models, columns, disk, times, cameras, quality, quarantine.

    Example: attrieve gallery info gallery
    """
    facts = describe_gallery(gallery)
    if as_json:
        print_json(facts.to_json())
    else:
        _print_facts(facts, Console(highlight=False))


def _print_facts(facts: GalleryFacts, console: Console) -> None:
    console.print(Text(f"{printable(str(facts.folder))}: {facts.rows:,} rows"))
    console.print(_models_table(facts))
    table = Table(show_header=False)
    table.add_column("what", no_wrap=True)
    table.add_column("value", overflow="fold")
    for what, value in _facts(facts):
        table.add_row(what, Text(printable(value)))
    console.print(table)


def _models_table(facts: GalleryFacts) -> Table:
    table = Table(title="models", title_justify="left")
    for name in ("name", "fingerprint", "state", "vocabulary"):
        table.add_column(name, overflow="fold")
    for name in ("width", "rows", "fragments", "versions", "disk"):
        table.add_column(name, justify="right")
    for known in facts.models:
        model = known.model
        state = "searched" if known.active else model.state.value
        words = (model.name, model.fingerprint, state, model.schema.name)
        width = "none" if model.embedding_dim is None else str(model.embedding_dim)
        numbers = [f"{number:,}" for number in (known.rows, known.fragments, known.versions)]
        table.add_row(*(Text(printable(word)) for word in words), width, *numbers, size(known.bytes_on_disk))
    return table


def _facts(facts: GalleryFacts) -> list[tuple[str, str]]:
    cameras = [f"{name} {count:,}" for name, count in list(facts.cameras.items())[:MOST_CAMERAS]]
    if len(facts.cameras) > MOST_CAMERAS:
        cameras.append(f"and {len(facts.cameras) - MOST_CAMERAS} more")
    if facts.without_camera:
        cameras.append(f"unknown {facts.without_camera:,}")
    if facts.first_time is None or facts.last_time is None:
        span = "unknown"
    else:
        span = f"{facts.first_time:%Y-%m-%d %H:%M:%S} to {facts.last_time:%Y-%m-%d %H:%M:%S} UTC"
        span += f", unknown {facts.without_time:,}" if facts.without_time else ""
    quality = [
        (f"{name}", f"{spread.least:.4g} to {spread.most:.4g}, median {spread.median:.4g}")
        for name, spread in facts.quality.items()
    ]
    return [
        ("time", span),
        (f"cameras ({len(facts.cameras)})", ", ".join(cameras) or "unknown"),
        *quality,
        ("calibrated", _calibrated(facts)),
        ("thumbnails", "kept" if facts.thumbnails else "not kept"),
        ("own columns", ", ".join(f"{name} ({facts.columns[name]})" for name in facts.own) or "none"),
        ("quarantine", f"{facts.quarantined:,} images"),
        (
            "disk",
            f"{size(facts.bytes_on_disk)}, of that {size(facts.search_bytes)} to start searches fast and "
            f"{size(facts.query_side_bytes)} to read descriptions",
        ),
    ]


def _calibrated(facts: GalleryFacts) -> str:
    if any(known.active and known.calibrated for known in facts.models):
        return "yes: hits say how probable it is that they match"
    return "no: `attrieve calibrate RUN --data DIR`, then `attrieve gallery calibrate GALLERY --run RUN`"


@exits_on_error
def rows(
    gallery: GalleryFolder,
    where: Where = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List rows, all or those that meet conditions.

    Example: attrieve gallery rows gallery --where camera=C1 --where "time>=2024-01-01" --limit 50
    """
    snapshot = GallerySnapshot.open(gallery)
    ids = snapshot.select(snapshot.parse(where or []))
    listed = snapshot.rows_at(ids[:limit])
    if as_json:
        print_json(
            {"gallery": str(gallery), "matching": len(ids), "rows": [row_to_json(row) for row in listed]}
        )
        return
    console = Console(highlight=False)
    console.print(_rows_table(listed))
    if len(ids) > len(listed):
        console.print(f"{len(listed):,} of {len(ids):,} rows; --limit shows more")


def row_to_json(row: GalleryRow) -> dict[str, Any]:
    """Return a row as plain JSON values, without its thumbnail."""
    moments = {"time": row.time, "indexed_at": row.indexed_at}
    user = {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.user.items()
    }
    return {
        "key": row.key,
        "source": str(row.source),
        "camera": row.camera,
        "frame": row.frame,
        "track": row.track,
        **{name: None if moment is None else moment.isoformat() for name, moment in moments.items()},
        "box": None if row.box is None else row.box._asdict(),
        "measures": None if row.measures is None else asdict(row.measures),
        "user": user,
    }


def _rows_table(listed: list[GalleryRow]) -> Table:
    own = list(listed[0].user) if listed else []
    table = Table()
    table.add_column("key", no_wrap=True)
    table.add_column("image", overflow="fold")
    for name in ("camera", "time", "size", "blur", *own):
        table.add_column(name, overflow="fold")
    for row in listed:
        source = str(row.source) + ("" if row.frame is None else f" frame {row.frame}")
        measured = row.measures
        cells = [
            row.key,
            source,
            row.camera or "",
            "" if row.time is None else f"{row.time:%Y-%m-%d %H:%M:%S}",
            "" if measured is None else f"{measured.width}x{measured.height}",
            "" if measured is None else f"{measured.blur:.0f}",
            *("" if row.user[name] is None else str(row.user[name]) for name in own),
        ]
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


@exits_on_error
def verify(
    gallery: GalleryFolder,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Also read every image and compare it with its row.")
    ] = True,
    drop: Annotated[
        bool,
        typer.Option(
            "--drop-damaged", help="Delete the rows of damaged fragments, so that indexing brings them back."
        ),
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Read everything a gallery holds and tell what is not as it was written.

    Every row can be read, vectors are those that were written, keys are there once, models agree, images
    lie where they lay. Exit code 1 if anything is found. Searching passes over damaged fragments.

    Example: attrieve gallery verify gallery --no-images
    """
    with counting("verifying", _rows_to_verify(DatabaseManifest.read(gallery), gallery, images)) as progress:
        report = verify_database(gallery, images=images, progress=progress)
    dropped = 0
    if drop and report.damaged:
        lost = sum(damage.rows for damage in report.damaged)
        confirm(f"Delete the {lost:,} rows of {len(report.damaged)} damaged fragments?", yes=yes)
        with open_database_writer(gallery):
            dropped = drop_damaged(gallery, report.damaged)
    if as_json:
        print_json(_report_to_json(report, str(gallery), dropped))
    else:
        _print_report(report, dropped)
    if not report.clean:
        raise typer.Exit(1)


def _rows_to_verify(manifest: DatabaseManifest, gallery: GalleryFolder, images: bool) -> int | None:
    """Return how many rows will be looked at, or None if that cannot be told yet."""
    try:
        counts = {
            model.fingerprint: open_table(gallery, model.table).count_rows()
            for model in manifest.models
            if table_path(gallery, model.table).is_dir()
        }
    except Exception:  # whatever is damaged, verifying will tell
        return None
    return sum(counts.values()) + (counts.get(manifest.active, 0) if images else 0)


def _report_to_json(report: VerifyReport, gallery: str, dropped: int) -> dict[str, Any]:
    return {
        "gallery": gallery,
        "clean": report.clean,
        "rows": report.rows,
        "damaged": [asdict(damage) for damage in report.damaged],
        "problems": list(report.problems),
        "images": [asdict(problem) for problem in report.images],
        "dropped": dropped,
    }


def _print_report(report: VerifyReport, dropped: int) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{report.rows:,} rows are sound")
    lines = report.lines()
    for line in lines[:MOST_LINES]:
        console.print(Text(printable(line), style="red"))
    if len(lines) > MOST_LINES:
        console.print(f"and {len(lines) - MOST_LINES:,} more; --json lists all")
    if dropped:
        console.print(f"{dropped:,} rows of damaged fragments were deleted; index their images again")
    elif report.damaged:
        console.print("the rest is searched; --drop-damaged deletes what is damaged, to be indexed again")
