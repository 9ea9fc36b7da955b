"""Several real Ray nodes on one machine, each of which may die."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ray.cluster_utils import Cluster


@dataclass(frozen=True, slots=True)
class RayNodes:
    """A head without processors, and nodes."""

    cluster: Any
    """Ray's own helper for its own tests."""

    @property
    def address(self) -> str:
        """Of the cluster."""
        return str(self.cluster.address)

    def add(self, num_cpus: int) -> Any:
        """One more node."""
        return self.cluster.add_node(num_cpus=num_cpus)

    def kill(self, node: Any) -> None:
        """SIGKILL to all of a node's processes; its workers end with it."""
        self.cluster.remove_node(node, allow_graceful=False)


@contextlib.contextmanager
def running(*, num_cpus: int, count: int) -> Iterator[tuple[RayNodes, list[Any]]]:
    """A cluster of `count` nodes with as many processors each. Nothing of it is left afterwards."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = RayNodes(cluster)
    try:
        members = [nodes.add(num_cpus) for _ in range(count)]
        cluster.wait_for_nodes()
        yield nodes, members
    finally:
        cluster.shutdown()
