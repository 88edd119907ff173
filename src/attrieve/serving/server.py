"""The process, or processes, that listen: uvicorn around the application."""

import os
import socket
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from attrieve.errors import ConfigurationError
from attrieve.serving.access.binding import check_before_listening
from attrieve.serving.app import create_app
from attrieve.serving.log_lines import logging_configuration
from attrieve.serving.memory import give_memory_back, leave_out_of_collections
from attrieve.serving.metrics import SHARED_FOLDER
from attrieve.serving.patient_protocol import PatientConfig
from attrieve.serving.service import Service
from attrieve.serving.settings import ServiceSettings

HEADER_BYTES_MOST = 128 << 10
"""Longest request line and headers together; an address holds a whole search."""

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, those with forward secrecy that detect changes; all of TLS 1.3 are so. Said here, since what
uvicorn takes without it has differed from version to version."""

HEALTH_SECONDS = 60
"""A worker that does not answer its parent for so long is ended and replaced."""


@dataclass(frozen=True)
class Application:
    """Makes the application of a worker process; travels to it.

    Args:
        settings: how it runs.
    """

    settings: ServiceSettings

    def __call__(self) -> FastAPI:
        """Return the application."""
        return _made(self.settings)


def serve(settings: ServiceSettings, *, listening: Callable[[str], object] | None = None) -> None:
    """Answer requests until the process is told to stop (SIGTERM, Ctrl-C); running requests are finished.

    Args:
        settings: how the service runs.
        listening: told the address when requests are taken.

    Raises:
        AttrieveError: if the gallery or the state folder cannot be used, the settings do not go together,
            or the address is taken.
    """
    check_before_listening(settings)
    listener = _listen(settings)
    try:
        if settings.workers == 1:
            config = _configuration(settings, _made(settings))
            _tell(listening, settings, listener)
            uvicorn.Server(config).run(sockets=[listener])
            return
        # Whatever is wrong is told once, before the workers start, and they find the columns for searching.
        Service(settings).close()
        with tempfile.TemporaryDirectory(prefix="attrieve-metrics-") as shared:
            os.environ[SHARED_FOLDER] = shared
            config = _configuration(settings, Application(settings))
            _tell(listening, settings, listener)
            Multiprocess(config, sockets=[listener]).run()
    finally:
        listener.close()


def _made(settings: ServiceSettings) -> FastAPI:
    """Return the application of a process that does nothing else."""
    give_memory_back()
    _one_thread_each()
    app = create_app(settings)
    leave_out_of_collections()
    return app


def _one_thread_each() -> None:
    """Let each request embed its description on the thread it has.

    What PyTorch does for a search is little, and threads that meet at its barriers wait for each other:
    with every core busy that takes twenty times as long as one thread alone. Scans have their own threads.
    """
    torch.set_num_threads(1)


def _listen(settings: ServiceSettings) -> socket.socket:
    """Take the address first, so that a service that cannot have it does not start at all."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it the second part of an
    # answer waits for the client's acknowledgement of the first, 40 ms as a rule.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; choose another with "
            "--port, 0 takes a free one"
        ) from error
    listener.set_inheritable(True)
    return listener


def _tell(
    listening: Callable[[str], object] | None, settings: ServiceSettings, listener: socket.socket
) -> None:
    if listening is not None:
        scheme = "http" if settings.tls_certificate is None else "https"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        listening(f"{scheme}://{host}:{listener.getsockname()[1]}")


def _configuration(settings: ServiceSettings, app: FastAPI | Application) -> uvicorn.Config:
    options: dict[str, Any] = {}
    if settings.tls_certificate is not None:
        options |= {"ssl_certfile": settings.tls_certificate, "ssl_keyfile": settings.tls_key}
        options["ssl_ciphers"] = CIPHERS
    config = PatientConfig(
        app,
        header_seconds=settings.body_seconds,
        factory=isinstance(app, Application),
        workers=settings.workers,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=logging_configuration(as_json=settings.json_logs),
        access_log=False,  # the application writes its own lines, without what was searched for
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        timeout_worker_healthcheck=HEALTH_SECONDS,
        h11_max_incomplete_event_size=HEADER_BYTES_MOST,
        **options,
    )
    if options:
        _check_certificate(settings)
    return config


def _check_certificate(settings: ServiceSettings) -> None:
    assert settings.tls_certificate is not None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"tls_certificate {settings.tls_certificate} and tls_key {settings.tls_key} cannot be used: "
            f"{error}"
        ) from error
