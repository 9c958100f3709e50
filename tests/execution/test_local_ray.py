"""Local clusters with a stand-in for Ray: what is started, what is undone, and what is never touched."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from cli import main
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import CarbonschedError
from scheduler.execution import local_head, local_process
from scheduler.execution.clock import SystemClock
from scheduler.execution.local_ray import LocalRay
from tests.execution.conftest import Until


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalRay]:
    """Local clusters of a stand-in; whatever a failed test leaves is ended."""
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("fake_ray.py")}" "$@"\n')
    python.chmod(0o755)
    temp = Path("/tmp") / f"cst-{os.getpid()}-{abs(hash(tmp_path)) % 10**6}"
    temp.mkdir()
    made = LocalRay(
        state_dir=tmp_path / "state",
        environ={"PATH": os.environ["PATH"], "HOME": "/home/ana", "RAY_ADDRESS": "elsewhere", "PYTHONPATH": "."},
        clock=SystemClock(),
        preflight=lambda: None,
        temp_root=temp,
        python=str(python),
    )
    yield made
    made.down()
    assert [] == [*temp.iterdir()]
    temp.rmdir()


def manner(local: LocalRay, fake: str) -> LocalRay:
    """The same clusters, some of them misbehaving."""
    return replace(local, environ={**local.environ, "FAKE_RAY": fake})


def seen(local: LocalRay, letter: str) -> dict[str, dict[str, str]]:
    """What a stand-in saw when it was started."""
    path = next(local.temp_root.glob(f"cs-*/{letter}/seen.json"))
    loaded: dict[str, dict[str, str]] = json.loads(path.read_text())
    return loaded


def pids(local: LocalRay) -> list[int]:
    """The first process of each cluster that is remembered."""
    return [json.loads(p.read_text())["pid"] for p in sorted((local.state_dir / "local").glob("*.json"))]


def test_both_clusters_are_up_and_say_where(local: LocalRay) -> None:
    """Each in its zone, with its GPUs, reached with a token of its own."""
    said: list[str] = []
    quebec, france = local.up(said.append)
    assert ("quebec", "CA-QC", True, "session_fake", 8, 8, "") == (
        quebec.name, quebec.zone, quebec.up, quebec.session, quebec.gpus_total, quebec.gpus_free, quebec.problem,
    )  # fmt: skip
    assert ("france", "FR", True) == (france.name, france.zone, france.up)
    assert quebec.address != france.address
    assert 4 == len(said)
    assert (quebec, france) == local.status()
    tokens = {(local.state_dir / "local" / f"{name}.token").read_text() for name in ("quebec", "france")}
    assert 2 == len(tokens)
    assert all(len(token) >= 43 for token in tokens)


def test_what_is_written_is_for_this_account_only(local: LocalRay) -> None:
    """A token opens the cluster to whoever reads it; Ray's sockets lie in a private folder."""
    local.up()
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (local.state_dir / "local").iterdir()}
    assert {0o600} == {modes[name] for name in ("quebec.token", "france.token", "quebec.json", "france.json")}
    assert [0o700] == [stat.S_IMODE(p.stat().st_mode) for p in local.temp_root.iterdir()]


def test_a_cluster_file_is_what_the_scheduler_reads(local: LocalRay) -> None:
    """Simulated, with a storage that both share."""
    files = [cluster.file for cluster in local.up()]
    clusters = [Cluster.from_yaml(file.read_text(), what=file.name) for file in files]
    assert [("quebec", "CA-QC"), ("france", "FR")] == [(cluster.name, cluster.zone) for cluster in clusters]
    assert all(cluster.simulated and cluster.paused_nodes == "off" for cluster in clusters)
    assert 1 == len({cluster.storage for cluster in clusters})
    assert str(local.state_dir / "local" / "storage") == clusters[0].storage[0].path


def test_ray_is_started_with_nothing_left_to_chance(local: LocalRay) -> None:
    """Every port, the token by file, our Python first, and nothing of the environment that would steer it."""
    local.up()
    told = seen(local, "q")
    environ = told["environ"]
    assert {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(local.state_dir / "local" / "quebec.token")} == {
        name: value for name, value in environ.items() if name.startswith("RAY_")
    }
    assert environ["PATH"].startswith(str(Path(local.python).parent) + ":")
    assert ("/home/ana", "127.0.0.1,localhost") == (environ["HOME"], environ["NO_PROXY"])
    assert "PYTHONPATH" not in environ
    ports = [word for word in told["argv"] if "port=" in word]
    assert 11 == len(ports) == len({word.partition("=")[2] for word in ports})


