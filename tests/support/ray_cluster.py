"""Ray on several nodes of this machine: the head, which runs no shard, and two that run one at a time."""

import gc
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from ray.cluster_utils import Cluster

from dicom_sieve.screening import RunsShards, Shard, ShardResult
from dicom_sieve.workers.interface import Result, Task
from dicom_sieve.workers.local import in_pool
from dicom_sieve.workers.ray import ray_pool

SMALL = {"object_store_memory": 80 * 1024 * 1024, "include_dashboard": False}
AWAY = {
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
    "RAY_raylet_liveness_self_check_interval_ms": "600000",
    "RAY_health_check_timeout_ms": "60000",
}
"""How long nodes wait for a control plane, and it for them: to start it again may take a busy machine longer than Ray's
60 s; a node that asks a new one, which remembers nothing, whether it is known, ends itself, and this process with it;
and a node that answers late is taken for dead. One that is killed refuses at once."""
ATTEMPTS = 3
"""To start a node: Ray gives up one that takes half a minute, as it may on a machine that is busy otherwise."""


@dataclass
class Nodes:
    """A running Ray.

    Attributes:
        cluster: Of Ray's own utilities.
        folder: Where all of its processes write.
        client_address: Where clients connect to that are not on one of its machines, if its nodes are apart.
        apart: Whether each node has a loopback address of its own.
        workers: Nodes that run shards.
    """

    cluster: Any
    folder: Path
    client_address: str
    apart: bool
    workers: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self) -> None:
        """Start one more node."""
        place = f"127.0.0.{len(self.workers) + 3}"
        self.workers.append(_patiently(self.cluster, self.folder, num_cpus=1, **_at(place, self.apart), **SMALL))

    def kill(self, place: int) -> None:
        """Kill a node with all that runs there."""
        self.cluster.remove_node(self.workers.pop(place), allow_graceful=False)

    def restart_head(self) -> None:
        """Kill the control plane, and start it again: it remembers nothing."""
        head: Any = self.cluster.head_node
        head.kill_gcs_server()
        with mock.patch.dict(os.environ, AWAY):
            head.start_gcs_server()

    def kill_head(self) -> None:
        """Kill what all others depend on: the control plane, and the head's part of it."""
        head: Any = self.cluster.head_node
        head.kill_gcs_server(check_alive=False)
        head.kill_raylet(check_alive=False)

    def executor(self, workers: int = 2) -> RunsShards:
        """Give an executor that runs shards there."""

        @contextmanager
        def pool(work: Callable[[Task], Result]) -> Iterator[Callable[[Task], Result]]:
            # This process waits as long as the nodes: else Ray ends it, and with it all of the tests.
            with mock.patch.dict(os.environ, AWAY), ray_pool(self.address, workers, work) as remote:
                yield remote

        return in_pool(pool, workers)


def read_nothing(shard: Shard) -> ShardResult:
    """Index nothing of a shard: to see that it is executed."""
    return ShardResult(shard.number, (), (), reads=0, bytes_read=0)


@contextmanager
def running_ray(*, apart: bool = False) -> Iterator[Nodes]:
    """Start it, and stop all of it in the end."""
    with TemporaryDirectory(prefix="ray-") as folder:  # of a short name: it is part of names of sockets
        nodes = _start(Path(folder), apart)
        try:
            yield nodes
        finally:
            nodes.cluster.shutdown()


def _start(folder: Path, apart: bool, attempts: int = ATTEMPTS) -> Nodes:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster: Any = Cluster(shutdown_at_exit=False)
    nodes = Nodes(cluster, folder, f"ray://127.0.0.2:{port}", apart)
    client = {"ray_client_server_port": port} if apart else {}
    usable = False
    (folder / "ray").mkdir(exist_ok=True)  # where Ray's utilities write the address, and expect a folder
    try:
        _patiently(cluster, folder, num_cpus=0, temp_dir=str(folder), **_at("127.0.0.2", apart), **client, **SMALL)
        nodes.add()
        nodes.add()
        usable = not apart or _answers(f"127.0.0.2:{port}")
    finally:
        if not usable:
            cluster.shutdown()
    if usable:
        return nodes
    assert attempts > 1, f"Ray answers no clients at {nodes.client_address}"
    return _start(folder, apart, attempts - 1)


def _answers(address: str) -> bool:
    """See whether a gRPC server takes connections, from a process of its own: gRPC does not bear that ours forks."""
    code = "import grpc, sys; grpc.channel_ready_future(grpc.insecure_channel(sys.argv[1])).result(60)"
    return subprocess.run([sys.executable, "-c", code, address], capture_output=True, check=False).returncode == 0


def _at(address: str, apart: bool) -> dict[str, Any]:
    return {"node_ip_address": address} if apart else {}


def _patiently(cluster: Any, folder: Path, attempts: int = ATTEMPTS, **means: Any) -> Any:
    before = cluster.list_all_nodes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Ray leaves the log files of what it starts open
        try:
            with mock.patch.dict(os.environ, AWAY | {"RAY_TMPDIR": str(folder)}):
                return cluster.add_node(**means)
        except Exception:  # Ray raises no other type
            for late in set(cluster.list_all_nodes()).difference(before):  # or it would come when nobody waits for it
                cluster.remove_node(late, allow_graceful=False)
            if attempts == 1:
                raise
        finally:
            gc.collect()
    return _patiently(cluster, folder, attempts - 1, **means)
