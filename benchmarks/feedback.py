"""What marks are worth: simulated users mark the first ten hits, and the rest of the gallery is ranked anew.

A witness describes a person of the test set: some attributes, what is remarkable first, a share of the
answers wrong (:mod:`attrieve.evaluation.testimony`). The ten nearest rows are marked truthfully, or every
tenth mark is wrong. Right is, in turn,

* ``sought``: a row whose attributes all equal those of the person described;
* ``described``: a row that has, in truth, the named attributes of that person.

The marked rows leave the gallery (residual collection: Chang, Cirillo and Razon, "Evaluation of feedback
retrieval using modified freezing, residual collection, and test and control groups", 1971), and both
rankings, before and after, are scored over the same rest. Half of PETA's test categories of three images and
more chose methods and constants; the tables tell of all others. Descriptions of one category are averaged
first; intervals are by bootstrap over categories.

    python benchmarks/feedback.py --people PETA RUN DATA --people "drawn people" RUN DATA [--json] [--write]

RUN is a multi-task run, DATA the folder of its people; the record keeps what it holds of other people. Takes
some minutes of one processor core for each.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.console import Console

from attrieve.cli.people import load_run
from attrieve.evaluation.predict import predict
from attrieve.evaluation.significance import bootstrap_interval
from attrieve.evaluation.testimony import Choice, errors, speak, speaking_order
from attrieve.gallery.asked import asked_columns
from attrieve.gallery.completion import known_categories
from attrieve.gallery.database.keys import key_numbers
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.search_columns import SearchColumns
from attrieve.gallery.store import Gallery
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery
from feedback_methods import METHODS, Asking, Judged, plain
from measure import machine

RESULT = Path(__file__).parents[1] / "results" / "benchmark-feedback.json"
MARKED = 10
CHOSEN_ON = "PETA"
"""Methods and constants were chosen on half of these people's categories."""
LEAST_RELEVANT = 3
FUSION = (0.2, 1.0)
"""Weights of attributes and embedding, each divided by its largest distance: the paper's."""
CASES = ((8, 0.0), (8, 0.1), (16, 0.1), (35, 0.1))
"""Named attributes and share of wrong answers."""


@dataclass(frozen=True, eq=False)
class People:
    """A test set as a model sees it.

    Args:
        gallery: in memory, row i with key i.
        probability: of each attribute.
        embedding: of length 1.
        values: the truth, 0 or 1.
        category: number of each row's full attribute vector.
    """

    gallery: Gallery
    probability: Float[np.ndarray, "row attribute"]
    embedding: Float[np.ndarray, "row dim"]
    values: np.ndarray
    category: np.ndarray

    @classmethod
    def of(
        cls, query_side: QuerySide, probability: np.ndarray, embedding: np.ndarray, values: np.ndarray
    ) -> "People":
        """Put predictions into a gallery."""
        vectors = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
        keys = key_numbers([f"{row:016x}" for row in range(len(values))])
        columns = SearchColumns.of(Vectors(vectors.astype(np.float32), probability.astype(np.float32)), keys)
        model = GalleryModel.of_query_side(query_side, "run", "0" * 16)
        gallery = Gallery(Path("memory"), model, query_side, columns, store=None)  # type: ignore[arg-type]
        category = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
        return cls(gallery, probability.astype(np.float64), vectors.astype(np.float64), values, category)

    def distances(self, query: AttributeQuery, asking: Asking) -> Float[np.ndarray, " row"]:
        """Return the fused distance of every row, each part divided by its largest."""
        cost = [
            weight * (column.wanted - self.probability[:, list(column.attributes)].max(axis=1)) ** 2
            for column, weight in zip(asked_columns(query), asking.weight, strict=True)
        ]
        by_attribute, by_embedding = np.sqrt(np.sum(cost, axis=0)), 1 - self.embedding @ asking.embedding
        return np.asarray(
            FUSION[0] * by_attribute / by_attribute.max() + FUSION[1] * by_embedding / by_embedding.max()
        )


