"""``attrieve gallery``: care for a gallery."""

import typer

from attrieve.cli.gallery_build_index import build_index_command
from attrieve.cli.gallery_calibrate import calibrate_command
from attrieve.cli.gallery_exchange import export_command, import_command
from attrieve.cli.gallery_look import info, rows, verify
from attrieve.cli.gallery_models import drop_model, reembed, switch
from attrieve.cli.gallery_removal import compact, delete
from attrieve.cli.gallery_synthesize import synthesize_command

app = typer.Typer(
    help="Look after a gallery: what it holds, whether it is sound, what leaves it.", no_args_is_help=True
)


@app.callback()
def _gallery() -> None:
    """Look after a gallery: what it holds, whether it is sound, what leaves it."""


app.command("info")(info)
app.command("rows")(rows)
app.command("verify")(verify)
app.command("delete")(delete)
app.command("compact")(compact)
app.command("build-index")(build_index_command)
app.command("calibrate")(calibrate_command)
app.command("export")(export_command)
app.command("import")(import_command)
app.command("reembed")(reembed)
app.command("switch")(switch)
app.command("drop-model")(drop_model)
app.command("synthesize")(synthesize_command)
