"""``attrieve case``: checking what was exported."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, print_json
from attrieve.cli.printable import printable
from attrieve.cli.state_folder import service_packages

app = typer.Typer(help="Check exported cases.", no_args_is_help=True)

MOST_LINES = 20


@app.callback()
def _case() -> None:
    """Check exported cases."""


@app.command("verify")
@exits_on_error
def verify(
    archive: Annotated[Path, typer.Argument(help="Zip archive a case was exported to.", show_default=False)],
    public_key: Annotated[
        str | None,
        typer.Option(
            help="The installation's, 64 digits, as its operator told it; without it, that in the archive.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that nothing in an exported case was changed, and who signed it.

    Exit code 1 if anything is not as it was exported. With the key in the archive alone, whoever changed the
    archive could have signed it anew: ask the operator for the key.

    Example: attrieve case verify case-2024-117-4.zip --public-key 3b6a27bc...
    """
    with service_packages():
        from attrieve.serving.cases.archive_check import check_archive
    found = check_archive(archive, public_key)
    if as_json:
        print_json(
            {
                "archive": str(archive),
                "clean": found.clean,
                "signed": found.signed,
                "public_key": found.public_key,
                "key_given": found.key_given,
                "files": found.files,
                "changed": list(found.changed),
                "missing": list(found.missing),
                "added": list(found.added),
            }
        )
    else:
        console = Console(highlight=False, soft_wrap=True, markup=False)
        for what, names in (("changed", found.changed), ("missing", found.missing), ("added", found.added)):
            for name in names[:MOST_LINES]:
                console.print(f"{what}: {printable(name)}")
            if len(names) > MOST_LINES:
                console.print(f"{what}: {len(names) - MOST_LINES} more")
        console.print(f"signature: {'good' if found.signed else 'NOT of this key'}, key {found.public_key}")
        if not found.key_given:
            console.print("the key is the archive's own; compare it with the one the operator tells you")
        verdict = "everything is as it was exported" if found.clean else "NOT as it was exported"
        console.print(f"{found.files} files: {verdict}")
    if not found.clean:
        raise typer.Exit(1)
