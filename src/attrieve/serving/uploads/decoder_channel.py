"""One confined decoding process, and what it says, read with a time-out."""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from attrieve.errors import AttrieveError
from attrieve.serving.uploads.decoding_process import Limits, Task
from attrieve.serving.uploads.verdict import Verdict

START_S = 60.0
"""How long the process may take to load its decoders on a busy machine."""

_HEADER_MOST = 1 << 20
_PIECE = 1 << 20
_KEY = re.compile("[0-9a-f]{16}")
_MODULE = "attrieve.serving.uploads.decoding_process"


class DecoderError(AttrieveError):
    """The decoding process cannot be started: something is wrong with the installation."""


class DecoderEnded(Exception):  # noqa: N818 - caught at once; a file did it
    """The process ended, or had to be ended, before it was done."""


@dataclass(frozen=True)
class Judged:
    """One verdict of the process; checked, for a file may have taken the process over.

    Args:
        task: number of the received file.
        member: place in an archive, or None for the file itself.
        name: of the member, or None.
        verdict: what it is.
        reason: for a person.
        rest: how many files it stands for; more than one ends its archive.
        picture: if it was accepted.
        key: of a member's bytes, if it was accepted.
    """

    task: int
    member: int | None
    name: str | None
    verdict: Verdict
    reason: str
    rest: int = 1
    picture: Image.Image | None = None
    key: str | None = None

    @property
    def ends_task(self) -> bool:
        """Whether nothing more comes of the received file."""
        return self.member is None or self.rest > 1


class DecoderChannel:
    """A running process.

    Args:
        received: file with the bytes; its standard input.
        tasks: what it shall decode.
        limits: what it may use.
        seconds: for one picture.

    Raises:
        DecoderError: if it cannot be started.
    """

    def __init__(self, received: Path, tasks: Sequence[Task], limits: Limits, seconds: float) -> None:
        self._tasks = {task.number for task in tasks}
        self._limits = limits
        self._seconds = seconds
        self.begun: Judged | None = None
        """The picture it is at, with the verdict it gets if the process ends."""
        listed = json.dumps([[task.number, task.offset, task.length, task.skip] for task in tasks])
        with received.open("rb") as content:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", _MODULE, limits.to_json(), listed],
                stdin=content,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env=_environment(),
            )
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        try:
            ready = self._header(START_S)
        except DecoderEnded as ended:
            raise DecoderError(
                f"the decoding process cannot be started: {ended}{self._last_words()}"
            ) from ended
        if ready != {"ready": True}:
            self.close()
            raise DecoderError(f"the decoding process began with {str(ready)[:200]}")

    def verdicts(self) -> Iterator[Judged]:
        """Yield what it says, until it is done.

        Raises:
            DecoderEnded: if it ended before, said nonsense, or took too long and was killed.
        """
        while True:
            header = self._header(self._seconds)
            if header == {"end": True}:
                return
            if header.get("begun") is True:
                told = "the file made its decoder end"
                self.begun = self._judged(header | {"verdict": Verdict.BROKE_THE_DECODER, "reason": told})
                continue
            judged = self._judged(header)
            self.begun = None
            yield judged

    def close(self) -> None:
        """End the process if it runs still."""
        self._selector.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _judged(self, header: dict[str, Any]) -> Judged:
        try:
            task, member, name = header["task"], header["member"], header["name"]
            verdict, reason, rest = Verdict(header["verdict"]), header["reason"], header.get("rest", 1)
            texts = isinstance(reason, str) and isinstance(name, str | None)
            numbers = type(task) is int and type(rest) is int and (member is None or type(member) is int)
            if not texts or not numbers or task not in self._tasks or rest < 1:
                raise ValueError("not a verdict")
            accepted = verdict is Verdict.ACCEPTED
            key = header["key"] if accepted and member is not None else None
            if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
                raise ValueError("no key")
            picture = self._picture(header["size"]) if accepted else None
        except (KeyError, ValueError, TypeError) as error:
            raise self._ended("the file made its decoder talk nonsense") from error
        return Judged(task, member, name, verdict, reason[:1000], rest, picture, key)

    def _picture(self, size: object) -> Image.Image:
        if not isinstance(size, list):
            raise TypeError("no size")
        width, height = size
        if type(width) is not int or type(height) is not int or min(width, height) < 1:
            raise ValueError("no size")
        if width * height > self._limits.pixels:
            raise ValueError("too many pixels")
        return Image.frombytes("RGB", (width, height), bytes(self._read(3 * width * height, self._seconds)))

    def _header(self, seconds: float) -> dict[str, Any]:
        length = int.from_bytes(self._read(4, seconds), "big")
        if length > _HEADER_MOST:
            raise self._ended("the file made its decoder talk nonsense")
        try:
            header = json.loads(self._read(length, seconds))
        except ValueError as error:
            raise self._ended("the file made its decoder talk nonsense") from error
        if not isinstance(header, dict):
            raise self._ended("the file made its decoder talk nonsense")
        return header

    def _read(self, count: int, seconds: float) -> bytearray:
        until = time.monotonic() + seconds
        got = bytearray()
        while len(got) < count:
            left = until - time.monotonic()
            if left <= 0 or not self._selector.select(left):
                raise self._ended(f"the file took its decoder longer than {seconds:g} seconds")
            piece = os.read(self._out, min(_PIECE, count - len(got)))
            if not piece:
                raise self._ended(self._fate())
            got += piece
        return got

    def _fate(self) -> str:
        code = self._process.wait()
        if code == -getattr(signal, "SIGXCPU", 0):
            return f"the file took its decoder more than {self._limits.cpu_s} seconds of processor time"
        if code < 0:
            return f"the file made its decoder end by signal {-code}"
        return "the file made its decoder end"

    def _ended(self, reason: str) -> DecoderEnded:
        with suppress(ProcessLookupError):
            self._process.kill()
        return DecoderEnded(reason)

    def _last_words(self) -> str:
        self._process.wait()
        assert self._process.stderr is not None
        words = self._process.stderr.read(4000).decode("utf-8", "replace").strip()
        self.close()
        return f"; it said: {words}" if words else ""


def _environment() -> dict[str, str]:
    """Return the little a Python process needs; nothing of ours is handed on, settings and secrets least."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
