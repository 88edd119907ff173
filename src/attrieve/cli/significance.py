"""``attrieve significance``: which attributes help retrieval, and what perfect ones would reach."""

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error

if TYPE_CHECKING:
    from attrieve.data.splits import Split
    from attrieve.evaluation.attribute_significance import (
        AttributeEffect,
        PartialDistance,
    )
    from attrieve.evaluation.protocol import Protocol, RetrievalTask
    from attrieve.evaluation.report import Predictions
    from attrieve.models.retriever import Retriever


class Distance(StrEnum):
    """What persons are ranked by."""

    EUCLIDEAN = "euclidean"
    MANHATTAN = "manhattan"
    INDEPENDENT_LIKELIHOOD = "independent-likelihood"
    LIKELIHOOD = "likelihood"
    EMBEDDING = "embedding"


@exits_on_error
def significance(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    data: Annotated[Path, typer.Option(help="Data folder the run was trained from, or another with labels.")],
    distance: Annotated[Distance, typer.Option(help="What persons are ranked by.")] = Distance.EUCLIDEAN,
    draws: Annotated[int, typer.Option(min=1, help="Random choices of named attributes per query.")] = 10,
    split: Annotated[str | None, typer.Option(help="Another split than the run's own.")] = None,
    flip: Annotated[bool, typer.Option(help="Also look at mirrored images and average.")] = False,
    record: Annotated[
        Path | None,
        typer.Option(help="Also write a result record, e.g. results/paper-cpu/attribute-significance.json."),
    ] = None,
    figures: Annotated[Path | None, typer.Option(help="Also draw one SVG per question here.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for decoded images.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps, or auto.")] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Tell which attributes help retrieval, which hurt, and what perfect ones would reach.

    Each attribute in turn is left out of all descriptions; descriptions of 1 to all attributes are drawn;
    predictions are replaced by the truth. Queries are the distinct descriptions of the test part.

    Example: attrieve significance runs/multi-task --data PETA --figures figures
    """
    from attrieve.cli.index import choose_device
    from attrieve.data.files import write_together
    from attrieve.evaluation.attribute_figures import significance_figures
    from attrieve.evaluation.record import write_record

    console = Console(stderr=True)
    result = significance_of_run(
        run,
        data,
        distance=distance,
        draws=draws,
        split=split,
        flip=flip,
        cache=cache,
        device=str(choose_device(device)),
        console=console,
    )
    if record is not None:
        write_record(record, result, command="attrieve " + " ".join(sys.argv[1:]))
    if figures is not None:
        drawn = significance_figures(result)
        write_together({figures / name: svg.encode() for name, svg in drawn.items()})
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        _print_effects(result)


def significance_of_run(
    run: Path,
    data: Path,
    *,
    distance: Distance = Distance.EUCLIDEAN,
    draws: int = 10,
    split: str | None = None,
    flip: bool = False,
    cache: Path | None = None,
    device: str = "cpu",
    console: Console,
) -> dict[str, Any]:
    """Return the document of a run's attribute significance.

    Raises:
        AttrieveError: if run or data cannot be used, or the run lacks the branch the distance needs.
    """
    from attrieve.cli.people import load_run
    from attrieve.data.splits import category_labels
    from attrieve.evaluation.protocol import Protocol, build_task
    from attrieve.reproduction.measure import describe_test, looks_at_mirrored

    loaded = load_run(run, data, split=split, cache=cache, device=device, console=console)
    retriever, recipe, divided, test = loaded.retriever, loaded.recipe, loaded.divided, loaded.test
    _require_branch(retriever, distance)
    predictions = describe_test(run, retriever, recipe, test, flip=flip)
    train_values = divided.train.select(retriever.schema).values
    tasks = {
        protocol: build_task(
            protocol,
            train_values=train_values,
            test_values=test.values.numpy(),
            test_categories=category_labels(divided.test.values)[0],
        )
        for protocol in (Protocol.UNIQUE, Protocol.CATEGORIES)
    }
    return {
        "name": retriever.name,
        "seed": recipe.training.seed,
        "flip": looks_at_mirrored(recipe, flip),
        "backbone": recipe.model.backbone.name,
        "distance": distance.value,
        "data": _counts(divided),
        "queries": {protocol.value: len(task.query_values) for protocol, task in tasks.items()},
        "draws": draws,
        **_answers(retriever, predictions, tasks, distance, draws),
    }


def _answers(
    retriever: "Retriever",
    predictions: "Predictions",
    tasks: "dict[Protocol, RetrievalTask]",
    distance: Distance,
    draws: int,
) -> dict[str, Any]:
    from attrieve.evaluation import attribute_significance as questions
    from attrieve.evaluation.distances import recognition_distance
    from attrieve.evaluation.protocol import Protocol

    unique, schema = tasks[Protocol.UNIQUE], retriever.schema
    if distance is Distance.EMBEDDING:
        search = _embedding_search(retriever, predictions)
    else:
        assert predictions.probability is not None  # _require_branch has seen to it
        by_probability = recognition_distance(distance.value, schema, predictions.logit_shift)
        search = questions.recognition_search(predictions.probability, by_probability)
    curves = questions.by_named_count(search, unique, draws=draws)
    answers: dict[str, Any] = {
        "leave_one_out": [_effect(one) for one in questions.leave_one_out(search, unique, schema)],
        "named": asdict(curves),
    }
    if distance is not Distance.EMBEDDING and predictions.probability is not None:
        gains = questions.truth_gains(predictions.probability, unique, schema, by_probability)
        ceiling = questions.ceiling_curve(predictions.probability, tasks, gains, by_probability)
        answers["truth"] = [_effect(one) for one in gains]
        answers["ceiling"] = [
            {
                "attribute": point.attribute,
                "perfect": point.perfect,
                "scores": {
                    name.value: {"map": score.map, "rank1": score.rank1}
                    for name, score in point.scores.items()
                },
            }
            for point in ceiling
        ]
    return answers


def _effect(effect: "AttributeEffect") -> dict[str, Any]:
    return {**asdict(effect), "verdict": effect.verdict}


def _embedding_search(retriever: "Retriever", predictions: "Predictions") -> "PartialDistance":
    """Return the search by embeddings; open attributes are completed as in a gallery's search."""
    import torch

    from attrieve.gallery.completion import expected_embedding
    from attrieve.schema import AttributeQuery
    from attrieve.scoring.cosine import cosine_distance

    query_side = retriever.query.cpu()
    person = predictions.image_embedding
    assert person is not None  # _require_branch has seen to it

    def search(query: Any, certainty: Any) -> Any:
        asked = torch.where(certainty > 0, query, -1).to(torch.int8).tolist()
        described = [AttributeQuery.from_values(retriever.schema, values) for values in asked]
        embedded = [expected_embedding(one, query_side) for one in described]
        return cosine_distance(torch.cat([one for one in embedded if one is not None]), person)

    return search


def _require_branch(retriever: "Retriever", distance: Distance) -> None:
    from attrieve.errors import InputError

    settings = retriever.settings
    has_it = settings.embeds if distance is Distance.EMBEDDING else settings.recognises
    if not has_it:
        other = Distance.EUCLIDEAN if distance is Distance.EMBEDDING else Distance.EMBEDDING
        raise InputError(
            f"distance {distance.value!r} needs a branch that run {retriever.name!r} of kind "
            f"{retriever.kind!r} lacks; try --distance {other.value}"
        )


def _counts(divided: "Split") -> dict[str, Any]:
    return {
        "split": divided.name,
        "train_images": len(divided.train),
        "test_images": len(divided.test),
    }


def _print_effects(result: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=f"change in mAP when left out, {result['queries']['unique']} queries")
    for heading in ("attribute", "points", "from", "to", "it"):
        table.add_column(heading, justify="left" if heading in ("attribute", "it") else "right")
    for one in sorted(result["leave_one_out"], key=lambda one: one["change"]["mean"]):
        change = one["change"]
        numbers = [f"{change[part]:+.2f}" for part in ("mean", "low", "high")]
        table.add_row(one["attribute"], *numbers, one["verdict"])
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    for point in result["named"]["agreeing"]:
        console.print(
            f"{point['named']:3} named: mAP {point['map']['mean']:.1f}, Rank-1 {point['rank1']['mean']:.1f} "
            f"(by chance mAP {point['chance_map']:.1f})"
        )
    for point in result.get("ceiling", [])[-1:]:
        reached = ", ".join(f"{score['map']:.1f} ({name})" for name, score in point["scores"].items())
        console.print(f"ceiling of perfect attributes: mAP {reached}")
