"""Checkpoints on a storage behind a URI: fetched, copied in generations, and never used torn."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass, field
from functools import partial

import pytest

from scheduler.execution.agent.carbonsched_place_v1 import Place, place
from tests.execution.agent_node import COUNTS_STOPS, Node, python, stop_like_ray
from tests.execution.buckets import S3
from tests.execution.conftest import Until

APPENDS = 'cat "$CARBONSCHED_CHECKPOINT"/log 2>/dev/null; mkdir -p "$CARBONSCHED_CHECKPOINT/deep"; '
APPENDS += 'echo $CARBONSCHED_SEGMENT >> "$CARBONSCHED_CHECKPOINT/log"; '
APPENDS += 'cp "$CARBONSCHED_CHECKPOINT/log" "$CARBONSCHED_CHECKPOINT/deep/same"; '
APPENDS += 'ln -sfn deep "$CARBONSCHED_CHECKPOINT/latest"'
"""A training that prints what it was given and leaves a line more, in two files and behind a link."""


@dataclass(slots=True)
class Far:
    """A storage behind a URI, as the test sees it."""

    uri: str
    node: Node
    env: dict[str, str] = field(default_factory=dict)

    @property
    def copies(self) -> Place:
        """Where the generations lie."""
        return place(f"{self.uri}/checkpoint")

    @property
    def beside(self) -> Place:
        """Where fences and evidence lie."""
        return place(f"{self.uri}/checkpoint.carbonsched")

    def generations(self) -> list[str]:
        """Those that are marked, in order."""
        return sorted(name.removesuffix(".json") for name in self.copies.written() if name.endswith(".json"))

    def settings(self, number: int, **more: object) -> dict[str, object]:
        """What tells an agent to use it; each attempt has a folder of its own."""
        sid = f"cs-7f3a-s{number}-a1"
        return {
            "env": self.env, "sid": sid, "fence": number, "storage": self.uri,
            "checkpoint_dir": str(self.node.root / "disk" / sid / "checkpoint"), **more,
        }  # fmt: skip

    def start(self, command: str | list[str], number: int, **more: object) -> subprocess.Popen[bytes]:
        """Start an attempt."""
        return self.node.start(command, **self.settings(number, **more))  # type: ignore[arg-type]  # all go by name

    def run(self, command: str | list[str], number: int, **more: object) -> int:
        """Run an attempt to its end."""
        return self.node.run(command, **self.settings(number, **more))

    def outcome(self, number: int) -> dict[str, object]:
        """The outcome of an attempt, from the storage."""
        raw = self.beside.read(f"carbonsched-cs-7f3a-s{number}-a1.outcome.json")
        assert raw is not None
        loaded: dict[str, object] = json.loads(raw)
        return loaded


@pytest.fixture
def near(node: Node) -> Far:
    """A storage behind a URI that is a folder of this machine."""
    return Far(f"file://{node.root}/far", node)


@pytest.fixture(params=["file", "s3"])
def far(request: pytest.FixtureRequest, node: Node) -> Far:
    """A storage of each kind."""
    if request.param == "file":
        return Far(f"file://{node.root}/far", node)
    s3: S3 = request.getfixturevalue("s3")
    return Far(s3.uri, node, s3.env)


def test_a_checkpoint_goes_from_attempt_to_attempt_by_the_storage(far: Far) -> None:
    """Each starts in a fresh folder with what the one before left, links and all, and leaves nothing on the node."""
    for number in (5, 6):
        assert 0 == far.run(APPENDS, number)
        assert not (far.node.root / "disk" / f"cs-7f3a-s{number}-a1" / "checkpoint").exists()
    assert "5\n" == far.node.log.read_text()
    assert ["00000005-000001", "00000006-000001"] == far.generations() == sorted(far.copies.folders())
    marker = json.loads(far.copies.read("00000006-000001.json") or b"")
    assert {"latest": "deep"} == marker["links"]
    assert {"deep/same": 4, "log": 4} == {file["name"]: file["bytes"] for file in marker["files"]}
    assert {hashlib.sha256(b"5\n6\n").hexdigest()} == {file["sha256"] for file in marker["files"]}
    traffic = far.outcome(6)["storage"]
    assert isinstance(traffic, dict)
    assert not far.env or (traffic["written_requests"] >= 6 and traffic["read_requests"] >= 6)


def test_what_travelled_is_in_the_outcome(near: Far) -> None:
    """Bytes and time, apart from the time of the training itself."""
    save = 'head -c 300000 /dev/zero > "$CARBONSCHED_CHECKPOINT/weights"; sleep 0.2'
    assert 0 == near.run(save, 5)
    assert 0 == near.run(save, 6)
    first, second = near.outcome(5), near.outcome(6)
    assert ("copied", "copied") == (first["saved"], second["saved"])
    one, two = first["storage"], second["storage"]
    assert isinstance(one, dict)
    assert isinstance(two, dict)
    assert 300_000 <= one["written_bytes"] < 302_000
    assert one["read_bytes"] < 2_000
    assert 300_000 <= two["read_bytes"] < 302_000
    lasted_s, trained_s = second["duration_s"], second["trained_s"]
    assert isinstance(lasted_s, float)
    assert isinstance(trained_s, float)
    assert 0 < two["read_s"] < lasted_s
    assert 0 < two["written_s"] < lasted_s
    assert 0.2 <= trained_s < lasted_s - two["read_s"]
    samples = near.beside.read("carbonsched-cs-7f3a-s6-a1.samples.jsonl") or b""
    assert second["samples"] == samples.count(b"\n")


def test_a_training_that_saves_nothing_has_nothing_to_copy(near: Far) -> None:
    """And the next one starts from nothing."""
    assert 0 == near.run("true", 5)
    assert ("nothing", None) == (near.outcome(5)["saved"], near.outcome(5)["saved_unix"])
    assert [] == near.generations()
    assert 0 == near.run('ls -A "$CARBONSCHED_CHECKPOINT"', 6)
    assert "" == near.node.log.read_text()


def test_an_unchanged_checkpoint_is_not_copied_again(near: Far) -> None:
    """The one it was fetched from is as good."""
    assert 0 == near.run(APPENDS, 5)
    assert 0 == near.run("true", 6)
    assert ["00000005-000001"] == near.generations()
    assert "copied" == near.outcome(6)["saved"]
    assert near.outcome(5)["saved_unix"] == near.outcome(6)["saved_unix"]


def test_a_torn_copy_is_said_and_the_one_before_it_used(node: Node, near: Far) -> None:
    """The log names it."""
    for number in (5, 6):
        assert 0 == near.run(APPENDS, number)
    (node.root / "far" / "checkpoint" / "00000006-000001" / "deep" / "same").write_text("5\n9\n")
    node.log.write_text("")
    assert 0 == near.run(APPENDS, 7)
    torn = "00000006-000001: deep/same is not what was copied"
    assert f"carbonsched: a torn copy of the checkpoint is not used: {torn}\n5\n" == node.log.read_text()


def unreadable(far: Far) -> None:
    """A copy whose only file cannot be read now."""
    generation = far.node.root / "far" / "checkpoint" / "00000001-000001"
    generation.mkdir(parents=True)
    os.mkfifo(far.node.root / "never")
    (generation / "log").symlink_to(far.node.root / "never")
    marker = {"files": [{"name": "log", "bytes": 1, "sha256": "", "mtime_ns": 1}], "links": {}}
    far.copies.write(f"{generation.name}.json", json.dumps(marker).encode())


def take_away(far: Far) -> None:
    """Have a storage that is a folder of this machine refuse all that is asked of it."""
    folder = far.node.root / "far"
    if folder.exists():
        folder.rename(folder.with_name("away"))
    folder.write_text("in the way")


def told(node: Node, times: int) -> bool:
    """Whether so many trainings said where they began."""
    return node.log.read_text().count("from") == times


def kept_here(node: Node) -> dict[str, object]:
    """The outcome of attempt 5 on its node, where the storage has none."""
    folder = node.root / "disk" / "cs-7f3a-s5-a1" / "checkpoint.carbonsched"
    outcome: dict[str, object] = json.loads((folder / "carbonsched-cs-7f3a-s5-a1.outcome.json").read_text())
    return outcome


def test_a_running_training_is_copied_whenever_it_saved(near: Far, until: Until) -> None:
    """At most so often; older generations go, and a sample says when what is safe was saved."""
    code = (
        "import os, sys, time\nfolder = os.environ['CARBONSCHED_CHECKPOINT']\nwhile True:\n    time.sleep(0.3)\n"
        "    open(folder + '/part', 'w').write(str(time.time())); os.replace(folder + '/part', folder + '/state')"
    )
    agent = near.start(python(code), 5, copy_every_s=0.2)
    until(lambda: "00000005-000003" in near.generations())
    stop_like_ray(agent)
    assert 128 + 15 == agent.wait(timeout=20)
    assert 2 == len(near.generations()) == len(near.copies.folders())
    assert "copied" == near.outcome(5)["saved"]
    samples = (near.beside.read("carbonsched-cs-7f3a-s5-a1.samples.jsonl") or b"").splitlines()
    saves = [s for s in (json.loads(line)["saved_unix"] for line in samples) if s is not None]
    assert sorted(saves) == saves
    assert len(set(saves)) > 1


def test_a_stop_is_followed_by_a_copy_within_the_grace(near: Far, until: Until) -> None:
    """One SIGTERM to the training, none that the copy minds."""
    agent = near.start(python(COUNTS_STOPS, "0.3"), 5)
    folder = near.node.root / "disk" / "cs-7f3a-s5-a1" / "checkpoint"
    until((folder / "ready").exists)
    stop_like_ray(agent)
    assert 0 == agent.wait(timeout=20)
    assert ("stopped", "copied") == (near.outcome(5)["reason"], near.outcome(5)["saved"])
    (newest,) = near.generations()
    assert b"1" == near.copies.read(f"{newest}/saved")


SAVES_PAIRS = """
import os, random, shutil, time
folder = os.environ["CARBONSCHED_CHECKPOINT"]
saves = sorted(name for name in os.listdir(folder) if name.startswith("save"))
seen = {open(f"{folder}/{saves[-1]}/{name}").read() for name in "ab"} if saves else {"0"}
print("from", *(text.split()[0] for text in seen), flush=True)
number = int(next(iter(seen)).split()[0])
while True:
    number += 1
    text = f"{number} " + "x" * random.randrange(1_000_000)
    os.makedirs(folder + "/part", exist_ok=True)
    for name in "ab":
        open(f"{folder}/part/{name}", "w").write(text)
    os.rename(folder + "/part", f"{folder}/save{number:09d}")
    for older in sorted(name for name in os.listdir(folder) if name.startswith("save"))[:-1]:
        shutil.rmtree(f"{folder}/{older}")
    time.sleep(0.2)
