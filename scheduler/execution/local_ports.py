"""Ports of a local cluster: one free block for each, every port given explicitly.

Ray's defaults collide when two clusters share a machine: the second starts, and then takes no job.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from scheduler.domain.errors import CarbonschedError

_FIRST: Final = 20000
_END: Final = 32000  # below the ports that Linux hands out by itself, from 32768
_STEP: Final = 200
_FIXED: Final = 11
_LOOPBACK: Final = "127.0.0.1"
_CLAIM: Final = 11  # bound by us, not by Ray, while a cluster starts: two that start at once see each other
_WORKERS: Final = (100, 199)


@dataclass(frozen=True, slots=True)
class Ports:
    """The block that begins at `base`."""

    base: int

    @property
    def dashboard(self) -> int:
        """Where the Jobs API answers."""
        return self.base + 1

    @property
    def agent(self) -> int:
        """Where the node's agent says that it is ready."""
        return self.base + 2

    @property
    def client(self) -> int:
        """Where Ray Client is served."""
        return self.base + 6

    @property
    def all(self) -> list[int]:
        """Every port that the cluster may use."""
        return [self.base + n for n in (*range(_FIXED), *range(_WORKERS[0], _WORKERS[1] + 1))]

    def flags(self) -> list[str]:
        """The flags of ``ray start`` that say them."""
        names = (
            "port", "dashboard-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port",
            "runtime-env-agent-port", "metrics-export-port", "ray-client-server-port", "object-manager-port",
            "node-manager-port",
        )  # fmt: skip
        low, high = _WORKERS
        return [
            *(f"--{name}={self.base + n}" for n, name in enumerate(names)),
            f"--min-worker-port={self.base + low}",
            f"--max-worker-port={self.base + high}",
        ]

    def environ(self) -> dict[str, str]:
        """The variables that say those that have no flag."""
        return {"AUTOSCALER_METRIC_PORT": str(self.base + 9), "DASHBOARD_METRIC_PORT": str(self.base + 10)}


@contextmanager
def free_block(taken: Collection[int]) -> Iterator[Ports]:
    """The first block in which every port is free, the blocks at `taken` left out; nobody else gets it meanwhile.

    Raises:
        CarbonschedError: there is none.
    """
    for base in range(_FIRST, _END, _STEP):
        with socket.socket() as claim:
            if base not in taken and _binds(claim, "", base + _CLAIM) and all(map(_is_free, Ports(base).all)):
                yield Ports(base)
                return
    raise CarbonschedError(f"no free block of ports between {_FIRST} and {_END}", hint="stop what listens there")


def _is_free(port: int) -> bool:
    """Whether nobody listens on `port`; connections that have just ended are no hindrance to Ray either."""
    for address in ("", _LOOPBACK):  # systems differ in whether one hides the other
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if not _binds(probe, address, port):
                return False
    return True


def _binds(sock: socket.socket, address: str, port: int) -> bool:
    """Whether `sock` could take the port."""
    try:
        sock.bind((address, port))
    except OSError:
        return False
    return True
