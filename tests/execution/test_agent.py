"""What the agent tells of a training, in both places, whatever the training does."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scheduler.execution.agent import COLLECTORS_FILE, GANG_FILE, LEADER_FILE, carbonsched_evidence_v1
from scheduler.execution.agent.carbonsched_evidence_v1 import LOOKED_AT, newest_save
from scheduler.records import evidence
from tests.execution.agent_node import SID, Node, python


def test_a_training_that_ends_well_leaves_the_same_evidence_in_both_places(node: Node) -> None:
    """Exit 0, an outcome with every field, samples from start to end, and nothing in the job's log."""
    before = time.time()
    assert 0 == node.run(["/bin/sleep", "0.35"])
    outcome = node.outcome
    started, ended, duration = outcome.pop("started_unix"), outcome.pop("ended_unix"), outcome.pop("duration_s")
    trained_at, trained_s = outcome.pop("trained_unix"), outcome.pop("trained_s")
    assert isinstance(trained_at, float)
    assert isinstance(trained_s, float)
    assert isinstance(started, float)
    assert isinstance(ended, float)
    assert isinstance(duration, float)
    assert started <= trained_at < trained_at + trained_s <= ended
    assert 0.35 <= trained_s == pytest.approx(0.35, abs=0.2)
    assert before <= started <= ended <= time.time()
    assert trained_s <= duration == pytest.approx(ended - started, abs=0.05)
    samples = node.samples
    assert {
        "v": 1, "sid": SID, "fence": 5, "exit_code": 0, "reason": "exited", "stop_received_unix": None,
        "progress_before": 0.25, "progress": None, "saved_unix": None, "samples": len(samples), "energy_j": None,
        "energy_source": "model", "error": "", "saved": "in_place", "storage": None,
        "measured_share": 0.0, "unmetered": "not asked for",
    } == outcome  # fmt: skip
    assert list(range(len(samples))) == [sample["n"] for sample in samples]
    assert 4 <= len(samples)
    assert {"v", "n", "t_unix", "mono_s", "energy_j", "energy_source", "progress", "saved_unix"} == set(samples[0])
    assert "" == node.log.read_text()


def test_the_agent_exits_with_the_trainings_code(node: Node) -> None:
    """Ray tells success from failure by it."""
    assert 3 == node.run("exit 3")
    assert (3, "exited") == (node.outcome["exit_code"], node.outcome["reason"])


def test_a_training_killed_by_a_signal_has_a_negative_code(node: Node) -> None:
    """As Python counts; the agent exits with 128 more, as a shell would."""
    assert 128 + 9 == node.run("kill -9 $$")
    assert (-9, "exited", None) == tuple(node.outcome[k] for k in ("exit_code", "reason", "stop_received_unix"))


def test_a_checkpoint_folder_that_cannot_be_made_is_told_in_the_log_folder(node: Node) -> None:
    """Where nothing can be saved nothing is started."""
    node.checkpoint.parent.parent.mkdir(parents=True)
    node.checkpoint.parent.write_text("in the way")
    assert 75 == node.run(f"touch {node.root}/ran")
    outcome = json.loads((node.logs / f"carbonsched-{SID}.outcome.json").read_text())
    assert ("not_started", None) == (outcome["reason"], outcome["exit_code"])
    assert "the checkpoint's folder cannot be used" in outcome["error"]
    assert not (node.root / "ran").exists()


@pytest.mark.parametrize(
    ("text", "expected"), [("0.5", 0.5), ("1", 1.0), (" 0.75\n", 0.75), ("half", None), ("nan", None), ("1.5", None),
                           ("-1", None), ("", None), ("\xff", None)],
)  # fmt: skip
def test_progress_is_what_the_training_wrote_or_unknown(node: Node, text: str, expected: float | None) -> None:
    """A file that holds no fraction is null, never zero and never an error."""
    code = "import os, sys; open(os.environ['CARBONSCHED_PROGRESS'], 'wb').write(sys.argv[1].encode('latin-1'))"
    assert 0 == node.run(python(code, text))
    assert expected == node.outcome["progress"]
    assert expected == node.samples[-1]["progress"]


def test_a_progress_file_broken_later_keeps_the_last_good_reading_in_the_outcome(node: Node) -> None:
    """What was once read stays true: work does not go back."""
    assert 0 == node.run(
        'echo 0.4 > "$CARBONSCHED_PROGRESS"; sleep 0.4; echo oops > "$CARBONSCHED_PROGRESS"; sleep 0.3'
    )
    assert 0.4 == node.outcome["progress"]
    assert None is node.samples[-1]["progress"]


def test_the_newest_file_of_the_checkpoint_says_when_it_was_saved(node: Node) -> None:
    """Whatever folder in it the file lies in; before the first save there is no time."""
    script = (
        'sleep 0.3; cd "$CARBONSCHED_CHECKPOINT"; mkdir -p a/b; touch -d @1700000000.5 a/b/old; '
        "touch -d @1700000009 a/new; sleep 0.4; touch -d @1700000010 a/b/last"
    )
    assert 0 == node.run(script)
    assert [None, 1700000009.0, 1700000010.0] == list(dict.fromkeys(s["saved_unix"] for s in node.samples))
    assert 1700000010.0 == node.outcome["saved_unix"]


def test_a_checkpoint_of_very_many_files_is_looked_at_in_part(tmp_path: Path) -> None:
    """A look must not cost the training its disk."""
    (tmp_path / "deep").mkdir()
    for number in range(LOOKED_AT):
        (tmp_path / f"{number}").touch()
    (tmp_path / "deep" / "never seen").touch()
    os.utime(tmp_path / "deep" / "never seen", (2e9, 2e9))
    assert 2e9 > (newest_save(tmp_path) or 0) > 0


