"""Replays on a Ray cluster, by its client server: our packages travel along, and each case is put there once.

Ray itself is imported here and nowhere else of ours: the Jobs API, by which trainings are launched, runs commands and
hands nothing back, and replays hand back arrays. So this module is imported where a sweep is worth a cluster.
"""

from __future__ import annotations

import importlib.metadata
import logging
import pickle
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import ray
from grpc import RpcError

from cli.replays import node
from cli.replays.crew import Far, Making
from cli.replays.ray_address import ClientServer
from cli.replays.work import Order, Work
from scheduler.domain.errors import CarbonschedError, ClusterRefused, ClusterUnreachable
from scheduler.simulation.results import Replayed

Ref = ray.ObjectRef
PACKAGES: Final = ("scheduler", "policies", "cli")
"""Of ours, what a replay imports."""
_TRIES: Final = 3
"""How often a replay is begun whose workers die: what kills three of them is the replay."""
_AHEAD: Final = 2
"""Replays in flight a CPU: the next is there when one is done, and a cluster that grows by demand sees it."""
_LEAST_IN_FLIGHT: Final = 16
_FIT_WITHIN_S: Final = 120.0
"""Until a node has answered at all: the first makes the environment, and may have to install. [s]"""
_LOOK_S: Final = 5.0
_DIED: Final = (
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.OutOfMemoryError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.ObjectLostError,
)
"""What a replay ends with that its worker, its node or what came of it was lost."""
_ADMITTED: Final = "where it wants a token: RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
_VERSIONS: Final = re.compile(r"Ray: (\S+)\s+Python: (\S+)")


class RayCluster:
    """The workers of a Ray cluster.

    Args:
        server: its client server.
        way_out: what becomes of the finished replays where the cluster is lost, for a person.
        say: tells a person something; again: is told of a replay that is begun anew.
    """

    def __init__(
        self, server: ClientServer, *, way_out: str, say: Callable[[str], None], again: Callable[[Order], None]
    ) -> None:
        self.width = 1
        self._server, self._way_out, self._say, self._again = server, way_out, say, again
        self._tries: dict[Order, int] = {}

    def made(self, orders: Sequence[Order], far: Far) -> Making:
        """Each replay as soon as it is done.

        Raises:
            ClusterUnreachable: there is no cluster, or it was lost.
            ClusterRefused: it is of another kind, or a replay cannot be made there.
        """
        del far  # a node tells nothing before it is done
        with _connected(self._server):
            try:
                self._fit()
                yield from self._finished(orders)
            except (ConnectionError, RpcError, ray.exceptions.RaySystemError) as exc:
                raise ClusterUnreachable(
                    f"the connection to {self._server.url} broke, with what was being replayed there",
                    hint=f"is its head still up? {self._way_out}",
                ) from exc

    def _fit(self) -> None:
        """Ask a node what it has, and refuse it where replays cannot be made there."""
        asked = ray.remote(num_cpus=0)(node.versions).remote()
        try:
            found = ray.get(asked, timeout=_FIT_WITHIN_S)
        except (ray.exceptions.RuntimeEnvSetupError, ray.exceptions.RayTaskError, *_DIED) as exc:
            raise _no_environment(self._server, exc) from exc
        except ray.exceptions.GetTimeoutError as exc:
            raise ClusterUnreachable(
                f"{self._server.url} has run nothing within {_FIT_WITHIN_S:.0f} s", hint="see its dashboard"
            ) from exc
        wrong = node.misfits(found)
        if wrong:
            raise ClusterRefused(
                f"the nodes of {self._server.url} cannot make replays: {', '.join(wrong)}",
                hint=f"install it on them, or let them: --executor '{self._server.url}?pip'",
            )
        if not self._cpus():
            self._say(f"{self._server.url} has no CPU yet: replays begin when it has")
        here = node.versions()
        if other := [name for name in ("numpy", "python") if found[name] != here[name]]:
            told = ", ".join(f"{name} {found[name]} there, {here[name]} here" for name in other)
            self._say(f"note: {told}: last digits may differ from a replay made here")

    @staticmethod
    def _cpus() -> int:
        """The CPUs that the cluster has now."""
        return int(ray.cluster_resources().get("CPU", 0))  # type: ignore[no-untyped-call]  # of Ray

    def _finished(self, orders: Sequence[Order]) -> Making:
        """What is done, with so many replays in flight as keep every CPU busy."""
        make = ray.remote(num_cpus=1, max_retries=0)(node.made)  # begun anew by us, who say so
        waiting, flying, cases = deque(orders), dict[Ref[bytes], Order](), _Cases(orders)
        try:
            while waiting or flying:
                if not ray.is_initialized():
                    raise ConnectionError  # noqa: TRY301  # lost is lost, whoever notices
                self.width = max(1, self._cpus())
                while waiting and len(flying) < max(_LEAST_IN_FLIGHT, _AHEAD * self.width):
                    order = waiting.popleft()
                    policy = pickle.dumps(order.policy)
                    flying[make.remote(cases.of(order.work), policy, order.perfect)] = order
                ready, _ = ray.wait(list(flying), num_returns=1, timeout=_LOOK_S)
                for ref in ready:
                    order = flying.pop(ref)
                    found = self._found(ref, order)
                    if found is None:
                        waiting.appendleft(order)
                    else:
                        cases.done(order.work)
                        yield order, found
        except BaseException:
            _cancel(flying)
            raise

    def _found(self, ref: Ref[bytes], order: Order) -> Replayed | None:
        """What a replay came to; None where its worker died and it is to be begun anew."""
        try:
            found = pickle.loads(ray.get(ref))  # noqa: S301  # what our own code made on the cluster of the user
        except _DIED as exc:
            tries = self._tries[order] = self._tries.get(order, 1) + 1
            if tries > _TRIES:
                raise ClusterRefused(
                    f"{order.label} was begun {_TRIES} times on {self._server.url}, and its worker died each time",
                    hint=f"its nodes may be short of memory; {self._way_out}",
                ) from exc
            self._say(f"a worker died: {order.label} is begun anew ({tries} of {_TRIES})")
            self._again(order)
            return None
        if isinstance(found, CarbonschedError):
            raise found
        return cast("Replayed", found)


