"""``attrieve retention``: letting go of what is old."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, Yes, confirm, print_json
from attrieve.cli.state_folder import service_packages

app = typer.Typer(help="Remove rows, entries of the ledger and jobs by age.", no_args_is_help=True)


@app.callback()
def _retention() -> None:
    """Remove rows, entries of the ledger and jobs by age."""


@app.command("run")
@exits_on_error
def run(
    gallery: Annotated[
        Path | None, typer.Argument(help="Gallery folder; may stand in the settings file instead.")
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with the service's settings: row_days, ledger_days, job_days.",
            show_default=False,
        ),
    ] = None,
    row_days: Annotated[
        int | None, typer.Option(min=1, help="Days rows of the gallery are kept.", show_default=False)
    ] = None,
    ledger_days: Annotated[
        int | None, typer.Option(min=1, help="Days entries of the ledger are kept.", show_default=False)
    ] = None,
    job_days: Annotated[
        int | None, typer.Option(min=1, help="Days jobs that have ended are kept.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell how many it would be.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is older than the settings say, now; a running service does it once an hour.

    Rows leave with everything the service keeps of them; their bytes leave the disk when the gallery is
    compacted. Each removal stands in the ledger.

    Example: attrieve retention run gallery --row-days 30 --ledger-days 365 --dry-run
    """
    with service_packages():
        from attrieve.serving.access.roles import local_actor
        from attrieve.serving.retention import Retention
        from attrieve.serving.settings import read_settings
        from attrieve.serving.state.ledger import Ledger
    ages = {"row_days": row_days, "ledger_days": ledger_days, "job_days": job_days}
    read = read_settings({"gallery": gallery, **ages}, file=settings)
    if not read.ages:
        raise typer.BadParameter(
            "no age is set: give --row-days, --ledger-days or --job-days, or set them in the settings"
        )
    retention = Retention.of_state(read, Ledger.open(read.state_folder))
    done = retention.due()
    if not dry_run and done:
        confirm(f"Remove {done}?", yes=yes)
        done = retention.run(local_actor())
    if as_json:
        print_json({**asdict(done), "dry_run": dry_run})
        return
    told = "would be removed" if dry_run else "removed"
    Console(highlight=False).print(f"{done} {told}")