def load_people(run: str, data: str, cache: Path | None) -> People:
    """Describe the test people of a run."""
    console = Console(stderr=True)
    loaded = load_run(Path(run), Path(data), split=None, cache=cache, device="cpu", console=console)
    found = predict(loaded.retriever, loaded.test.images)
    if found.probability is None or found.image_embedding is None:
        raise SystemExit(f"{run} is no multi-task run")
    known = (loaded.test.values >= 0).all(dim=1)
    side = loaded.retriever.query.cpu().eval()
    parts = (found.probability, found.image_embedding, loaded.test.values)
    return People.of(side, *(part[known].numpy() for part in parts))


def degrees_of_one_attribute(side: QuerySide) -> float:
    """Return the median angle between the embeddings of training categories that differ in one attribute."""
    values = known_categories(side).numpy()
    with torch.inference_mode():
        embedded = side.embed_queries(torch.from_numpy(values).float())
    if embedded is None:
        raise SystemExit("the comparison needs a model with an embedding")
    apart = values @ (1 - values).T
    one = np.triu(apart + apart.T == 1)
    cosine = np.clip((embedded @ embedded.T).numpy()[one], -1, 1)
    return float(np.median(np.degrees(np.arccos(cosine))))


def average_precision(distance: np.ndarray, relevant: np.ndarray) -> tuple[float, float]:
    """Return AP and whether the first row is relevant; equal distances keep the order of rows."""
    places = np.flatnonzero(relevant[np.argsort(distance, kind="stable")])
    return float(np.mean(np.arange(1, len(places) + 1) / (places + 1))), float(places[0] == 0)


def measure(
    people: People, named: int, error: float, truth: str, flipped: float, descriptions: int
) -> list[dict]:
    """Return for every category that could be asked its means before and after each method."""
    rate = people.gallery.query_side.positive_rate.double().numpy()
    categories, first, count = np.unique(people.category, return_index=True, return_counts=True)
    rows = []
    for category, example, images in zip(categories, first, count, strict=True):
        if truth == "sought" and images < LEAST_RELEVANT:
            continue
        generator = np.random.default_rng((int(category), named, round(100 * error), 17))
        values = np.repeat(people.values[example][None], descriptions, axis=0).astype(np.int8)
        order = speaking_order(values, Choice.REMARKABLE, rate, generator)
        said = speak(values, order < named, errors(values.shape, error), generator).said
        scores: dict[str, list[tuple[float, float, float]]] = {}
        for one, told in enumerate(said):
            relevant = people.category == category
            if truth == "described":
                relevant = (people.values[:, order[one] < named] == values[0, order[one] < named]).all(axis=1)
            query = AttributeQuery.from_values(people.gallery.schema, [int(value) for value in told])
            found = _round(people, query, relevant, flipped, generator)
            for name, score in found.items():
                scores.setdefault(name, []).append(score)
        if scores:
            means = {name: np.mean(values, axis=0).tolist() for name, values in scores.items()}
            rows.append({"category": int(category), "descriptions": len(scores["before"]), "scores": means})
    return rows


def _round(
    people: People,
    query: AttributeQuery,
    relevant: Bool[np.ndarray, " row"],
    flipped: float,
    generator: np.random.Generator,
) -> dict[str, tuple[float, float, float]]:
    """Return AP, Rank-1 and angle over the rest for each method; empty if nothing is left to find."""
    before = plain(query, people.gallery.query_side)
    distance = people.distances(query, before)
    top = np.argsort(distance, kind="stable")[:MARKED]
    rest = np.ones(len(relevant), dtype=bool)
    rest[top] = False
    if relevant.sum() < LEAST_RELEVANT or not relevant[rest].any():
        return {}
    right = relevant[top] ^ (generator.random(len(top)) < flipped)
    keys = tuple(f"{row:016x}" for row in top)
    judged = Judged(people.gallery, query, before, people.probability[top], right, keys)
    found = {"before": (*average_precision(distance[rest], relevant[rest]), 0.0)}
    found["marked right"] = (float(right.mean()), 0.0, 0.0)
    for name, method in METHODS.items():
        asking = method(judged)
        after = people.distances(query, asking)[rest]
        found[name] = (*average_precision(after, relevant[rest]), asking.degrees)
    return found


