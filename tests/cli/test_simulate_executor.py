"""Where replays are made, how far they are said to be, and what becomes of those that are cut short."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli import child, main
from cli.replays import node, run
from cli.replays.crew import Far, Making
from cli.replays.line import Line
from cli.replays.pace import Pace
from cli.replays.ray_address import ClientServer, client_server_of
from cli.replays.work import Order
from scheduler.domain.errors import CarbonschedError, ClusterRefused, ClusterUnreachable, InvalidInput
from scheduler.execution import local_process
from tests.cli.test_simulate_sweep import FILES
from tests.cli.test_simulate_sweep import folder as folder  # noqa: PLC0414  # a fixture
from tests.execution.conftest import wait_until
from tests.execution.crew_world import orders

CLOSED = "ray://127.0.0.1:9"


def sha256(capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """The checksum of a replay."""
    capsys.readouterr()
    assert main.run(["simulate", *FILES, "--json", *more]) == 0
    return str(json.loads(capsys.readouterr().out)["sha256"])


@pytest.mark.usefixtures("folder")
def test_a_small_sweep_is_made_here_and_nothing_is_connected_to(capsys: pytest.CaptureFixture[str]) -> None:
    """To the same figures, and stderr says why; nobody listens where the cluster was to be."""
    plain = sha256(capsys, "--forecasts", "history", "--slack", "6")
    assert main.run(["simulate", *FILES, "--json", "--forecasts", "history", "--slack", "6", "--executor", CLOSED]) == 0
    told = capsys.readouterr()
    assert plain == json.loads(told.out)["sha256"]
    assert "about 0 s of work: done here; Ray pays from about a minute on" in told.err


@pytest.mark.usefixtures("folder")
def test_a_large_sweep_needs_its_cluster(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers it ends with 5, an error and a hint, one line each."""
    monkeypatch.setattr(run, "_RAY_PAYS_FROM_S", 0.0)
    assert main.run(["simulate", *FILES, "--executor", CLOSED]) == 5
    said = capsys.readouterr().err.splitlines()
    assert [f"error: no connection to {CLOSED}: Connection refused", "hint: is the cluster up"] == [
        said[-2], said[-1].partition(",")[0],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("executor", "said"),
    [
        ("http://head:8265", "is a dashboard"),
        ("head:10001", "is no Ray cluster"),
        ("ray", "is no Ray cluster"),
        ("ray://", "is no Ray cluster"),
        ("ray://me@head:10001", "is no Ray cluster"),
        ("ray://head:10001/x", "is no Ray cluster"),
        ("ray://head:10001?conda", "is no Ray cluster"),
        ("ray://head", "names no port"),
        ("ray://head:99999", "cannot be read"),
    ],
)
@pytest.mark.parametrize("command", [("simulate",), ("policy", "tune")])
def test_what_is_no_cluster_is_refused(
    capsys: pytest.CaptureFixture[str], executor: str, said: str, command: tuple[str, ...]
) -> None:
    """Before anything is read, with the form that is meant."""
    assert main.run([*command, *FILES, "--executor", executor]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert said in error
    assert "ray://" in hint


def test_a_cluster_is_named_by_its_client_server() -> None:
    """An address of version 6 keeps its brackets; `?pip` lets the nodes install what they lack."""
    assert "ray://[::1]:10001" == client_server_of("ray://[::1]:10001").url
    assert ClientServer(host="head", port=10001, pip=True) == client_server_of("ray://head:10001?pip")


def test_what_can_be_known_of_a_cluster_is_told_before_ray_is_asked() -> None:
    """That Ray is missing here, that a token would travel readable, and that nobody answers."""
    there, here = ClientServer(host="10.1.2.3", port=10001), ClientServer(host="127.0.0.1", port=9)
    with pytest.raises(CarbonschedError, match="no grpc"):
        here.check({}, lambda name: None if name == "grpc" else name)
    with pytest.raises(InvalidInput, match="would travel readable") as raised:
        there.check({"RAY_AUTH_MODE": "token"})
    assert "ssh -N -L 10001:localhost:10001 10.1.2.3" in raised.value.hint
    with pytest.raises(ClusterUnreachable, match="refused"):
        here.check({"RAY_AUTH_MODE": "token"})


def test_a_node_that_cannot_make_replays_is_told_by_what_it_lacks() -> None:
    """What is missing, and what is too old; what is here will do."""
    assert [] == node.misfits(node.versions())
    found = {"python": "3.11.4", "numpy": "1.26.4", "pydantic": "2.10.0rc1", "pyyaml": ""}
    assert ["numpy>=2 (it has 1.26.4)", "pyyaml>=6 (missing)"] == node.misfits(found)


def test_a_policy_that_is_not_on_a_node_is_named() -> None:
    """The error travels back, for it is of the replay and not of the node's code."""
    import pickle  # noqa: PLC0415  # what a node does is all that needs it

    found = pickle.loads(node.made(pickle.dumps(orders()[0].work), b"ctheir_policies\nMine\n.", False))  # noqa: FBT003  # as Ray hands it over
    assert isinstance(found, ClusterRefused)
    assert "no module 'their_policies'" in found.message


class Cut:
    """A crew that makes one replay and is then gone."""

    width = 1

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def made(self, orders: Sequence[Order], far: Far) -> Making:
        """The first of them."""
        yield orders[0], orders[0].made(lambda _jobs, _took_s: None)
        raise self._error


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("error", "code"), [(ClusterUnreachable("gone"), 5), (KeyboardInterrupt(), 130)])
def test_what_was_finished_before_the_end_is_taken_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    """With --resume, whatever ended it; the whole comes to what it comes to at once."""
    more = ("--slack", "6", "--forecasts", "history")
    whole = sha256(capsys, *more)
    with monkeypatch.context() as patch:
        patch.setattr(run, "Alone", lambda: Cut(error))
        assert code == main.run(["simulate", *FILES, *more, "--resume", "kept"])
    assert bool(re.search(r"1 of \d replays are kept", capsys.readouterr().err)) is (code == 130)
    assert main.run(["simulate", *FILES, "--json", *more, "--resume", "kept"]) == 0
    told = capsys.readouterr()
    assert re.search(r"1 of \d replays were finished before and are taken up", told.err)
    assert whole == json.loads(told.out)["sha256"]


