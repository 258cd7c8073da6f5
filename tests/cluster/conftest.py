"""The cluster's proofs take minutes and Debian's packages: ``make cluster-test`` runs them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from deploy.cluster.loopback import LOOPBACK, Cluster, install

from tests.cluster.load import Load
from tests.cluster.relay import Relay

collect_ignore_glob = [] if os.environ.get("TRACETRACK_CLUSTER_TEST") else ["test_*.py"]


@pytest.fixture(scope="session")
def relays() -> Iterator[dict[int, Relay]]:
    """What each database node reaches etcd through."""
    made = {number: Relay() for number in (1, 2, 3)}
    yield made
    for relay in made.values():
        relay.close()


@pytest.fixture(scope="session")
def cluster(relays: dict[int, Relay]) -> Iterator[Cluster]:
    """A cluster with two hosts, on a folder of its own."""
    install()
    with tempfile.TemporaryDirectory(prefix="tracetrack-cluster-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        made = Cluster(
            folder,
            base=18000,
            site_port=18099,
            etcd=lambda number: f"{LOOPBACK}:{relays[number].port}",
            etcd_api=os.environ.get("ETCD_API", "etcd"),
        )
        for number, relay in relays.items():
            relay.open(made.port("etcd", number))
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture
async def load(cluster: Cluster) -> AsyncIterator[Load]:
    """People who scan at the site all the time, on a cluster that is whole."""
    await cluster_whole(cluster)
    async with Load(cluster).running() as running:
        yield running


async def cluster_whole(cluster: Cluster) -> None:
    """Wait until there is a leader with two replicas, one of them synchronous."""
    from tests.cluster.load import until

    await until(
        lambda: (
            cluster.leader() is not None
            and len(cluster.replicas()) == cluster.streaming() == 2
            and cluster.synchronous() is not None
        ),
        90,
    )
