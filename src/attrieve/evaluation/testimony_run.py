"""From what a model says of validation and test people to the document of ``attrieve testimony``."""

from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Float, Int8
from numpy import ndarray
from torch import Tensor

from attrieve.evaluation.protocol import Protocol, build_task
from attrieve.evaluation.testimony_calibration import calibration_facts
from attrieve.evaluation.testimony_choice import ChosenScores, choose_scores
from attrieve.evaluation.testimony_distances import SeenPeople, distances_of
from attrieve.evaluation.testimony_report import Interrogation, interrogate, questions
from attrieve.models.query_side import QuerySide


def document_of_testimony(
    validation: SeenPeople,
    test: SeenPeople,
    query: QuerySide,
    *,
    shift: Float[Tensor, " attribute"],
    train_values: Int8[ndarray, "train attribute"],
    seed: int = 0,
    draws: int = 3,
    counts: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Fit and choose on validation people, ask witnesses of the test people, and return all answers.

    Args:
        validation: the model did not learn from; all that is fitted or chosen is by them.
        test: only measured on.
        query: of the model.
        shift: undoes the weights of the training loss; zeros where there were none.
        train_values: of the training images, to tell seen queries.
        seed: of everything drawn.
        draws: see :class:`~attrieve.evaluation.testimony_report.Interrogation`.
        counts: numbers of named attributes; all by default.
        progress: called with steps done since the last call and the number of all steps.

    Raises:
        InputError: if the people are too few to fit on or to ask about.
    """
    chosen = choose_scores(validation, query, shift, seed=seed)
    task = build_task(Protocol.UNIQUE, train_values=train_values, test_values=test.values.numpy())
    rate = query.positive_rate.cpu().numpy()
    case = Interrogation(
        task, distances_of(chosen.fitted.mend(test), query, chosen.fitted), rate, seed=seed, draws=draws
    )
    steps = questions(case, None if counts is None else len(counts))
    told = progress or (lambda _done, _all: None)
    return {
        "draws": draws,
        "fit": fit_facts(chosen, len(validation.values)),
        "calibration": calibration_facts(test, chosen.fitted),
        **interrogate(case, counts=counts, progress=lambda done: told(done, steps)),
    }


def fit_facts(chosen: ChosenScores, people: int) -> dict[str, Any]:
    """Return what was fitted and chosen on validation people."""
    joint = chosen.fitted.joint
    return {
        "people": people,
        "joint_ridge": joint.ridge,
        "joint_losses": {str(ridge): round(loss, 5) for ridge, loss in joint.losses.items()},
        "curve_methods": list(chosen.fitted.curves.methods),
        "temperature": chosen.fitted.temperature,
        "ranking_weights": {
            "wanted": [round(weight, 3) for weight in chosen.fitted.ranking.wanted.tolist()],
            "unwanted": [round(weight, 3) for weight in chosen.fitted.ranking.unwanted.tolist()],
        },
        "joined_likelihood": chosen.fitted.base,
        "embedding_nats": chosen.fitted.nats,
        "embedding_power": chosen.fitted.power,
        "best_full": chosen.best_full,
        "best_partial": chosen.best_partial,
        "best_doubtful": chosen.best_doubtful,
        "validation_map_full": {name: round(value, 3) for name, value in chosen.full.items()},
        "validation_map_partial": {name: round(value, 3) for name, value in chosen.partial.items()},
        "validation_map_doubtful": {name: round(value, 3) for name, value in chosen.doubtful.items()},
    }