"""
"""A training that saves two files as one, and says which save it goes on from, or which two it was given."""


def test_wherever_an_agent_is_killed_what_is_used_next_is_whole(node: Node, near: Far, until: Until) -> None:
    """A checkpoint of two files is never one of two saves, and none is older than the one before."""
    rng = random.Random(8)
    for number in range(5, 11):
        agent = near.start(python(SAVES_PAIRS), number, grace_s=1.0, copy_every_s=0.02, sample_every_s=0.05)
        until(partial(told, node, number - 4))
        time.sleep(rng.uniform(0.1, 1.0))
        os.kill(agent.pid, signal.SIGKILL)
        agent.wait(timeout=20)
        fence = node.root / "far" / "checkpoint.carbonsched" / f"carbonsched-fence.{number}"
        os.utime(fence, (0, 0))
    lines = [line.split()[1:] for line in node.log.read_text().splitlines() if line.startswith("from")]
    begun = [int(number) for line in lines for number in line]
    assert len(lines) == len(begun)
    assert sorted(begun) == begun
    assert begun[-1] > 0


def test_a_storage_that_is_away_at_the_start_is_named(node: Node, near: Far) -> None:
    """Nothing is started; the scheduler tries again."""
    take_away(near)
    assert 75 == near.run(f"touch {node.root}/ran", 5, patience_s=1.0)
    outcome = kept_here(node)
    assert ("not_started", None) == (outcome["reason"], outcome["exit_code"])
    assert f"the storage {near.uri}/checkpoint.carbonsched cannot be used: " in str(outcome["error"])
    assert not (node.root / "ran").exists()


def test_a_storage_that_nothing_here_reaches_is_named(node: Node) -> None:
    """With what is missing."""
    far = Far("nowhere://bucket/7f3a", node)
    assert 75 == far.run("true", 5, patience_s=2.0)
    assert "cannot be used: fsspec knows no nowhere://" in str(kept_here(node)["error"])


def test_a_storage_that_is_away_for_a_while_changes_nothing(node: Node, s3: S3, until: Until) -> None:
    """Shorter than the lease: the training goes on, and what it saved is copied once the storage is back."""
    far = Far(s3.uri, node, s3.env)
    agent = far.start(python(COUNTS_STOPS, "0"), 5, copy_every_s=0.2, lease_s=20.0)
    until(far.generations)
    s3.wire.set_cut(cut=True)
    folder = node.root / "disk" / "cs-7f3a-s5-a1" / "checkpoint"
    (folder / "more").write_text("saved meanwhile")
    until(lambda: "the fence could not be renewed" in node.log.read_text())
    until(lambda: "the checkpoint could not be copied" in node.log.read_text())
    s3.wire.set_cut(cut=False)
    until(lambda: len(far.generations()) > 1)
    assert b"saved meanwhile" == far.copies.read(f"{far.generations()[-1]}/more")
    stop_like_ray(agent)
    assert 0 == agent.wait(timeout=20)
    assert "copied" == far.outcome(5)["saved"]


def test_a_last_copy_that_fails_is_said_and_the_folder_kept(node: Node, near: Far, until: Until) -> None:
    """Tried again until the grace is over; what is safe is as old as the last whole copy."""
    agent = near.start(python(COUNTS_STOPS, "0"), 5, grace_s=2.5, copy_every_s=0.1)
    until(near.generations)
    folder = node.root / "disk" / "cs-7f3a-s5-a1" / "checkpoint"
    ready_unix = (folder / "ready").stat().st_mtime
    take_away(near)
    stop_like_ray(agent)
    began = time.monotonic()
    assert 0 == agent.wait(timeout=40)
    assert 2.5 <= time.monotonic() - began
    outcome = kept_here(node)
    assert ("stopped", "not_copied", ready_unix) == tuple(outcome[k] for k in ("reason", "saved", "saved_unix"))
    assert f"what it saved last was not copied and lies in {folder} on " in str(outcome["error"])
    assert "1" == (folder / "saved").read_text()
    assert 2 <= node.log.read_text().count("the checkpoint could not be copied")


def test_a_higher_fence_on_the_storage_kills_and_nothing_is_copied(near: Far, until: Until) -> None:
    """The later attempt's checkpoint is the one."""
    command = python(COUNTS_STOPS, "0")
    first = near.start(command, 5)
    until((near.node.root / "disk" / "cs-7f3a-s5-a1" / "checkpoint" / "ready").exists)
    began = time.monotonic()
    second = near.start(command, 6)
    assert 128 + 9 == first.wait(timeout=20)
    until((near.node.root / "disk" / "cs-7f3a-s6-a1" / "checkpoint" / "ready").exists)
    assert time.monotonic() - began < 10.0
    assert ("fenced", "not_copied") == (near.outcome(5)["reason"], near.outcome(5)["saved"])
    assert [] == near.generations()
    stop_like_ray(second)
    assert 0 == second.wait(timeout=20)
    assert ["00000006-000001"] == near.generations()


def test_a_stop_or_a_higher_fence_ends_a_fetch(near: Far, until: Until) -> None:
    """However long it would be tried: the training does not start."""
    unreadable(near)
    for number, stops in ((5, True), (6, False)):
        agent = near.start("true", number)
        until((near.node.root / "disk" / f"cs-7f3a-s{number}-a1" / "checkpoint.part").exists)
        if stops:
            stop_like_ray(agent)
        else:
            near.beside.write("carbonsched-fence.7", b"{}")
        assert 75 == agent.wait(timeout=20)
    assert ("not_started", "stopped before it began") == tuple(near.outcome(5)[key] for key in ("reason", "error"))
    assert "fenced" == near.outcome(6)["reason"]


def test_the_fence_is_kept_while_a_checkpoint_is_fetched(near: Far, until: Until) -> None:
    """An attempt that comes meanwhile waits for this one, or has it end."""
    unreadable(near)
    agent = near.start("true", 5)
    until((near.node.root / "disk" / "cs-7f3a-s5-a1" / "checkpoint.part").exists)
    near.beside.remove("carbonsched-fence.5")
    until(lambda: near.beside.read("carbonsched-fence.5") is not None)
    stop_like_ray(agent)
    assert 75 == agent.wait(timeout=20)