def test_ctrl_c_ends_every_process_at_once(folder: Path) -> None:
    """Pressed twice, as people do: exit code 130, what is finished kept, no traceback, no process left."""
    rows = [f"j{n},2026-03-{2 + n // 400:02}T{n % 24:02}:00:00Z,{1 + n % 30},{1 + n % 8}" for n in range(2000)]
    (folder / "trace.csv").write_text("job_id,submit_time,duration_hours,gpus\n" + "\n".join(rows) + "\n")
    more = ("--slack", "24", "--replan", "1h", "--policy", "carbon-aware", "--workers", "2", "--resume", "kept")
    mark = "ctrl-c"
    with subprocess.Popen(
        [*child.command(), "simulate", *FILES, *more],
        env={**os.environ, local_process.MARK_ENV: mark},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        first = local_process.Process(process.pid, "")
        while not list((folder / "kept").glob("*.npz")):
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert process.returncode in {130, -signal.SIGINT}  # the second may come when all is over
    assert re.fullmatch(r"1 of \d replays are kept: the same command takes up what is finished, from kept\n", said)
    wait_until(lambda: not local_process.family(first, mark))


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def test_progress_is_for_terminals() -> None:
    """There a line is written over and gone at the end; elsewhere only what stays is said."""
    seen, unseen = Terminal(), io.StringIO()
    for stream in (seen, unseen):
        with Line(stream) as line:
            line.show("half")
            line.say("note")
            line.show("all")
    clear = "\r\033[K"
    assert f"{clear}half {clear}note\n{clear}all {clear}" == seen.getvalue()
    assert "note\n" == unseen.getvalue()


def test_time_left_goes_by_how_fast_replays_of_a_kind_went() -> None:
    """Of a policy that has not begun nothing is told; two at once take half as long, never less than the longest."""
    made = orders()
    pace = Pace(made)
    assert "0 of 3 replays done" == pace.text(2)
    pace.done(made[0], 1.2)
    assert pytest.approx(2.4) == pace.work_s()
    assert 0.0 == pace.known_s()
    assert "1 of 3 replays done" == pace.text(2)
    pace.far(made[1], 6, 30 * made[1].share(6))
    assert pytest.approx(30 * (1 - made[1].share(6))) == pace.left_s(made[1])
    assert f"1 of 3 replays done, about {max(30.0, (30 + pace.left_s(made[1])) / 2):.0f} s left" == pace.text(2)
    pace.again(made[1])
    assert pytest.approx(30.0) == pace.left_s(made[1])
    for order in made[1:]:
        pace.done(order, 30.0)
    assert "3 of 3 replays done" == pace.text(2)
    assert 0.0 == pace.work_s()
