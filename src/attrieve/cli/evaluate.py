"""``attrieve evaluate``: recognition and retrieval metrics of a run, all protocols side by side."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error


@exits_on_error
def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    data: Annotated[Path, typer.Option(help="Data folder the run was trained from, or another with labels.")],
    protocols: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol", help="unique, categories, representative_removed, per_image; all by default."
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Another split than the run's own.")] = None,
    flip: Annotated[bool, typer.Option(help="Also look at mirrored images and average.")] = False,
    graded: Annotated[bool, typer.Option(help="Also compute the graded metric mADM.")] = True,
    record: Annotated[
        Path | None, typer.Option(help="Also write a result record, e.g. results/peta-cpu/NAME.json.")
    ] = None,
    subgroups: Annotated[
        Path | None,
        typer.Option(
            help="Also write a record of errors by gender and age group, e.g. results/subgroups.json."
        ),
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for decoded images.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps, or auto.")] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Measure a run on the test part of its split and write metrics.json into the run folder.

    Every retrieval protocol is reported for each branch alone and for their fusion, with queries whose
    description occurs in training apart from those that do not.

    Example: attrieve evaluate runs/multi-task --data PETA
    """
    from attrieve.cli.index import choose_device
    from attrieve.evaluation.record import write_record

    console = Console(stderr=True)
    measured = evaluate_run(
        run,
        data,
        protocols=protocols,
        split=split,
        flip=flip,
        graded=graded,
        cache=cache,
        device=str(choose_device(device)),
        console=console,
    )
    result, report, found = measured.result, measured.report, None
    command = "attrieve " + " ".join(sys.argv[1:])
    if subgroups is not None:
        found, content = subgroup_record(measured)
        write_record(subgroups, content, command=command)
    write_record(run / "metrics.json", result, command=command)
    if record is not None:
        write_record(record, result, command=command)
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        from attrieve.evaluation.report import report_table

        # a table of twelve columns is unreadable at the 80 that a pipe gets by default
        wide = Console(width=None if sys.stdout.isatty() else 140)
        wide.print(report_table(report))
        if found is not None:
            from attrieve.evaluation.subgroups import subgroup_table

            wide.print(subgroup_table(found))


def evaluate_run(
    run: Path,
    data: Path,
    *,
    protocols: list[str] | None = None,
    split: str | None = None,
    flip: bool = False,
    graded: bool = True,
    cache: Path | None = None,
    device: str = "cpu",
    console: Console,
) -> Any:
    """Return the :class:`~attrieve.reproduction.measure.Measurement` of a run.

    Raises:
        AttrieveError: if the run, the data or a protocol name cannot be used.
    """
    from rich.progress import Progress

    from attrieve.cli.people import load_run
    from attrieve.evaluation.protocol import Protocol
    from attrieve.reproduction.measure import measure_run

    chosen = [choose_protocol(name) for name in protocols] if protocols else list(Protocol)
    loaded = load_run(run, data, split=split, cache=cache, device=device, console=console)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("describing test images", total=len(loaded.test))
        return measure_run(
            run,
            loaded.retriever,
            loaded.recipe,
            divided=loaded.divided,
            test=loaded.test,
            protocols=chosen,
            flip=flip,
            graded=graded,
            progress=lambda done: progress.update(task, completed=done),
        )


def subgroup_record(measured: Any) -> tuple[Any, dict[str, Any]]:
    """Return the errors of a measured run by gender and age group, and what a record of them holds.

    Raises:
        InputError: if the run or its vocabulary does not allow it.
    """
    from attrieve.evaluation.protocol import Protocol
    from attrieve.evaluation.subgroups import subgroup_errors

    distances = measured.report.retrieval.get(Protocol.UNIQUE, {})
    distance = "fused" if "fused" in distances else "attributes"
    found = subgroup_errors(measured.predictions, measured.report, distance=distance)
    kept = {name: measured.result[name] for name in ("name", "seed", "flip", "data")}
    content = {**kept, "distance": distance, "traits": [trait.to_json() for trait in found]}
    return found, content


def choose_protocol(name: str) -> Any:
    """Return the protocol of a name.

    Raises:
        UnknownNameError: with the nearest protocol.
    """
    from attrieve.errors import UnknownNameError
    from attrieve.evaluation.protocol import Protocol

    known = [protocol.value for protocol in Protocol]
    if name not in known:
        raise UnknownNameError("protocol", name, known)
    return Protocol(name)
