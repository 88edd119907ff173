"""Bodies of requests, read as they come: one file alone, or a form with files."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.uploads.received import METADATA_BYTES_MOST, Sink
from attrieve.serving.uploads.verdict import shown_name

HEADER_BYTES_MOST = 16_384
"""Of one header of a part: names of files may be long."""


class SingleReader:
    """The whole body is one file."""

    def __init__(self, sink: Sink, name: str) -> None:
        self._sink = sink
        sink.begin_file(name)

    def feed(self, content: bytes) -> None:
        """Take the next bytes of the body."""
        self._sink.file_bytes(content)

    def end(self) -> None:
        """Say that the body is complete."""
        self._sink.end_file()


class MultipartReader:
    """A form with files, read as it comes."""

    def __init__(self, boundary: bytes, sink: Sink) -> None:
        self._sink = sink
        self._header = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._is_file = False
        self._name = ""
        self._text = bytearray()
        self._complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
                max_header_size=HEADER_BYTES_MOST,
            )
        except FormParserError as error:
            raise _unreadable(str(error)) from error

    def feed(self, content: bytes) -> None:
        """Take the next bytes of the body; raises ProblemError for what is no form."""
        try:
            if content:
                self._parser.write(content)
        except FormParserError as error:
            raise _unreadable(str(error)) from error

    def end(self) -> None:
        """Say that the body is complete; raises ProblemError if the form is not."""
        try:
            self._parser.finalize()
        except FormParserError as error:
            raise _unreadable(str(error)) from error
        if not self._complete:
            raise _unreadable("it ends before its last boundary")

    def _begin_part(self) -> None:
        self._headers = {}
        self._text = bytearray()

    def _end_header(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._headers[name.strip().lower()] = value
        self._header = (bytearray(), bytearray())

    def _end_headers(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        try:
            kind, options = parse_options_header(disposition)
        except (ValueError, IndexError) as error:
            raise _unreadable("a Content-Disposition cannot be read") from error
        if kind != b"form-data" or b"name" not in options:
            raise _unreadable("a part is without Content-Disposition: form-data; name=...")
        self._name = options[b"name"].decode("utf-8", "replace")
        self._is_file = b"filename" in options
        if self._is_file:
            self._sink.begin_file(options[b"filename"].decode("utf-8", "replace") or self._name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._sink.file_bytes(data[start:end])
        elif len(self._text) <= METADATA_BYTES_MOST:
            self._text += data[start:end]

    def _end_part(self) -> None:
        if self._is_file:
            self._sink.end_file()
        else:
            try:
                self._sink.field(self._name, self._text.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise _unreadable(f"the field {shown_name(self._name)!r} is not UTF-8") from error

    def _end(self) -> None:
        self._complete = True


def _unreadable(reason: str) -> ProblemError:
    return ProblemError(Problem.BAD_REQUEST, f"the form cannot be read: {shown_name(reason)}")
