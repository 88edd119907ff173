"""``attrieve serve``: a gallery's page and REST interface."""

import webbrowser
from logging.config import dictConfig
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.errors import ConfigurationError


@exits_on_error
def serve(
    gallery: Annotated[
        Path | None, typer.Argument(help="Gallery folder; may stand in the settings file instead.")
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on. Others than this machine's own need accounts and HTTPS.",
            show_default="127.0.0.1",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.", show_default="8000"),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Run folder whose model filled the gallery; for heat maps and for adding images.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Folder for accounts, ledger, jobs and cases.",
            show_default="GALLERY-service beside the gallery",
        ),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(help="TOML file with these and all other settings.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that answer requests and share the gallery.", show_default="1"),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open-browser", help="Open the page in the browser of this machine.")
    ] = False,
    json_logs: Annotated[
        bool, typer.Option("--json-logs", help="Log lines as JSON, one object a line, on the error stream.")
    ] = False,
) -> None:
    """Serve a gallery: a page to search it with, and a REST interface for programs.

    Everything runs on this machine and nothing is fetched from elsewhere. Without further settings only this
    machine can reach it, and whoever uses the machine may do everything. A settings file (--settings) or
    variables such as ATTRIEVE_PORT say more; docs/service-settings.md lists them. Ctrl-C stops it when
    running requests are finished.

    Example: attrieve serve gallery --run runs/full --open-browser
    """
    given = {
        "gallery": gallery,
        "host": host,
        "port": port,
        "run": run,
        "state": state,
        "workers": workers,
        "json_logs": True if json_logs else None,
    }
    try:
        from attrieve.gallery.manifest_file import require_folder
        from attrieve.serving.kernel_cache import place_kernels
        from attrieve.serving.log_lines import logging_configuration
        from attrieve.serving.settings import read_settings

        read = read_settings(given, file=settings)
        dictConfig(logging_configuration(as_json=read.json_logs))
        require_folder(read.gallery)
        place_kernels(read.state_folder)
        from attrieve.serving.server import serve as listen
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the service needs the package {error.name!r}; install it with: pip install 'attrieve[serve]'"
        ) from error
    console = Console(highlight=False, soft_wrap=True)

    def tell(address: str) -> None:
        console.print(f"attrieve listens on {address} - Ctrl-C stops it", markup=False)
        if open_browser:
            webbrowser.open(address)

    try:
        listen(read, listening=tell)
    except KeyboardInterrupt:  # uvicorn has finished everything and hands the signal on
        raise typer.Exit(0) from None