class _Cases:
    """Cases on the cluster: each put there when its first replay begins, and let go after its last."""

    def __init__(self, orders: Sequence[Order]) -> None:
        self._left: dict[Work, int] = {}
        for order in orders:
            self._left[order.work] = self._left.get(order.work, 0) + 1
        self._there: dict[Work, Ref[bytes]] = {}

    def of(self, work: Work) -> Ref[bytes]:
        """Where the cluster has it."""
        if work not in self._there:
            self._there[work] = ray.put(pickle.dumps(work))
        return self._there[work]

    def done(self, work: Work) -> None:
        """One of its replays is done."""
        self._left[work] -= 1
        if not self._left[work]:
            del self._there[work]


def _cancel(flying: dict[Ref[bytes], Order]) -> None:
    """End what is being replayed, as far as the cluster can still be told; the rest ends with the connection."""
    if not ray.is_initialized():
        return
    try:
        for ref in flying:
            ray.cancel(ref, force=True)
    except (ConnectionError, RpcError, ray.exceptions.RayError):
        return


@contextmanager
def _connected(server: ClientServer) -> Iterator[None]:
    """A connection to a cluster whose nodes can import our packages; closed however it ends.

    Raises:
        ClusterUnreachable: there is no cluster that takes us.
        ClusterRefused: it is of another version, or cannot make the environment.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they warn of is said below
            _connect(server)
        yield
    finally:
        ray.shutdown()


def _connect(server: ClientServer) -> None:
    """Connect, and say in our words what is wrong."""
    home = Path(__file__).resolve().parents[2]
    env: dict[str, object] = {
        "py_modules": [str(home / name) for name in PACKAGES],
        "excludes": ["__pycache__", "*.pyc"],
    }
    if server.pip:
        env["pip"] = [f"{name}=={importlib.metadata.version(name)}" for name in node.NEEDED]
    try:
        ray.init(server.url, runtime_env=env, logging_level=logging.CRITICAL, log_to_driver=False)
    except ray.exceptions.AuthenticationError as exc:
        raise ClusterRefused(f"{server.url} wants a token", hint=_ADMITTED) from exc
    except ConnectionAbortedError as exc:
        raise _no_environment(server, exc) from exc
    except ConnectionError as exc:
        raise ClusterUnreachable(
            f"what answers at {server.url} is no client server that takes us",
            hint=f"is it the port of the client server, not of the dashboard? {_ADMITTED}",
        ) from exc
    except RuntimeError as exc:
        versions = _VERSIONS.findall(str(exc))
        if len(versions) != 2:  # noqa: PLR2004  # theirs and ours
            raise
        (their_ray, their_python), (our_ray, our_python) = versions
        raise ClusterRefused(
            f"{server.url} runs Ray {their_ray} on Python {their_python}, here is Ray {our_ray} on Python {our_python}",
            hint=f"start the sweep from an environment of Python {'.'.join(their_python.split('.')[:2])} "
            f"with ray[default]=={their_ray}",
        ) from exc


def _no_environment(server: ClientServer, exc: Exception) -> ClusterRefused:
    """The error for nodes on which our packages could not be made ready; Ray says the cause in its last line."""
    said = [line.strip() for line in str(exc).splitlines() if line.strip()][-1]
    return ClusterRefused(f"{server.url} cannot make replays ready: {said}", hint="its dashboard's log has all of it")
