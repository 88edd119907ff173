"""All shards of a gallery: asked together, answering together or not at all."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from jaxtyping import UInt64

from attrieve.errors import ClusterError, InputError
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.distributed.cluster import raised_by_worker, told_by_ray
from attrieve.gallery.distributed.shard import GalleryShard, ShardSettings

_CALLS_AT_ONCE = 8
"""Searches a shard works on at the same time."""

_SPARE_BYTES = 300 << 20
"""What a shard takes beside its rows: the libraries, and rows on their way from storage."""


@dataclass(frozen=True)
class SearchClusterSettings:
    """What shards are asked of a cluster.

    Args:
        shards: how many parts the rows are divided into, or None for one per machine.
        threads: that scan a shard, or None for all cores of its machine.
        cpus: cores set apart for each shard. None are by default: shards wait for questions most of the
            time, and one that moves from a dead machine must find room elsewhere.
        memory: set memory apart for the rows of each shard, so that none is put where it does not fit.
        patience_s: how long a shard may be without an answer, be it that its machine died and it is
            being loaded elsewhere, before the question is refused.

    Raises:
        InputError: for numbers that make no sense.
    """

    shards: int | None = None
    threads: int | None = None
    cpus: float = 0.0
    memory: bool = True
    patience_s: float = 600.0

    def __post_init__(self) -> None:
        if (self.shards is not None and self.shards < 1) or self.cpus < 0 or self.patience_s <= 0:
            raise InputError(
                f"expected at least 1 shard, no less than 0 cores and a patience above 0, got {self.shards} "
                f"shards, {self.cpus} cores and {self.patience_s} s"
            )


class Shards:
    """Actors of :class:`~attrieve.gallery.distributed.shard.GalleryShard`, which together hold a snapshot.

    Args:
        ray: the library, connected.
        snapshot: what they hold, at the version it has here.
        settings: how many, and what each needs.

    Attributes:
        actors: in the order of their rows.
        patience_s: may be changed at any time.
    """

    def __init__(self, ray: Any, snapshot: GallerySnapshot, settings: SearchClusterSettings) -> None:
        self._ray = ray
        self.patience_s = settings.patience_s
        nodes = ray.nodes()
        machines = sum(node["Alive"] and node["Resources"].get("CPU", 0) > 0 for node in nodes)
        parts = divide(snapshot.row_ids(), settings.shards or max(machines, 1))
        self.actors = tuple(_actor(ray, snapshot, part, settings) for part in parts)

    def __len__(self) -> int:
        return len(self.actors)

    def close(self) -> None:
        """End all shards."""
        for actor in self.actors:
            self._ray.kill(actor)

    def ask(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of every shard and return all answers, in the order of the shards.

        Raises:
            ClusterError: if one does not answer in time, or cannot be kept alive.
            Exception: what a shard's own code raises.
        """
        waiting = {self._call(place, method, arguments): place for place in range(len(self))}
        answers: dict[int, Any] = {}
        heard = time.monotonic()
        while waiting:
            left = self.patience_s - (time.monotonic() - heard)
            done, _ = self._ray.wait(list(waiting), timeout=max(left, 0.0))
            if not done:
                self._refuse(waiting.values(), f"did not answer within {self.patience_s:g} s")
            heard = time.monotonic()
            for call in done:
                place = waiting.pop(call)
                try:
                    answers[place] = self._answer(call, place)
                except self._ray.exceptions.ObjectLostError:  # given, and gone with its machine
                    waiting[self._call(place, method, arguments)] = place
        return [answers[place] for place in range(len(self))]

    def _call(self, place: int, method: str, arguments: tuple[Any, ...]) -> Any:
        return getattr(self.actors[place], method).remote(*arguments)

    def _answer(self, call: Any, place: int) -> Any:
        try:
            return self._ray.get(call)
        except self._ray.exceptions.RayTaskError as error:
            raise raised_by_worker(error) from None
        except self._ray.exceptions.ObjectLostError:
            raise
        except self._ray.exceptions.RayError as error:
            self._refuse([place], f"cannot be kept alive ({told_by_ray(error)})")

    def _refuse(self, places: Iterable[int], reason: str) -> NoReturn:
        named = ", ".join(str(place + 1) for place in sorted(places))
        alive = sum(node["Alive"] for node in self._ray.nodes())
        raise ClusterError(
            f"shard {named} of {len(self)} {reason}; {alive} machines are there. The search is refused, "
            "since the other shards alone would give a wrong answer; add a machine with memory for the "
            "missing shard, or open the gallery anew with more shards"
        )


def _actor(
    ray: Any, snapshot: GallerySnapshot, rows: UInt64[np.ndarray, " row"], settings: SearchClusterSettings
) -> Any:
    """Ask for an actor that holds some rows, and is put elsewhere whenever its machine dies.

    Its arguments are small: Ray would keep large ones in its object store, and a machine that dies, or an
    actor that starts again, could find them gone.
    """
    held = ShardSettings(
        snapshot.folder,
        snapshot.model.fingerprint,
        snapshot.version,
        int(rows[0]),
        int(rows[-1]),
        len(rows),
        settings.threads,
    )
    return (
        ray.remote(GalleryShard)
        .options(
            num_cpus=settings.cpus,
            memory=shard_bytes(len(rows), snapshot.model) if settings.memory else None,
            max_restarts=-1,
            max_task_retries=-1,
            max_concurrency=_CALLS_AT_ONCE,
            scheduling_strategy="SPREAD",
        )
        .remote(held)
    )


def shard_bytes(rows: int, model: GalleryModel) -> int:
    """Return the memory a shard needs: a float32 and a code for each number, key, row id, some to spare."""
    numbers = (model.embedding_dim or 0) + (model.attributes or 0)
    return int(1.1 * rows * (5 * numbers + 24)) + _SPARE_BYTES


def divide(ids: UInt64[np.ndarray, " row"], parts: int) -> list[UInt64[np.ndarray, " some"]]:
    """Return row ids in runs of nearly equal length, at most ``parts`` of them and none empty.

    >>> [part.tolist() for part in divide(np.arange(5, dtype=np.uint64), 2)]
    [[0, 1, 2], [3, 4]]
    """
    return [part for part in np.array_split(ids, parts) if len(part)]
