"""How jobs describe images: in small steps; searches go on beside it, and a cancelled job stops soon."""

from collections.abc import Callable

from attrieve.gallery.index_progress import IndexProgress
from attrieve.gallery.pipeline import PipelineSettings

BATCH = 16
"""Images described at once."""

SECONDS_PER_COMMIT = 10.0


def describing_settings() -> PipelineSettings:
    """Return the sizes of a job's steps."""
    return PipelineSettings(batch=BATCH, workers=1, seconds_per_commit=SECONDS_PER_COMMIT)


def describing_progress(
    tell: Callable[[int, int | None, str | None], None], total: int
) -> Callable[[IndexProgress], None]:
    """Return what passes progress on to a job.

    Args:
        tell: :meth:`~attrieve.serving.jobs.run.JobRun.note`, or ``report`` if the job may stop there.
        total: images, as long as the pipeline does not know it better.
    """

    def told(progress: IndexProgress) -> None:
        tell(progress.done, progress.total or total, "describing")

    return told
