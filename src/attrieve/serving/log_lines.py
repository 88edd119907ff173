"""Lines of the log: for people, or one JSON object each."""

import json
import logging
from datetime import UTC, datetime
from typing import Any


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object: time, level, logger, message, what a request was, and the error.

    >>> record = logging.LogRecord("attrieve", logging.INFO, "", 0, "ready", None, None)
    >>> json.loads(JsonLines().format(record))["message"]
    'ready'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "request", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


class PlainLines(logging.Formatter):
    """Writes a record for people; control characters in what came from outside are made visible."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s%(request_text)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        request: dict[str, Any] = getattr(record, "request", {})
        record.request_text = "".join(
            f" {name}={request[name]}"
            for name in ("ms", "actor", "request_id")
            if request.get(name) is not None
        )
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Return the line without the traceback."""
        line = super().formatMessage(record)
        return "".join(character if character.isprintable() else repr(character)[1:-1] for character in line)


def logging_configuration(*, as_json: bool) -> dict[str, Any]:
    """Return what :func:`logging.config.dictConfig` takes: everything to the error stream.

    uvicorn's own lines on starting and stopping are left out unless something is wrong.
    """
    kind = JsonLines if as_json else PlainLines
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": kind}},
        "handlers": {
            "lines": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stderr"}
        },
        "root": {"level": "WARNING", "handlers": ["lines"]},
        "loggers": {"attrieve": {"level": "INFO"}, "uvicorn": {"level": "WARNING"}},
    }
