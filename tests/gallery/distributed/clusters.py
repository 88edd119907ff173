"""A real Ray cluster on this machine: every node is a set of processes of its own, and can be killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STORE_BYTES = 80 << 20  # the least a node's object store may have


class Machines:
    """A head and the machines added to it."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._added: list[Any] = []

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self, cpus: float = 1.0, **resources: Any) -> Any:
        node = self._cluster.add_node(num_cpus=cpus, object_store_memory=STORE_BYTES, **resources)
        self._added.append(node)
        return node

    def kill(self, node: Any) -> None:
        """Kill a machine's processes, without telling anybody."""
        self._added.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def remove_added(self) -> None:
        for node in list(self._added):
            self.kill(node)


@contextmanager
def machines() -> Iterator[Machines]:
    import ray
    from ray.cluster_utils import Cluster

    head = {
        "num_cpus": 1,
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
        # a dead machine is missed after a second or two instead of half a minute
        "_system_config": {"health_check_period_ms": 500, "health_check_failure_threshold": 4},
    }
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        yield Machines(cluster)
    finally:
        ray.shutdown()
        cluster.shutdown()
