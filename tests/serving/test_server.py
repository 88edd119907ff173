"""The command as a process of its own: address, log lines, slow clients, no way out, a graceful end."""

import asyncio
import json
import os
import pickle
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

from attrieve.serving.patient_protocol import PatientProtocol
from attrieve.serving.server import Application, _configuration, _listen
from attrieve.serving.settings import ServiceSettings
from serving.place import Place

GUARD = """
import os, sys
def watch(event, arguments):
    if event == "socket.connect" and arguments[1] and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in (None, "", "127.0.0.1", "::1", "localhost", b"localhost"):
        print("tried to reach", host, file=sys.stderr, flush=True)
        os._exit(99)
sys.addaudithook(watch)
from attrieve.cli.main import main
sys.argv[0] = "attrieve"
main()
"""
"""Runs the command, and ends the process if it wants to reach anything but this machine."""


@dataclass
class Server:
    process: subprocess.Popen[str]
    address: str
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread = field(init=False)

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def start(place: Place, state: Path, *options: str, **environment: str) -> Server:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            GUARD,
            "serve",
            str(place.gallery),
            "--port",
            "0",
            "--state",
            str(state),
            *options,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    if found is None:
        process.kill()
        raise AssertionError(f"no address in {line!r}: {process.communicate()[1]}")
    server = Server(process, found[0])

    def read() -> None:
        assert process.stderr is not None
        server.lines.extend(line.rstrip("\n") for line in process.stderr)

    server.reader = threading.Thread(target=read, daemon=True)
    server.reader.start()
    return server


def end(server: Server) -> None:
    server.process.kill()
    server.process.wait()
    server.reader.join()
    for pipe in (server.process.stdout, server.process.stderr):
        assert pipe is not None
        pipe.close()


@pytest.fixture(scope="module")
def server(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    begun = start(
        place,
        tmp_path_factory.mktemp("state"),
        "--json-logs",
        ATTRIEVE_BODY_SECONDS="3",
        ATTRIEVE_SEARCH_THREADS="1",
    )
    yield begun
    end(begun)


def test_it_answers_at_the_address_it_prints(server: Server, place: Place) -> None:
    with httpx.Client(base_url=server.address, timeout=120) as client:
        assert client.get("/api/v1/health/ready").json()["status"] == "ready"
        answer = client.get("/api/v1/search", params={"q": "hat, !scarf"}).json()
        assert answer["total"] == 24
        assert client.get(answer["hits"][0]["links"]["thumbnail"]).status_code == 200
        assert client.get("/api/v1/gallery/statistics").json()["rows"] == 24
        assert client.get("/api/v1/openapi.json").json()["info"]["title"] == "attrieve"


def test_it_holds_no_connection_to_elsewhere(server: Server) -> None:
    """Native libraries do not pass the guard in Python: look at the sockets the process has."""
    folder = Path(f"/proc/{server.process.pid}/fd")
    inodes = set()
    for entry in folder.iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{server.process.pid}/net/{table}").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[9] in inodes:
                assert parts[2].split(":")[0].strip("0") in ("", "100007F", "FFFF00000100007F"), line
    assert server.process.poll() is None


def test_log_lines_are_json_without_what_was_searched_for(server: Server) -> None:
    httpx.get(
        f"{server.address}/api/v1/search",
        params={"q": "backpack"},
        headers={"X-Request-Id": "mine"},
        timeout=120,
    )
    line = _wait_for(lambda: next((one for one in server.log() if one.get("request_id") == "mine"), None))
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/search", 200)
    assert line["ms"] > 0
    assert "backpack" not in json.dumps(line)


@pytest.mark.parametrize(
    "sent", [b"", b"GET /api/v1/health/live HTT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b"]
)
def test_who_does_not_finish_a_head_is_hung_up_on(server: Server, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(sent)
        assert connection.recv(1000) == b""


def test_who_does_not_finish_a_body_is_told_and_hung_up_on(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(_head(100) + b'{"query":')
        answer = _everything(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/api/v1/problems/request-timeout" in answer


def test_the_port_is_taken(server: Server, place: Place, tmp_path: Path) -> None:
    command = ["serve", str(place.gallery), "--state", str(tmp_path), "--port", str(server.port)]
    second = subprocess.run([sys.executable, "-m", "attrieve.cli", *command], capture_output=True, text=True)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {server.port}" in second.stderr
    assert "Traceback" not in second.stderr


def test_running_requests_are_finished_when_it_is_told_to_stop(server: Server) -> None:
    body = json.dumps({"query": "hat"}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(_head(len(body)) + body[:5])
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as other:
            other.sendall(b"GET /api/v1/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            assert b" 200 " in _everything(other)  # so the first one has been taken, too
        server.process.send_signal(signal.SIGTERM)
        _wait_for(lambda: _refused(server.port))
        connection.sendall(body[5:])
        answer = _everything(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"hits":[' in answer
    assert server.process.wait(60) in (0, -signal.SIGTERM)
    assert not any("Traceback" in line for line in server.lines)


def test_only_ciphers_with_forward_secrecy_are_offered(tmp_path: Path) -> None:
    """TLS 1.2 at least, and what an eavesdropper kept stays closed when the key is lost later."""
    key, certificate = self_signed(tmp_path)
    config = _configuration(
        ServiceSettings(gallery=tmp_path, tls_certificate=certificate, tls_key=key), FastAPI()
    )
    config.load()
    assert config.ssl is not None
    assert config.ssl.minimum_version >= ssl.TLSVersion.TLSv1_2
    for cipher in config.ssl.get_ciphers():
        assert cipher["protocol"] == "TLSv1.3" or cipher["kea"] == "kx-ecdhe", cipher["name"]
        assert cipher["aead"], cipher["name"]
        assert cipher["auth"] in ("auth-rsa", "auth-ecdsa", "auth-any"), cipher["name"]


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Return the files of a key and of a certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "chain.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return folder / "key.pem", folder / "chain.pem"


def test_what_workers_are_told_reaches_them(tmp_path: Path) -> None:
    """Started anew, they get it as bytes."""
    settings = ServiceSettings(gallery=tmp_path, workers=2, body_seconds=7)
    config = pickle.loads(pickle.dumps(_configuration(settings, Application(settings))))
    assert config.header_seconds == 7
    assert config.app.settings == settings
    assert config.http is PatientProtocol


@pytest.mark.slow
def test_workers_share_the_gallery_and_their_numbers_are_added_up(place: Place, tmp_path: Path) -> None:
    server = start(place, tmp_path, "--workers", "2", "--json-logs")
    try:
        for _ in range(20):
            assert httpx.get(f"{server.address}/api/v1/search?q=hat", timeout=300).json()["total"] == 24
        text = httpx.get(f"{server.address}/api/v1/metrics", timeout=60).text
        assert re.search(r"^attrieve_searches_total 20\.0$", text, re.MULTILINE)
        workers = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        assert len(workers) >= 2
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(120) == 0
    finally:
        end(server)


def _head(length: int) -> bytes:
    return (
        b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: " + str(length).encode() + b"\r\n\r\n"
    )


def _everything(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def _refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def _wait_for(look: Any, seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_answers_do_not_wait_for_acknowledgements(tmp_path: Path) -> None:
    """Head and body of an answer are sent one after the other: held back, the body comes 40 ms late."""

    async def held_back() -> bool:
        found: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            found.set_result(not connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = _listen(ServiceSettings(gallery=tmp_path, port=0))
        async with await asyncio.start_server(accepted, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            result = await asyncio.wait_for(found, 30)
            writer.close()
        return result

    assert not asyncio.run(held_back())
