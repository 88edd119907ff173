"""Forms that browsers send, read for the token and again for their fields."""

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.requests import Request

from attrieve.serving.problems import Problem, ProblemError

_ENCODINGS = (b"utf-8", b"utf8", b"us-ascii")


async def read_form_body(request: Request) -> FormData:
    """Return a form that was sent; asked again, the same one.

    Raises:
        ProblemError: 400 for another encoding than UTF-8, in which all browsers send: the framework would
            believe any name, also of those that make letters no text may have.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    encoding = options.get(b"charset", b"utf-8")
    if encoding.lower() not in _ENCODINGS:
        raise ProblemError(
            Problem.BAD_REQUEST,
            f"the form is in {encoding[:40].decode('ascii', 'replace')!r}; send it in UTF-8",
        )
    return await request.form()
