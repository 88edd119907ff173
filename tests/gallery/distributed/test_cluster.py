"""A cluster that cannot be joined is told soon, with what to do."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attrieve.errors import ClusterError
from attrieve.gallery.distributed.cluster import connected
from environments import environment_with_tests

SOON_S = 30.0
TRIES, SECONDS = "RAY_gcs_server_port_wait_time_s", "RAY_py_gcs_connect_timeout_s"
LIBRARY = "attrieve.gallery.distributed.cluster.ray_library"

JOIN = """
import sys, time
from attrieve.errors import ClusterError
from attrieve.gallery.distributed.cluster import connected
began = time.monotonic()
try:
    with connected(sys.argv[1]) as ray:
        print("joined", len(ray.nodes()))
except ClusterError as error:
    print(error)
print(time.monotonic() - began)
"""


def join(address: str, **variables: str) -> tuple[str, float]:
    """What a process of its own is told, and after how many seconds; Ray keeps its token for good."""
    environment = environment_with_tests(RAY_USAGE_STATS_ENABLED="0", **variables)
    command = [sys.executable, "-c", JOIN, address]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=200)
    told, seconds = done.stdout.splitlines()
    return told, float(seconds)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-machine.invalid"])
def test_an_address_where_nobody_listens_is_told_before_ray_tries(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Ray would ask again for a quarter of an hour."""
    library = SimpleNamespace(is_initialized=lambda: False, init=lambda **_: pytest.fail("Ray was asked"))
    monkeypatch.setattr(LIBRARY, lambda: library)
    address = f"{host}:{free_port()}"
    with pytest.raises(ClusterError, match=f"cannot reach a Ray cluster at '{address}': .*HOST:PORT"):
        connected(address).__enter__()


def refusing(**_: Any) -> None:
    """As Ray does: what was wrong stands in the report within a cause."""
    try:
        raise RuntimeError("Failed to connect to GCS. Last: Traceback ... InvalidAuthToken: missing ...")
    except RuntimeError as error:
        raise ConnectionError("Failed to connect to Ray cluster") from error


@pytest.mark.parametrize(("token", "told"), [("abc", "holds another"), (None, "holds none")])
def test_a_token_that_is_refused_is_told(
    monkeypatch: pytest.MonkeyPatch, token: str | None, told: str
) -> None:
    """Which variables to set, and never the token itself."""
    monkeypatch.setattr(LIBRARY, lambda: SimpleNamespace(is_initialized=lambda: False, init=refusing))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    with pytest.raises(ClusterError, match="refuses the token") as caught:
        connected("auto").__enter__()
    assert f"RAY_AUTH_TOKEN {told} and RAY_AUTH_MODE is disabled" in str(caught.value)
    assert "abc" not in str(caught.value)


def test_ray_is_less_patient_only_while_it_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its user set stays set; a Ray that is started here is not hurried."""
    monkeypatch.setenv(SECONDS, "77")
    before = dict(os.environ)
    seen: dict[str, str | None] = {}

    def init(address: str, **_: Any) -> None:
        seen[address] = os.environ.get(TRIES)
        assert os.environ[SECONDS] == "77"

    library = SimpleNamespace(is_initialized=lambda: False, init=init, shutdown=lambda: None)
    monkeypatch.setattr(LIBRARY, lambda: library)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    for address in ("auto", "local"):
        with connected(address):
            assert {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"} == {
                **before,
                "RAY_USAGE_STATS_ENABLED": "0",
            }
    assert seen == {"auto": "1", "local": None}


@pytest.mark.slow
def test_a_port_that_says_nothing_is_told_soon() -> None:
    """Something else listens there."""
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told, seconds = join(f"127.0.0.1:{silent.getsockname()[1]}")
    assert "cannot reach a Ray cluster at" in told
    assert seconds < SOON_S


@contextmanager
def head_with_token(folder: Path, token: str) -> Iterator[str]:
    """Start the head of a cluster that asks for a token; gives its address."""
    port = free_port()
    command = [
        *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", f"--port={port}"),
        *("--num-cpus=1", f"--object-store-memory={80 << 20}", "--include-dashboard=false"),
        *(f"--temp-dir={folder}", "--disable-usage-stats"),
    ]
    variables = environment_with_tests(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token)
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, env=variables, stdout=nothing, stderr=nothing) as head:
        try:
            until = time.monotonic() + 120
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < until
                    assert head.poll() is None
                    time.sleep(0.5)
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()  # it ends the processes it started


@pytest.mark.slow
def test_a_wrong_token_is_told_soon(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The right one joins the very same cluster."""
    pytest.importorskip("ray")
    right = "0123456789abcdef0123456789abcdef"
    folder = tmp_path_factory.mktemp("ray")  # short, since sockets lie in it
    with head_with_token(folder, right) as address:
        for variables in (
            {"RAY_AUTH_TOKEN": "f" * 32, "RAY_AUTH_MODE": "token"},
            {"RAY_AUTH_MODE": "disabled"},
        ):
            told, seconds = join(address, **variables)
            assert "refuses the token" in told
            assert seconds < SOON_S
        until = time.monotonic() + 120
        while (told := join(address, RAY_AUTH_TOKEN=right, RAY_AUTH_MODE="token")[0]) != "joined 1":
            assert time.monotonic() < until, told