def test_the_state_folder_that_it_makes_is_the_accounts_own(local: LocalRay) -> None:
    """Jobs come into it later, with their commands and environments."""
    assert () == local.down()
    modes = [stat.S_IMODE((local.state_dir / name).stat().st_mode) for name in ("", "local", "local/storage")]
    assert [0o700] * 3 == modes


def test_what_is_up_stays_as_it_is(local: LocalRay) -> None:
    """The second call starts nothing, and says so."""
    before = local.up()
    running = pids(local)
    said: list[str] = []
    assert before == local.up(said.append)
    assert running == pids(local)
    assert [f"{c.name} is already up at {c.address}" for c in before] == said


def test_down_leaves_no_process_and_only_its_own_folder(local: LocalRay) -> None:
    """Checkpoints and logs stay in the state folder; a second call finds nothing to do."""
    local.up()
    processes = pids(local)
    assert ("quebec", "france") == local.down()
    assert [None, None] == [local_process.process_of(pid) for pid in processes]
    left = sorted(p.name for p in (local.state_dir / "local").iterdir())
    assert ["clusters", "france.log", "lock", "quebec.log", "storage"] == left
    assert [] == [*(local.state_dir / "local" / "clusters").iterdir()]
    assert () == local.down()
    assert [False, False] == [cluster.up for cluster in local.status()]


def test_a_second_cluster_that_fails_takes_the_first_with_it(local: LocalRay) -> None:
    """The error has the end of what it said, without its colours; nothing is left."""
    with pytest.raises(CarbonschedError, match="the local cluster 'france' did not start: it ended") as raised:
        manner(local, "f=dies").up()
    assert raised.value.message.endswith("it said: fake ray says hello | no room for me here")
    assert str(local.state_dir / "local" / "france.log") in raised.value.hint
    assert [] == pids(local)


def test_a_cluster_that_was_up_before_stays_when_another_fails(local: LocalRay, until: Until) -> None:
    """Only what the call itself started is undone."""
    local.up()
    france_pid, quebec_pid = pids(local)
    os.kill(france_pid, 9)
    until(lambda: local_process.process_of(france_pid) is None)
    with pytest.raises(CarbonschedError, match="'france' did not start"):
        manner(local, "f=dies").up()
    assert [quebec_pid] == pids(local)


