"""``attrieve gallery reembed``, ``switch`` and ``drop-model``: a gallery under another model."""

from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.text import Text

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, GalleryFolder, Yes, confirm, print_json
from attrieve.cli.printable import printable
from attrieve.cli.progress import counting
from attrieve.errors import InputError, UnknownNameError
from attrieve.gallery.database.lance import open_table
from attrieve.gallery.database.manifest import DatabaseManifest, GalleryModel
from attrieve.gallery.database.writing import all_keys, open_database_writer

MOST_LINES = 20


@exits_on_error
def reembed(
    gallery: GalleryFolder,
    run: Annotated[str, typer.Argument(help="Run folder or hub name of the new model.", show_default=False)],
    batch: Annotated[int, typer.Option(min=1, help="Images described at once.")] = 64,
    workers: Annotated[int, typer.Option(min=1, help="Threads that read and decode.")] = 2,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps, or auto.")] = "auto",
    delete_unreadable: Annotated[
        bool,
        typer.Option(
            "--delete-unreadable",
            help="Delete rows whose image is gone or changed; else nothing is switched.",
        ),
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Describe every image again by a new model, then search by that one.

    Meanwhile the gallery is searched by the old model. A run that was stopped is continued by starting it
    again. The old vectors stay until drop-model; switch goes back to them.

    Example: attrieve gallery reembed gallery runs/better
    """
    from attrieve.cli.index import choose_device
    from attrieve.gallery.index_progress import IndexProgress
    from attrieve.gallery.pipeline import PipelineSettings
    from attrieve.gallery.reembed import reembed_gallery
    from attrieve.models.retriever import Retriever

    chosen = choose_device(device)
    manifest = DatabaseManifest.read(gallery)
    if delete_unreadable:
        confirm(f"Delete rows of {gallery} whose image is gone or changed?", yes=yes)
    retriever = Retriever.from_pretrained(run)
    total = open_table(gallery, manifest.model.table).count_rows()
    seen = 0
    with counting("describing", total, "images") as advance:

        def show(progress: IndexProgress) -> None:
            nonlocal seen
            advance(progress.done - seen)
            seen = progress.done

        summary = reembed_gallery(
            retriever,
            gallery,
            settings=PipelineSettings(batch=batch, workers=workers),
            device=chosen,
            delete_unreadable=delete_unreadable,
            progress=show,
        )
    if as_json:
        print_json(
            {
                "gallery": str(gallery),
                "described": summary.described,
                "described_before": summary.before,
                "deleted": summary.deleted,
                "left": [{"source": str(source), "reason": reason} for source, reason in summary.left],
                "finished": summary.finished,
                "active": DatabaseManifest.read(gallery).active,
                "seconds": summary.seconds,
            }
        )
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(
            f"{summary.described:,} images described, {summary.before:,} before, {summary.deleted:,} rows "
            f"deleted; {summary.seconds:.1f} s"
        )
        for _, reason in summary.left[:MOST_LINES]:
            console.print(Text(printable(reason), style="red"))
        if summary.left:
            console.print(
                f"{len(summary.left):,} images cannot be described again, the old model is still searched; "
                "bring them back and run this again, or add --delete-unreadable"
            )
        else:
            console.print(f"searched by {retriever.name} ({retriever.fingerprint}) now", markup=False)
    if not summary.finished:
        raise typer.Exit(1)


@exits_on_error
def switch(
    gallery: GalleryFolder,
    model: Annotated[
        str, typer.Argument(help="Name or fingerprint of one of its models.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Search by another model the gallery holds, for example the old one after reembed.

    Rows that came after that model was filled are not found until reembed has described them.

    Example: attrieve gallery switch gallery multi-task
    """
    with open_database_writer(gallery) as writer:
        chosen = find_model(writer.manifest, model)
        missing = 0
        if chosen != writer.model:
            here = all_keys(open_table(gallery, writer.model.table))
            writer.switch_model(chosen.fingerprint)
            missing = len(np.setdiff1d(here, all_keys(open_table(gallery, chosen.table))))
        rows = len(writer)
    if as_json:
        print_json({"gallery": str(gallery), "active": chosen.fingerprint, "rows": rows, "missing": missing})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"searched by {chosen.name} ({chosen.fingerprint}) now: {rows:,} rows", markup=False)
    if missing:
        console.print(f"{missing:,} rows of the other model are not among them", style="yellow")


@exits_on_error
def drop_model(
    gallery: GalleryFolder,
    model: Annotated[
        str, typer.Argument(help="Name or fingerprint of one of its models.", show_default=False)
    ],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Forget a model and its vectors; not the one that is searched.

    Example: attrieve gallery drop-model gallery multi-task
    """
    chosen = find_model(DatabaseManifest.read(gallery), model)
    confirm(f"Forget model {chosen.name!r} ({chosen.fingerprint}) and its vectors?", yes=yes)
    with open_database_writer(gallery) as writer:
        writer.drop_model(chosen.fingerprint)
        left = [other.fingerprint for other in writer.manifest.models]
    if as_json:
        print_json({"gallery": str(gallery), "dropped": chosen.fingerprint, "models": left})
    else:
        told = f"{chosen.name} ({chosen.fingerprint}) is forgotten"
        Console(highlight=False, soft_wrap=True).print(told, markup=False)


def find_model(manifest: DatabaseManifest, name: str) -> GalleryModel:
    """Return the model of a gallery with this fingerprint or, if only one has it, this name.

    Raises:
        UnknownNameError: with the models there are.
        InputError: if several have the name.
    """
    found = [model for model in manifest.models if model.fingerprint == name]
    found = found or [model for model in manifest.models if model.name == name]
    if not found:
        known = [word for model in manifest.models for word in (model.name, model.fingerprint)]
        raise UnknownNameError("model of the gallery", name, dict.fromkeys(known))
    if len(found) > 1:
        listed = ", ".join(model.fingerprint for model in found)
        raise InputError(f"{len(found)} models are named {name!r}; give a fingerprint: {listed}")
    return found[0]
