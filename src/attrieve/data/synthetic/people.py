"""Many drawn people, one after the other, by one process or several."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from attrieve.data.synthetic.config import DrawnPeopleConfig, image_seeds
from attrieve.data.synthetic.image import draw_image
from attrieve.data.synthetic.labels import draw_values
from attrieve.errors import ConfigurationError

Progress = Callable[[int, int], None]
"""Called with how many pictures are done, and how many there will be."""

Result = TypeVar("Result")

IMAGES_PER_TASK = 32
"""Pictures one process draws before it reports."""

_WORTH_A_PROCESS = 256
"""Fewer pictures are drawn sooner than another process has started."""


@dataclass(frozen=True)
class DrawTask:
    """A run of pictures for one process.

    Args:
        config: what to draw.
        first: index of the first picture.
        values: shape (person_image, 105).
        identity: shape (person_image,).
    """

    config: DrawnPeopleConfig
    first: int
    values: npt.NDArray[np.int8]
    identity: npt.NDArray[np.int64]


def draw_people(
    config: DrawnPeopleConfig, *, workers: int | None = None, progress: Progress | None = None
) -> Iterator[npt.NDArray[np.uint8]]:
    """Draw all pictures of ``config``, in order; labels come from :func:`draw_values`.

    Args:
        config: what to draw.
        workers: processes; 1 draws in this one, None takes as many as there are processors for large
            jobs. The bytes do not depend on it. Several processes start by "spawn": call it from a
            script behind ``if __name__ == "__main__":``.
        progress: called after each run of pictures.

    Yields:
        RGB pictures, uint8 of shape (height, width, 3).

    Raises:
        ConfigurationError: if ``workers`` is below 1.

    >>> pictures = draw_people(DrawnPeopleConfig(images=2, height_px=32, width_px=16), workers=1)
    >>> [picture.shape for picture in pictures]
    [(32, 16, 3), (32, 16, 3)]
    """
    for pictures in run_tasks(draw_task, config, workers=workers, progress=progress):
        yield from pictures


def draw_task(task: DrawTask) -> list[npt.NDArray[np.uint8]]:
    """Draw the pictures of one task."""
    config = task.config
    pictures = []
    for offset, (values, identity) in enumerate(zip(task.values, task.identity, strict=True)):
        seeds = image_seeds(config.seed, task.first + offset, int(identity))
        pictures.append(
            draw_image(
                values,
                seed=seeds.scene,
                person_seed=seeds.person,
                height_px=config.height_px,
                width_px=config.width_px,
                difficulty=config.difficulty,
            )
        )
    return pictures


def run_tasks(
    work: Callable[[DrawTask], Result],
    config: DrawnPeopleConfig,
    *,
    workers: int | None,
    progress: Progress | None,
) -> Iterator[Result]:
    """Split the pictures of ``config`` into tasks, work on them and yield the results in order.

    Raises:
        ConfigurationError: if ``workers`` is below 1.
    """
    count = _worker_count(workers, config.images)
    tasks = _tasks(config)
    results = map(work, tasks) if count == 1 else _in_processes(work, tasks, count)
    done = 0
    for result in results:
        done = min(done + IMAGES_PER_TASK, config.images)
        yield result
        if progress is not None:
            progress(done, config.images)


def _worker_count(workers: int | None, images: int) -> int:
    if workers is None:
        return min(os.cpu_count() or 1, 1 + images // _WORTH_A_PROCESS)
    if workers < 1:
        raise ConfigurationError(f"workers is at least 1, got {workers}")
    return workers


def _tasks(config: DrawnPeopleConfig) -> Iterator[DrawTask]:
    values, identity = draw_values(config)
    for first in range(0, config.images, IMAGES_PER_TASK):
        part = slice(first, first + IMAGES_PER_TASK)
        yield DrawTask(config, first, values[part], identity[part])


def _in_processes(
    work: Callable[[DrawTask], Result], tasks: Iterator[DrawTask], count: int
) -> Iterator[Result]:
    """Keep a few tasks per process under way, so that memory stays small however many there are."""
    waiting: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) > 3 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
