"""Decodes received files in confined processes: whatever a file does to its decoder, it gets a verdict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from attrieve.gallery.rows import content_key
from attrieve.serving.uploads.decoder_channel import DecoderChannel, DecoderEnded, Judged
from attrieve.serving.uploads.decoding_process import Limits, Task
from attrieve.serving.uploads.verdict import FileVerdict, Verdict, shown_name

RESTARTS_MOST = 8
"""When the files of an upload have broken the decoder so often, the rest is not tried."""

_TASKS_AT_ONCE = 1000


@dataclass(frozen=True)
class Part:
    """A received file.

    Args:
        name: as the client named it.
        offset: where it begins in the received bytes.
        length: of it, in bytes.
    """

    name: str
    offset: int
    length: int


@dataclass(frozen=True)
class Decoded:
    """What became of a file, with its picture if it was accepted.

    Args:
        part: number of the received file it is or came in.
        verdict: what it is; its name is that of the archive's member, if it was in one.
        picture: RGB, or None.
        key: that of the file's own bytes, as when it is indexed; there if the picture is.
    """

    part: int
    verdict: FileVerdict
    picture: Image.Image | None = None
    key: str | None = None


def decode_parts(
    received: Path, parts: Sequence[Part], limits: Limits, *, seconds: float
) -> Iterator[Decoded]:
    """Decode received files one after the other, the members of archives each as a file of its own.

    A file that makes the process end, or takes too long, gets a verdict like any other, and a new process
    goes on behind it. The key of a file is made here; that of an archive's member, whose bytes are unpacked
    in the process alone, by the process. A member that took the process over could so name a false one for
    itself and those behind it, but for no other file.

    Args:
        received: file with the bytes of all parts.
        parts: where each lies in it.
        limits: what the process may use; beyond ``limits.pictures`` pictures the rest is refused.
        seconds: for one picture; then the process is killed.

    Raises:
        DecoderError: if the process cannot be started.
    """
    number = skip = restarts = accepted = 0
    while number < len(parts):
        tasks = [
            Task(place, parts[place].offset, parts[place].length, skip if place == number else 0)
            for place in range(number, min(number + _TASKS_AT_ONCE, len(parts)))
        ]
        channel = DecoderChannel(received, tasks, limits, seconds)
        try:
            for judged in channel.verdicts():
                accepted += judged.picture is not None
                yield _within(
                    _keyed(_decoded(parts, judged), judged, received, parts), accepted, limits.pictures
                )
                number, skip = _behind(judged)
            number, skip = tasks[-1].number + 1, 0
        except DecoderEnded as ended:
            restarts += 1
            culprit = channel.begun or Judged(number, None, None, Verdict.BROKE_THE_DECODER, "")
            yield _decoded(parts, culprit, str(ended))
            number, skip = _behind(culprit)
        finally:
            channel.close()
        if restarts >= RESTARTS_MOST:
            told = "not tried: files before it in the upload broke the decoder again and again; send it alone"
            for place in range(number, len(parts)):
                yield _decoded(parts, Judged(place, None, None, Verdict.BROKE_THE_DECODER, told))
            return


def _behind(judged: Judged) -> tuple[int, int]:
    """Return the received file and the place in it where to go on."""
    if judged.ends_task or judged.member is None:
        return judged.task + 1, 0
    return judged.task, judged.member + 1


def _decoded(parts: Sequence[Part], judged: Judged, reason: str | None = None) -> Decoded:
    name = shown_name(parts[judged.task].name if judged.name is None else judged.name)
    told = shown_reason(judged.reason if reason is None else reason)
    size = (None, None) if judged.picture is None else judged.picture.size
    verdict = FileVerdict(name, judged.verdict, told, width_px=size[0], height_px=size[1])
    return Decoded(judged.task, verdict, judged.picture)


def _keyed(decoded: Decoded, judged: Judged, received: Path, parts: Sequence[Part]) -> Decoded:
    if decoded.picture is None:
        return decoded
    if judged.member is not None:
        return replace(decoded, key=judged.key)
    part = parts[judged.task]
    with received.open("rb") as file:
        file.seek(part.offset)
        return replace(decoded, key=content_key(file.read(part.length)))


def _within(decoded: Decoded, accepted: int, most: int) -> Decoded:
    if decoded.picture is None or accepted <= most:
        return decoded
    told = f"more than {most:,} pictures in one upload; send the rest in another"
    return Decoded(decoded.part, FileVerdict(decoded.verdict.name, Verdict.TOO_MANY, told))


def shown_reason(reason: str) -> str:
    """Return a reason as one line of text."""
    return "".join(character if character.isprintable() else " " for character in reason)[:500]
