"""Sending images to a service and waiting for what becomes of them."""

import time
from typing import Any

import httpx
from fastapi.testclient import TestClient


def done(client: TestClient, answer: httpx.Response) -> dict[str, Any]:
    """Wait for the job an answer names."""
    assert answer.status_code == 202, answer.text
    until = time.monotonic() + 120
    while time.monotonic() < until:
        job: dict[str, Any] = client.get(answer.headers["Location"]).json()
        if job["state"] in ("done", "failed", "cancelled"):
            return job
        time.sleep(0.05)
    raise AssertionError(job)


def files(*given: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("images", (name, data, "image/png")) for name, data in given]
