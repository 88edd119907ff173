"""How Ray is found, reached and spoken to."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrieve.errors import AttrieveError, ClusterError, ConfigurationError

ALONE = "local"
"""The address that means: no cluster, only this machine."""


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
        ClusterError: if nobody answers at that address, or None is given without a connection.
    """
    ray = ray_library()
    if ray.is_initialized():
        yield ray
        return
    if address is None:
        raise ClusterError("not connected to a cluster; give the address of one, or 'local'")
    if address == ALONE:
        # what is found out about the machine stays on it, unless its owner says otherwise
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        more = {"include_dashboard": False} if address == ALONE else {}
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", namespace="attrieve", **more)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise ClusterError(
            f"cannot reach a Ray cluster at {address!r}: {told_by_ray(error)}; "
            "start one with `ray start --head` and give its address, or 'local' for this machine alone"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


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
