"""Whatever stands in a header, no answer is a failure of ours, and refusals have the one shape."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.listening import exchange, listening
from serving.place import Place

FORM = (
    b'--x\r\nContent-Disposition: form-data; name="back"\r\n\r\n/\\ud800+2AA-\xff\r\n'
    b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n+2AA- \\ud800\r\n--x--\r\n'
)
ANY = (
    *(
        b"",
        b"\xff\xfe",
        b'"',
        b"%00",
        b"%ed%a0%80",
        b"\\",
        b";",
        b",,",
        b"=",
        b"a\tb",
        b"http://[",
        b"//[::1",
    ),
    *(b"a" * 60_000, b"\xe9\x80\x81", b'W/"\xff"', b"=?utf-8?q?=00?="),
)
VALUES: dict[bytes, tuple[bytes, ...]] = {
    b"Authorization": (*ANY, b"Bearer \xff\xff", b"Bearer", b"Bearer " + b"a" * 60_000, b"Basic \xe9"),
    b"Cookie": (
        *ANY,
        b"attrieve-session=\xff; attrieve-occasion=%2500%ff; attrieve-notice=\xff; attrieve-theme=\xe9",
        b'attrieve-session="\\000\\012"; attrieve-browser="\\377"; attrieve-notice="\\015\\012x"',
        b"attrieve-occasion=p%3D%25ed%25a0%2580%26c%3D%2500",
    ),
    b"X-CSRF-Token": ANY,
    b"Origin": ANY,
    b"Referer": ANY,
    b"Host": (
        *ANY,
        b"127.0.0.1/api/",
        b"a@127.0.0.1",
        b"127.0.0.1:x",
        b"[::1",
        b"127.0.0.1?",
        b"localhost:99999",
    ),
    b"X-Request-Id": ANY,
    b"X-Forwarded-For": (*ANY, b"1.2.3.4, \xff"),
    b"X-Forwarded-Proto": ANY,
    b"Accept": ANY,
    b"If-None-Match": ANY,
    b"Range": (*ANY, b"bytes=9-1", b"bytes=a-"),
    b"Content-Type": (
        *ANY,
        *(
            b"multipart/form-data" + rest
            for rest in (b"", b"; boundary=", b"; boundary=\xff", b'; boundary="x')
        ),
        *(
            b"multipart/form-data; boundary=x; charset=" + name
            for name in (
                b"",
                b"\xff",
                b"utf-7",
                b"idna",
                b"undefined",
                b"punycode",
                b"unicode_escape",
                b"rot13",
            )
        ),
        *(b"application/json; charset=utf-16", b"image/png; \xff", b"multipart/form-data; boundary*=zz''%ff"),
    ),
}
GET = (b"/occasion", b"/nowhere")
POST = (b"/occasion", b"/sign-in", b"/api/v1/images", b"/api/v1/search")


@pytest.fixture(scope="module", params=["open", "accounts"])
def port(
    request: pytest.FixtureRequest, place: Place, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    limits = {"sign_ins_per_minute": 10_000, "requests_per_minute": 1_000_000}
    folder: Path = tmp_path_factory.mktemp("state")
    with listening(place, folder, access=request.param, **limits) as port:
        yield port


def ask(port: int, method: bytes, path: bytes, changed: dict[bytes, bytes]) -> tuple[int, bytes]:
    """Send a request with some headers other than usual; return status and answer."""
    headers = {b"Host": b"127.0.0.1", b"Connection": b"close"}
    body = FORM if method == b"POST" else b""
    if body:
        headers |= {b"Content-Type": b"multipart/form-data; boundary=x", b"Content-Length": b"%d" % len(body)}
    if not path.startswith(b"/api/"):
        headers[b"Accept"] = b"text/html"
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in (headers | changed).items())
    answer = exchange(port, method + b" " + path + b" HTTP/1.1\r\n" + lines + b"\r\n" + body)
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.parametrize("header", VALUES, ids=lambda name: name.decode())
def test_no_header_makes_the_service_fail(port: int, header: bytes) -> None:
    for method, paths in ((b"GET", GET), (b"POST", POST)):
        for path in paths:
            for value in VALUES[header]:
                status, answer = ask(port, method, path, {header: value})
                what = (method, path, value[:80], answer[:300])
                assert status < 500, what
                if status >= 400:
                    assert re.search(rb"content-type: (application/problem\+json|text/html)", answer), what


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "punycode", "undefined"])
def test_a_form_is_in_utf_8(port: int, charset: str) -> None:
    """Other ways to write letters could bring such as no text has, and fail where it is used."""
    kind = b"multipart/form-data; boundary=x; charset=" + charset.encode()
    status, answer = ask(port, b"POST", b"/occasion", {b"Content-Type": kind})
    assert status in (400, 401), answer
    status, _ = ask(
        port, b"POST", b"/occasion", {b"Content-Type": b'multipart/form-data; boundary=x; charset="UTF-8"'}
    )
    assert status in (303, 401, 403)
