"""A service that really listens, in a thread of this process, for what a test client does not pass on."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from attrieve.serving.app import create_app
from attrieve.serving.server import _configuration
from attrieve.serving.settings import read_settings
from serving.place import Place


@contextmanager
def listening(place: Place, state: Path, **settings: Any) -> Iterator[int]:
    """Serve a place; gives the port."""
    given = {"gallery": place.gallery, "state": state, "search_threads": 1, **settings}
    wanted = read_settings(given, environment={})
    config = _configuration(wanted, create_app(wanted, retriever=place.retriever))
    config.log_config = None
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def exchange(port: int, sent: bytes) -> bytes:
    """Send bytes over a connection of their own; return all that comes back until it is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(sent)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)
