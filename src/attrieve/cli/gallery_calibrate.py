"""``attrieve gallery calibrate``: bring a run's calibration to a gallery it filled."""

from pathlib import Path
from typing import Annotated

import typer

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, GalleryFolder, print_json


@exits_on_error
def calibrate_command(
    gallery: GalleryFolder,
    run: Annotated[
        Path, typer.Option(help="Calibrated run folder that filled the gallery.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Give a gallery the calibration of its run, so that hits have probabilities; nothing is indexed again.

    Example: attrieve gallery calibrate gallery --run runs/multi-task
    """
    from attrieve.errors import InputError
    from attrieve.gallery.calibrating import calibrate_gallery
    from attrieve.models.checkpoint import CALIBRATION_FILE, load_calibration, parse_config, read_config

    _, schema, _ = parse_config(read_config(run), run)
    calibration = load_calibration(run, schema)
    if calibration is None:
        raise InputError(
            f"{run} holds no {CALIBRATION_FILE}; run `attrieve calibrate {run} --data DIR` first"
        )
    name = calibrate_gallery(gallery, calibration)
    if as_json:
        told = {"gallery": str(gallery), "run": {"name": name, "fingerprint": calibration.model}}
        print_json({**told, "facts": dict(calibration.facts)})
        return
    typer.echo(f"{gallery} is calibrated as run {name} ({calibration.model})")