def test_a_cluster_that_never_gets_ready_is_given_up(local: LocalRay, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time, with all that it started."""
    monkeypatch.setattr(local_head, "READY_WITHIN", local_head._POLL * 3)
    with pytest.raises(CarbonschedError, match="'quebec' did not start: it was not ready within 0 s"):
        manner(local, "q=hangs").up()
    assert [] == pids(local)


def test_an_interrupt_in_the_middle_undoes_everything(local: LocalRay) -> None:
    """Ctrl-C while the second starts; Ray itself does not hear it."""

    def interrupt(text: str) -> None:
        """Press Ctrl-C when France is announced."""
        if text.startswith("starting france"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        local.up(interrupt)
    assert [] == pids(local)
    assert [] == [*local.temp_root.iterdir()]


def test_a_cluster_that_will_not_end_is_killed_with_its_orphans(
    local: LocalRay, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    """Found by the mark in their environment, wherever they went."""
    monkeypatch.setattr(local_head, "END_WITHIN", local_head._POLL)
    manner(local, "q=stubborn").up()
    mark = json.loads((local.state_dir / "local" / "quebec.json").read_text())["mark"]
    first = local_process.process_of(pids(local)[1])
    assert first is not None
    until(lambda: len(local_process.family(first, mark)) >= 3)
    local.down()
    assert set() == local_process.family(first, mark)


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        ("q=busy", ["quebec: asked 1 running to save and stop"]),
        ("q=clings", ["quebec: asked 1 running to save and stop", "quebec: 1 still running after 0 s, killed"]),
        ("q=deaf", ["it answered 503: []; its jobs are killed"]),
        ("", []),
    ],
)
def test_jobs_are_asked_to_save_before_their_cluster_ends(
    local: LocalRay, monkeypatch: pytest.MonkeyPatch, fake: str, said: list[str]
) -> None:
    """And where that does not help, or cannot be asked, it ends all the same."""
    monkeypatch.setattr(local_head, "SAVE_WITHIN", local_head._POLL)
    manner(local, fake).up()
    heard: list[str] = []
    local.down(heard.append)
    assert ["stopping quebec", "stopping france"] == heard[:2]
    assert said == [text.rpartition("01: ")[2] for text in heard[2:]]


def test_a_start_that_was_cut_short_is_told_and_finished(local: LocalRay) -> None:
    """As after a SIGKILL of the command."""
    france = local.up()[1]
    france.file.unlink()
    assert "its start was cut short" in local.status()[1].problem
    assert france == local.up()[1]


def test_a_cluster_that_cannot_be_asked_says_why(local: LocalRay) -> None:
    """It is up, and something is wrong."""
    local.up()
    token = local.state_dir / "local" / "quebec.token"
    token.chmod(0o644)
    quebec = local.status()[0]
    assert (True, 0) == (quebec.up, quebec.gpus_total)
    assert "is open to others" in quebec.problem
    token.chmod(0o600)


def test_a_cluster_that_died_is_told_and_started_anew(local: LocalRay, until: Until) -> None:
    """Its leftovers are cleared first."""
    local.up()
    died = pids(local)[1]
    os.kill(died, 9)
    until(lambda: local_process.process_of(died) is None)
    quebec, france = local.status()
    assert (False, True) == (quebec.up, france.up)
    assert "it ended by itself" in quebec.problem
    assert [True, True] == [cluster.up for cluster in local.up()]


def test_a_pid_that_now_is_somebody_elses_is_left_alone(local: LocalRay) -> None:
    """A pid file survives a reboot; the process that has its number then does not die for it."""
    local.up()
    memory = local.state_dir / "local" / "quebec.json"
    kept = json.loads(memory.read_text())
    with subprocess.Popen(["/bin/sleep", "60"]) as bystander:
        memory.write_text(json.dumps({**kept, "pid": bystander.pid}))
        local.down()
        assert None is bystander.poll()
        bystander.kill()


def test_two_calls_do_not_start_the_same_clusters(local: LocalRay) -> None:
    """The second is told to wait."""
    (local.state_dir / "local").mkdir(parents=True)
    with FileLock(local.state_dir / "local" / "lock"):
        for call in (local.up, local.down):
            with pytest.raises(CarbonschedError, match="another carbonsched is starting or stopping"):
                call()


def test_nothing_is_started_where_something_is_missing(local: LocalRay) -> None:
    """The checks come first."""

    def refuse() -> None:
        """Say what is missing."""
        raise CarbonschedError("no Ray here", hint="install it")

    with pytest.raises(CarbonschedError, match="no Ray here"):
        replace(local, preflight=refuse).up()
    assert [] == [*local.temp_root.iterdir()]


def test_a_memory_that_cannot_be_read_is_told(local: LocalRay) -> None:
    """Nothing is guessed about which process to end."""
    folder = local.state_dir / "local"
    folder.mkdir(parents=True)
    (folder / "quebec.json").write_text("{")
    with pytest.raises(CarbonschedError, match=r"quebec\.json cannot be read"):
        local.status()
    (folder / "quebec.json").unlink()


@pytest.fixture
def commands(local: LocalRay, monkeypatch: pytest.MonkeyPatch) -> LocalRay:
    """The clusters of the stand-in, behind the command line."""
    monkeypatch.setattr("cli.local._local", lambda: local)
    return local


def test_the_commands_print_data_on_stdout_and_talk_on_stderr(
    commands: LocalRay, capsys: pytest.CaptureFixture[str]
) -> None:
    """One JSON object, or a table; what is going on can be followed meanwhile."""
    assert 0 == main.run(["local", "up", "--json"])
    out, err = capsys.readouterr()
    quebec, france = json.loads(out)["clusters"]
    assert ("quebec", True, 8, True) == (quebec["name"], quebec["up"], quebec["gpus_free"], quebec["simulated"])
    assert france["file"] == str(commands.state_dir / "local" / "clusters" / "france.yaml")
    assert ["starting quebec", "quebec is", "starting france", "france is"] == [
        " ".join(line.split()[:2]) for line in err.splitlines()
    ]
    assert 0 == main.run(["local", "status"])
    assert quebec["address"] in capsys.readouterr().out
    assert 0 == main.run(["local", "down"])
    assert ("", "stopping quebec\nstopping france\n") == capsys.readouterr()
    assert 0 == main.run(["local", "down"])
    assert ("", "no local cluster was up\n") == capsys.readouterr()


def test_a_start_that_fails_is_two_lines(
    commands: LocalRay, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error and the way out, no traceback."""
    monkeypatch.setattr("cli.local._local", lambda: manner(commands, "q=dies"))
    assert 1 == main.run(["local", "up"])
    lines = capsys.readouterr().err.splitlines()
    assert ["start", "error", "hint:"] == [line[:5] for line in lines]