def summary(rows: Sequence[dict], name: str, place: int) -> dict[str, float]:
    """Return mean and interval, in percent, of a score after a method minus before."""
    difference = [100 * (row["scores"][name][place] - row["scores"]["before"][place]) for row in rows]
    interval = bootstrap_interval(difference)
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def told(rows: Sequence[dict]) -> dict[str, object]:
    """Return the numbers of some categories."""
    before = np.array([row["scores"]["before"] for row in rows])
    return {
        "categories": len(rows),
        "descriptions": sum(row["descriptions"] for row in rows),
        "marked_right": float(np.mean([row["scores"]["marked right"][0] for row in rows])),
        "map_before": float(100 * before[:, 0].mean()),
        "rank1_before": float(100 * before[:, 1].mean()),
        "methods": {
            name: {
                "map": summary(rows, name, 0),
                "rank1": summary(rows, name, 1),
                "degrees": float(np.mean([row["scores"][name][2] for row in rows])),
            }
            for name in METHODS
        },
    }


def choosing_half(people: People) -> set[int]:
    """Return the categories by which methods and constants were chosen."""
    large = np.flatnonzero(np.bincount(people.category) >= LEAST_RELEVANT)
    return set(large[np.random.default_rng(7).permutation(len(large))[::2]].tolist())


def compare(people: People, descriptions: int, chosen: set[int]) -> list[dict[str, object]]:
    """Return every case, for the categories that chose and for all others."""
    found = []
    for truth in ("sought", "described"):
        for named, error in CASES:
            for flipped in (0.0, 0.1) if (named, error) == (8, 0.1) else (0.0,):
                rows = measure(people, named, error, truth, flipped, descriptions)
                halves = {
                    "choosing": [row for row in rows if row["category"] in chosen],
                    "reporting": [row for row in rows if row["category"] not in chosen],
                }
                case = {"right_is": truth, "named": named, "wrong_answers": error, "wrong_marks": flipped}
                enough = {half: told(part) for half, part in halves.items() if len(part) >= 2}
                found.append({**case, **enough})
                print(
                    case,
                    {half: part["map_before"] for half, part in enough.items()},
                    file=sys.stderr,
                    flush=True,
                )
    return found


def main() -> None:
    """Measure, print, and keep the result if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", nargs=3, action="append", metavar=("NAME", "RUN", "DATA"), required=True)
    parser.add_argument("--cache", type=Path, default=None, help="folder of decoded images")
    parser.add_argument("--descriptions", type=int, default=3, help="of each category")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"keep it in {RESULT.name}")
    given = parser.parse_args()
    torch.set_num_threads(1)
    document: dict[str, object] = {"marked": MARKED, "people": {}}
    if given.write and RESULT.exists():
        document = json.loads(RESULT.read_text("utf-8"))  # other people's numbers stay
    for name, run, data in given.people:
        people = load_people(run, data, given.cache)
        chosen = choosing_half(people) if name == CHOSEN_ON else set()
        document["people"][name] = {  # type: ignore[index]
            "command": f'python benchmarks/feedback.py --people "{name}" RUN DATA --write',
            "machine": machine(),
            "images": len(people.values),
            "categories": int(people.category.max()) + 1,
            "descriptions": given.descriptions,
            "degrees_of_one_attribute": degrees_of_one_attribute(people.gallery.query_side),
            "cases": compare(people, given.descriptions, chosen),
        }
    text = json.dumps(document, indent=1) + "\n"
    if given.json:
        print(text, end="")
    if given.write:
        RESULT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
