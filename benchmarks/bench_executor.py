"""Where replays are made soonest: sweeps of growing size in one process, on this machine's cores and on a Ray cluster.

    python benchmarks/bench_executor.py [--replays 2 8 32] [--executor ray://HOST:PORT]

Without an executor a head of Ray is started here, on the same cores, and ended: then the difference to the processes is
what Ray costs, not what more machines gain. Times are of the wall, from the call to the last result, with connecting
and disconnecting; `work s` is what the replays themselves took, one after the other in one process.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.invented_trace import case_asked, parser_of
from cli.replays.crew import Alone, Crew
from cli.replays.processes import Processes
from cli.replays.ray_address import RAY_SETTINGS, ClientServer, client_server_of
from cli.replays.work import Order, Work
from policies.carbon_aware import CarbonAware
from scheduler.execution.clock import SystemClock
from scheduler.execution.local_head import LocalHead
from scheduler.execution.local_ports import free_block

JOBS = 800
REPLAYS = (2, 8, 32)


@contextmanager
def own_head() -> Iterator[ClientServer]:
    """A head on this machine, with its token in our environment."""
    with tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp") as folder:  # short, for Ray's sockets
        root = Path(folder)
        head = LocalHead(
            name="bench", zone="FR", folder=root, temp=root / "r", python=sys.executable, clock=SystemClock()
        )
        try:
            with free_block([]) as ports:
                head.start(ports, os.environ)
                head.wait_ready()
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(root / "bench.token")}
            yield ClientServer(host="127.0.0.1", port=ports.client)
        finally:
            head.stop(print)


def took_s(crew: Crew, orders: Sequence[Order]) -> float:
    """How long a crew takes for all. [s]"""
    began_s = time.perf_counter()
    with closing(crew.made(orders, lambda _order, _jobs, _took_s: None)) as making:
        for _ in making:
            pass
    return time.perf_counter() - began_s


def measured(server: ClientServer, work: Work, replays: Sequence[int]) -> None:
    """Print a line a size."""
    os.environ |= RAY_SETTINGS
    from cli.replays.ray_cluster import RayCluster  # noqa: PLC0415  # it reads its settings when it is imported

    cores = os.cpu_count() or 1
    ray = RayCluster(server, way_out="", say=print, again=lambda _order: None)
    print(f"{'replays':>7} {'work s':>8} {f'{cores} processes s':>15} {'Ray s':>8}")
    for count in replays:
        orders = [Order(work=work, policy=CarbonAware(), perfect=False) for _ in range(count)]
        alone_s, processes_s, ray_s = (took_s(crew, orders) for crew in (Alone(), Processes(cores, ""), ray))
        print(f"{count:>7} {alone_s:>8.1f} {processes_s:>15.1f} {ray_s:>8.1f}", flush=True)


def main() -> None:
    """Time every size."""
    parser = parser_of(__doc__ or "")
    parser.add_argument("--replays", type=int, nargs="+", default=REPLAYS, help="sizes of the sweep")
    parser.add_argument("--executor", type=client_server_of, help="a cluster that is there; default one started here")
    given = parser.parse_args()
    case = case_asked(given, JOBS)
    work = Work(world=case.world, requests=case.requests, told=case.told, passes=case.passes)
    if given.executor:
        measured(given.executor, work, given.replays)
        return
    with own_head() as server:
        measured(server, work, given.replays)


if __name__ == "__main__":
    main()
