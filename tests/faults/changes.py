"""A process that changes a gallery at random until it is killed, and what the gallery must hold then.

As a script (``python changes.py FOLDER SEED``) it reads the state of the gallery from stdin, and writes one
JSON line before each commit, with the state the gallery will be in, and one after it.
"""

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np

from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.reembedding import Reembedding
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import DatabaseWriter, open_database_writer
from gallery.database.made import key_of, model, rows, vectors

MOST = 400


@dataclass
class State:
    """What a gallery holds: the numbers of its rows with the salt of their vectors, and its model."""

    rows: dict[str, int] = field(default_factory=dict)
    generation: int = 0

    @property
    def model(self) -> GalleryModel:
        return generation(self.generation)

    def numbers(self) -> list[int]:
        return sorted(map(int, self.rows))

    def salts(self, numbers: list[int]) -> list[int]:
        return [1000 * self.generation + self.rows[str(number)] for number in numbers]

    def copy(self) -> "State":
        return State(dict(self.rows), self.generation)


def generation(number: int) -> GalleryModel:
    return model(f"model{number}")


def described(numbers: list[int], salts: list[int]) -> Vectors:
    """Return what the gallery must hold for these rows, each with its salt."""
    each = [vectors([number], salt).named() for number, salt in zip(numbers, salts, strict=True)]
    if not each:
        return vectors([])
    return Vectors(**{name: np.concatenate([one[name] for one in each]) for name in each[0]})


def tell(event: str, state: State) -> None:
    print(json.dumps({"event": event, "state": asdict(state)}), flush=True)


def changes(writer: DatabaseWriter, state: State, chance: random.Random) -> Iterator[State]:
    """Yield the state a commit will lead to, then do it."""
    while True:
        there = state.numbers()
        kind = chance.choice(["add", "add", "upsert", "delete", "camera", "compact", "reembed"])
        after = state.copy()
        salt = chance.randrange(1, 900)
        if kind == "add":
            numbers = chance.sample(range(MOST), 40)
            after.rows = {str(number): salt for number in numbers} | after.rows
            yield after
            writer.add(rows(numbers), vectors(numbers, 1000 * state.generation + salt))
        elif kind == "upsert":
            numbers = chance.sample(range(MOST), 20)
            after.rows |= {str(number): salt for number in numbers}
            yield after
            writer.upsert(rows(numbers), vectors(numbers, 1000 * state.generation + salt))
        elif kind == "delete" and there:
            numbers = chance.sample(there, min(len(there), 15))
            after.rows = {key: value for key, value in after.rows.items() if int(key) not in numbers}
            yield after
            writer.delete([key_of(number) for number in numbers])
        elif kind == "camera" and len(there) > MOST // 2:
            after.rows = {key: value for key, value in after.rows.items() if int(key) % 3 != 1}
            yield after
            writer.delete_where(GallerySnapshot.open(writer.folder).parse(["camera=C1"]))
        elif kind == "compact":
            yield after
            writer.compact(keep_versions=timedelta(0))
        elif kind == "reembed":
            yield from reembed(writer, state, after)
        state = after


def reembed(writer: DatabaseWriter, state: State, after: State) -> Iterator[State]:
    """Only the last commit changes what is searched."""
    by_key = {key_of(number): number for number in state.numbers()}
    after.generation = state.generation + 1
    yield state
    work = Reembedding(writer, after.model)
    missing = work.missing()
    for first in range(0, len(missing), 50):
        keys = missing[first : first + 50]
        numbers = [by_key[key] for key in keys]
        yield state
        work.put(keys, described(numbers, after.salts(numbers)))
    yield after
    work.finish()
    yield after
    writer.drop_model(state.model.fingerprint)


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    state = State(**json.loads(sys.stdin.readline()))
    chance = random.Random(seed)
    with open_database_writer(folder, model=state.model) as writer:
        tell("done", state)
        coming: State | None = None
        for after in changes(writer, state, chance):
            if coming is not None:
                tell("done", coming)
            tell("begin", after)
            coming = after


if __name__ == "__main__":
    main()
