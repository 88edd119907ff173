"""How Ray is found, reached and spoken to."""

import importlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from attrieve.errors import AttrieveError, ClusterError, ConfigurationError

ALONE = "local"
"""The address that means: no cluster, only this machine."""

_ANSWER_S = 10.0
"""How long a machine may take to answer at all."""

_PATIENCE = {"RAY_gcs_server_port_wait_time_s": "1", "RAY_py_gcs_connect_timeout_s": "10"}
"""How often Ray asks a head and how many seconds it waits; left alone it goes on for a quarter of an hour."""

_HOST_AND_PORT = re.compile(r"(?P<host>[^:/]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})")

_TOKEN_REFUSED = re.compile("InvalidAuthToken|authentication token", re.IGNORECASE)


def ray_library() -> Any:
    """Return the library.

    Raises:
        ConfigurationError: naming the extra, if it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ConfigurationError(
            f"working on a cluster needs the library 'ray', which cannot be imported ({error}); "
            "install it with: pip install 'attrieve[ray]'"
        ) from error


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Be part of a Ray cluster for a while; yields the library.

    Args:
        address: ``host:port`` of the head node, ``auto`` for the cluster this machine belongs to, or
            ``local`` to start Ray on this machine alone. None, or being connected already, keeps the
            connection there is.

    Raises:
        ConfigurationError: if Ray is not installed.
        ClusterError: if nobody answers at that address, or the cluster refuses this program's token, after
            half a minute at most; or if None is given without a connection.
    """
    with nullcontext() if address == ALONE else _less_patient():
        ray = ray_library()
        ours = not ray.is_initialized()
        if ours:
            _join(ray, address)
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def _join(ray: Any, address: str | None) -> None:
    if address is None:
        raise ClusterError("not connected to a cluster; give the address of one, or 'local'")
    if address == ALONE:
        # what is found out about the machine stays on it, unless its owner says otherwise
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    more = {"include_dashboard": False} if address == ALONE else {}
    try:
        _require_somebody(address)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", namespace="attrieve", **more)
    except Exception as error:  # Ray raises bare ones, too
        raise _unreached(address, error) from error


def told_by_ray(error: Exception) -> str:
    """Return the line that says why an actor is no more, without the report around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if getattr(error, "actor_init_failed", False) else lines[0]


def raised_by_worker(error: Any) -> BaseException:
    """Return what a worker's code raised, as it would have been raised here.

    Args:
        error: a ``ray.exceptions.RayTaskError``.
    """
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, AttrieveError) else error


def _require_somebody(address: str) -> None:
    """Be refused at once, or after a few seconds, where Ray would try for long.

    Raises:
        OSError: if the address names a machine and a port, and nobody listens there.
    """
    named = _HOST_AND_PORT.fullmatch(address)
    if named is not None:
        host = named["host"].strip("[]")
        socket.create_connection((host, int(named["port"])), timeout=_ANSWER_S).close()


@contextmanager
def _less_patient() -> Iterator[None]:
    """Let Ray ask a head once: a wrong token stays wrong. What is set already stays as it is.

    One of them is read when the library is loaded, and not again.
    """
    ours = {name: value for name, value in _PATIENCE.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


def _unreached(address: str, error: Exception) -> ClusterError:
    """Return what to tell of a connection that was not made."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    if any(_TOKEN_REFUSED.search(str(cause)) for cause in causes):
        given = "another" if os.environ.get("RAY_AUTH_TOKEN") else "none"
        mode = os.environ.get("RAY_AUTH_MODE", "not set")
        return ClusterError(
            f"the Ray cluster at {address!r} refuses the token: expected the one its head was started with, "
            f"RAY_AUTH_TOKEN holds {given} and RAY_AUTH_MODE is {mode}; set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN to the token of the cluster"
        )
    return ClusterError(
        f"cannot reach a Ray cluster at {address!r}: {told_by_ray(error)}; start one with `ray start --head` "
        "and give the HOST:PORT that it tells, or 'local' for this machine alone"
    )
