"""An upload's answer as it travels."""

from pydantic import Field

from attrieve.serving.uploads.intake import Taken
from attrieve.serving.uploads.verdict import FileVerdict, Verdict
from attrieve.serving.wire.base import AnswerModel
from attrieve.serving.wire.jobs import JobView


class FileView(AnswerModel):
    """What became of one file."""

    name: str = Field(description="As it was sent, fit to be shown; a label, no path.")
    verdict: Verdict
    reason: str = Field(description="Why it is not taken, or what was left out of it.")
    key: str | None = Field(default=None, description="Of the row it becomes.")
    width_px: int | None = None
    height_px: int | None = None

    @classmethod
    def of(cls, verdict: FileVerdict) -> "FileView":
        """Return a verdict as it travels."""
        return cls(
            name=verdict.name,
            verdict=verdict.verdict,
            reason=verdict.reason,
            key=verdict.key,
            width_px=verdict.width_px,
            height_px=verdict.height_px,
        )


class UploadAnswer(AnswerModel):
    """What became of an upload: nothing that was accepted is lost from here on."""

    accepted: int = Field(description="Files that will become rows.")
    refused: int
    files: list[FileView] = Field(description="One for each file, members of archives included.")
    job: JobView = Field(description="Describes the images and adds them to the gallery.")

    @classmethod
    def of(cls, taken: Taken) -> "UploadAnswer":
        """Return what became of an upload that led to a job."""
        assert taken.job is not None
        files = [FileView.of(verdict) for verdict in taken.files]
        accepted = sum(file.key is not None for file in files)
        job = JobView.of(taken.job)
        return cls(accepted=accepted, refused=len(files) - accepted, files=files, job=job)