def test_a_command_that_is_not_there_was_not_started(node: Node) -> None:
    """The outcome has the shell's 127; the agent's own status cannot be taken for an agent that is not there."""
    assert 125 == node.run(["/no/such/program"])
    assert ("not_started", 127, 0) == tuple(node.outcome[k] for k in ("reason", "exit_code", "samples"))
    assert "the command cannot be run" in str(node.outcome["error"])


def test_a_file_that_may_not_be_run_was_not_started(node: Node) -> None:
    """As a shell says it: 126."""
    (node.root / "plain").write_text("text")
    assert 125 == node.run([str(node.root / "plain")])
    assert ("not_started", 126) == (node.outcome["reason"], node.outcome["exit_code"])


def test_a_command_that_the_shell_cannot_find_ran_the_shell(node: Node) -> None:
    """What came before it in the text may have run."""
    assert 125 == node.run("no-such-program-of-ours")
    assert ("exited", 127) == (node.outcome["reason"], node.outcome["exit_code"])


def test_words_are_run_as_they_are_in_the_snapshot(node: Node) -> None:
    """No shell reads them, and the current folder is the user's."""
    code = "import os, sys; sys.exit(not (sys.argv[1] == 'a b;$HOME' and os.getcwd().endswith('/package/work')))"
    assert 0 == node.run(python(code, "a b;$HOME"))


def test_the_training_gets_its_own_variables_and_none_that_steer_ray(node: Node) -> None:
    """A script must not find the cluster's token, nor attach itself to the cluster by accident."""
    env = {
        "RAY_AUTH_TOKEN": "t", "RAY_ADDRESS": "192.0.2.1:6379", "RAY_JOB_CONFIG_JSON_ENV_VAR": "{}", "RAY_ASKED": "1",
        "OMP_NUM_THREADS": "1", "PYTHONBREAKPOINT": "ray.util.rpdb.set_trace", "WANDB_MODE": "offline",
    }  # fmt: skip
    assert 0 == node.start(["/usr/bin/env"], env=env, keep=["RAY_ASKED"]).wait(timeout=20)
    seen = dict(line.split("=", 1) for line in node.log.read_text().splitlines() if "=" in line)
    assert {"RAY_ASKED"} == {name for name in seen if name.startswith("RAY_")}
    assert not {"OMP_NUM_THREADS", "PYTHONBREAKPOINT", "CARBONSCHED_AGENT"} & set(seen)
    assert {
        "CARBONSCHED_JOB": "7f3a",
        "CARBONSCHED_SEGMENT": "2",
        "CARBONSCHED_CHECKPOINT": str(node.checkpoint),
        "CARBONSCHED_PROGRESS": str(node.beside / f"carbonsched-{SID}.progress"),
        "WANDB_MODE": "offline",
    } == {name: seen[name] for name in seen if name.startswith("CARBONSCHED_") or name == "WANDB_MODE"}
    assert node.checkpoint.is_dir()


def test_a_tilde_is_the_nodes_home(node: Node) -> None:
    """A cluster without a storage keeps checkpoints in the account's home."""
    home = node.root / "home"
    assert 0 == node.start("true", env={"HOME": str(home)}, checkpoint_dir="~/ck/one").wait(timeout=20)
    assert (home / "ck" / "one").is_dir()
    assert (home / "ck" / "one.carbonsched" / f"carbonsched-{SID}.outcome.json").exists()


def test_without_rays_log_the_copy_beside_the_checkpoint_stands_alone(node: Node) -> None:
    """Any other output file is not Ray's and its folder is not written to."""
    assert 0 == node.start("true", log=node.logs / "elsewhere.txt").wait(timeout=20)
    assert ["elsewhere.txt"] == [path.name for path in node.logs.iterdir()]
    assert (node.beside / f"carbonsched-{SID}.outcome.json").exists()


def test_the_agent_alone_says_what_it_is(agent_path: Path) -> None:
    """Started by hand it explains itself instead of failing oddly."""
    ran = subprocess.run([sys.executable, "-I", str(agent_path)], capture_output=True, text=True, check=False)
    assert 1 == ran.returncode
    assert "carbonsched: CARBONSCHED_AGENT is not set: this file is started by carbonsched\n" == ran.stderr


def test_the_agent_needs_python_39_and_its_library_only(agent_path: Path) -> None:
    """The cluster's Python may be old and has none of our packages; what else is there is imported late."""
    files = [*agent_path.parent.glob("carbonsched_*.py")]
    own = {file.stem for file in files}
    for file in files:
        parsed = ast.parse(file.read_text(), feature_version=(3, 9))
        for only_read in [
            n for n in ast.walk(parsed) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"
        ]:
            only_read.body = []
        allowed = {"__future__"}
        outside = [*ast.iter_child_nodes(parsed)]
        if file.name in (COLLECTORS_FILE, GANG_FILE, LEADER_FILE):
            allowed.add("ray")
        for names, nodes in (({*sys.stdlib_module_names, *own}, outside), (own, [*ast.walk(parsed)])):
            allowed |= names
            imported = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
            imported |= {str(n.module) for n in nodes if isinstance(n, ast.ImportFrom)}
            assert {name.split(".")[0] for name in imported} <= allowed


def test_the_agent_writes_the_protocol_that_is_read() -> None:
    """Of two numbers that are one, one may be forgotten."""
    assert carbonsched_evidence_v1.PROTOCOL == evidence.PROTOCOL
