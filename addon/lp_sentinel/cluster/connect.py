"""The way to a Dask cluster: one that runs elsewhere, or one started on this machine for as long as it is needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster
from distributed.comm.addressing import resolve_address
from distributed.comm.core import connect
from distributed.security import Security

from lp_sentinel.cluster.errors import ClusterError
from lp_sentinel.wording import reason

_LOCAL = "local"
_PATIENCE = 5
"""Seconds within which a scheduler answers, or does not."""
_LOOPBACK = "127.0.0.1"


@contextmanager
def connected(address: str, workers: int) -> Iterator[Client]:
    """A client of the cluster at ``address``; ``local`` starts one of ``workers`` processes. Raises ClusterError."""
    # What Dask logs would run into what is printed here. What matters of it comes as an exception.
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
    if address != _LOCAL:
        with dask.config.set({"distributed.comm.timeouts.connect": _PATIENCE}), _client(address) as client:
            yield client
        return
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host=_LOOPBACK,
            dashboard_address=f"{_LOOPBACK}:0",
            silence_logs=logging.CRITICAL + 1,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _client(address: str) -> Client:
    # Asked first, since a client that never came to be complains when it is forgotten.
    try:
        resolved = resolve_address(address)
        asyncio.run(asyncio.wait_for(_ask(resolved), 2 * _PATIENCE))
        return Client(resolved, timeout=_PATIENCE, set_as_default=False)
    except (TimeoutError, MemoryError):
        # Dask takes what another server says for a length, and makes room for it.
        raise ClusterError(f"no cluster at {address}: what listens there does not answer as a Dask scheduler") from None
    except (OSError, ValueError) as error:
        raise ClusterError(f"no cluster at {address}: {reason(error)}") from error


async def _ask(address: str) -> None:
    communication = await connect(address, timeout=_PATIENCE, **Security().get_connection_args("client"))
    await communication.close()
