"""Numbers for Prometheus: requests, searches, what waits, what there is."""

import os
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable under which the library finds the folder that several workers write to."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The numbers of one application; those of several workers are added up where they share a folder."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._states = _States()
        self.requests = Counter(
            "attrieve_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self.request_seconds = Histogram(
            "attrieve_request_seconds",
            "Seconds until an answer was sent.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.searches = Counter("attrieve_searches", "Searches answered.", registry=self._registry)
        self.search_seconds = Histogram(
            "attrieve_search_seconds",
            "Seconds a search took, without waiting.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.search_wait_seconds = Histogram(
            "attrieve_search_wait_seconds",
            "Seconds a search waited for its turn.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.searches_refused = Counter(
            "attrieve_searches_refused", "Searches refused since too many waited.", registry=self._registry
        )

    def state(self, name: str, help_text: str, read: Callable[[], float | dict[str, float]]) -> None:
        """Tell a number as it is when asked for; a dictionary is told by its keys, as label ``state``."""
        self._states.add(name, help_text, read)

    def text(self) -> bytes:
        """Return everything in the format Prometheus reads."""
        asked = self._registry
        if SHARED_FOLDER in os.environ:
            from prometheus_client.multiprocess import MultiProcessCollector

            asked = CollectorRegistry()
            MultiProcessCollector(asked)  # type: ignore[no-untyped-call]
        states = CollectorRegistry()
        states.register(self._states)
        return generate_latest(asked) + generate_latest(states)


class _States(Collector):
    def __init__(self) -> None:
        self._read: dict[str, tuple[str, Callable[[], float | dict[str, float]]]] = {}

    def add(self, name: str, help_text: str, read: Callable[[], float | dict[str, float]]) -> None:
        self._read[name] = help_text, read

    def collect(self) -> Iterable[Metric]:
        for name, (help_text, read) in self._read.items():
            value = read()
            if isinstance(value, dict):
                family = GaugeMetricFamily(name, help_text, labels=["state"])
                for label, number in value.items():
                    family.add_metric([label], number)
            else:
                family = GaugeMetricFamily(name, help_text, value=value)
            yield family
