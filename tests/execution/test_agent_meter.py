"""The agent with a meter beside it, on an NVML that works, fails, hangs and dies: the training never notices."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.execution.agent.carbonsched_helper_v1 import Helper
from scheduler.execution.agent.carbonsched_meter_v1 import SOON_S, TRIES, Meter
from scheduler.records.energy import EnergyCurve, energy_curve
from scheduler.records.evidence import parse_outcome, parse_samples
from tests.execution.agent_node import COUNTS_STOPS, SID, Node, alive, python, stop_like_ray, tree
from tests.execution.conftest import Until
from tests.execution.nvml_world import CALLS, NvmlWorld, environ, old, one

POWER_W = 200.0
PRINTED = "a library that prints where answers are expected\n"


@pytest.fixture
def world(node: Node) -> NvmlWorld:
    """A node of three GPUs, of which the job has the first two."""
    made = NvmlWorld(node.root, *[one(f"GPU-{name}", POWER_W) for name in "abc"])
    made.put(node.agent.parent)
    return made


def start(node: Node, world: NvmlWorld, command: str | list[str], **settings: object) -> subprocess.Popen[bytes]:
    """Start the agent of a job of two GPUs."""
    return node.start(command, env=environ(world, "0,1"), **{"meter": "node", "gpus": 2, **settings})  # type: ignore[arg-type]  # the settings are named


def curve(node: Node) -> EnergyCurve:
    """What is made of the samples, which is something."""
    made = energy_curve((node.logs / f"carbonsched-{SID}.samples.jsonl").read_bytes(), gpus=2)
    assert made is not None
    return made


def meter_of(agent: subprocess.Popen[bytes]) -> int:
    """The process that reads NVML; 0 while there is none."""
    for pid in tree(agent.pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may end while we look
            if "carbonsched_nvml_v1" in Path(f"/proc/{pid}/cmdline").read_text():
                return pid
    return 0


def gpus_of(sample: dict[str, object]) -> list[dict[str, object]]:
    """What a line says of the GPUs."""
    gpus = sample.get("gpus", [])
    assert isinstance(gpus, list)
    return gpus


def flags(node: Node) -> str:
    """Everything that was flagged."""
    return " ".join(str(gpu["flag"]) for sample in node.samples for gpu in gpus_of(sample))


def test_the_counters_of_the_jobs_gpus_are_kept_from_start_to_end(node: Node, world: NvmlWorld) -> None:
    """A reading before the training, others meanwhile, one after it; the third GPU is nobody's here."""
    assert 0 == start(node, world, ["/bin/sleep", "0.8"]).wait(timeout=30)
    made, outcome = curve(node), parse_outcome((node.logs / f"carbonsched-{SID}.outcome.json").read_bytes())
    assert {"GPU-a", "GPU-b"} == world.read == {str(gpu["uuid"]) for s in node.samples for gpu in gpus_of(s)}
    assert ("nvml_counter", 2, POWER_W) == (made.source, made.gpus, made.idle_w)
    assert made.measured.tolist() == [1.0] * (len(made.at_h) - 1)
    watts = made.gpu_kwh[-1] * 1000 / made.at_h[-1]
    assert 2 * POWER_W == pytest.approx(watts, rel=0.2)
    assert 0.7 <= made.at_h[-1] * 3600 < 3.0  # on busy cores 0.798 s was seen between the two
    assert outcome.energy_j == pytest.approx(made.gpu_kwh[-1] * 3.6e6, abs=1.0)
    assert ("nvml_counter", "") == (outcome.energy_source, node.outcome["unmetered"])
    share = node.outcome["measured_share"]
    assert isinstance(share, float)
    assert share > 0.5
    assert [None] != [s.energy_j for s in parse_samples((node.logs / f"carbonsched-{SID}.samples.jsonl").read_bytes())]
    assert PRINTED == node.log.read_text()


def test_the_first_reading_is_made_before_the_training(node: Node, world: NvmlWorld) -> None:
    """Its power at rest is the floor, and the training is in none of it."""
    assert 0 == start(node, world, f"cp {world.path}.read {node.root}/seen").wait(timeout=30)
    assert {"GPU-a", "GPU-b"} == {*(node.root / "seen").read_text().split()}
    assert [POWER_W, POWER_W] == [gpu["rest_w"] for gpu in gpus_of(node.samples[0])]


def test_a_counter_that_begins_anew_is_a_gap_and_no_joule_is_made_up(
    node: Node, world: NvmlWorld, until: Until
) -> None:
    """The driver was loaded anew in the middle."""
    agent = start(node, world, ["/bin/sleep", "1.1"])
    until((node.beside / f"carbonsched-{SID}.samples.jsonl").exists)
    time.sleep(0.4)
    world.change(0, since=time.time())
    assert 0 == agent.wait(timeout=30)
    made = curve(node)
    assert "reset" in flags(node)
    assert 0.5 in made.measured
    assert any("1 of 2 GPUs: the counter began anew" in note for note in made.notes)
    assert made.gpu_kwh[-1] * 3.6e6 <= 2 * POWER_W * made.at_h[-1] * 3600 * 1.05


def test_gpus_without_a_counter_are_metered_by_polled_power(node: Node, world: NvmlWorld) -> None:
    """And that is what it is called everywhere."""
    world.write(gpus=[old("GPU-a", POWER_W), one("GPU-b", POWER_W)])
    assert 0 == start(node, world, ["/bin/sleep", "0.8"]).wait(timeout=30)
    made = curve(node)
    assert ("nvml_power", "nvml_power") == (made.source, node.outcome["energy_source"])
    assert 2 * POWER_W == pytest.approx(made.gpu_kwh[-1] * 1000 / made.at_h[-1], rel=0.2)
    assert "1 of 2 GPUs: no energy counter, polled power was integrated" in made.notes


def test_counter_and_power_that_disagree_are_said(node: Node, world: NvmlWorld) -> None:
    """The counter counts."""
    world.change(1, seen_w=150.0)
    assert 0 == start(node, world, ["/bin/sleep", "0.8"]).wait(timeout=30)
    assert any(note.startswith("1 of 2 GPUs: counter and polled power are up to") for note in curve(node).notes)


def test_another_gpu_in_the_place_of_one_is_said(node: Node, world: NvmlWorld, until: Until) -> None:
    """Its counter is its own."""
    agent = start(node, world, ["/bin/sleep", "1.2"])
    until((node.beside / f"carbonsched-{SID}.samples.jsonl").exists)
    time.sleep(0.3)
    world.change(0, uuid="GPU-new", since=time.time() - 9999)
    assert 0 == agent.wait(timeout=30)
    made = curve(node)
    assert "swapped" in flags(node)
    assert made.gpu_kwh[-1] * 3.6e6 <= 2 * POWER_W * made.at_h[-1] * 3600 * 1.05


def test_a_node_whose_gpus_are_lost_discloses_the_gap(node: Node, world: NvmlWorld, until: Until) -> None:
    """What was counted before stays; nothing is made up after."""
    agent = start(node, world, ["/bin/sleep", "1.1"])
    until((node.beside / f"carbonsched-{SID}.samples.jsonl").exists)
    time.sleep(0.3)
    world.write(gpus=[{**gpu, "lost": True} for gpu in [one(f"GPU-{name}", POWER_W) for name in "abc"]])
    assert 0 == agent.wait(timeout=30)
    share = node.outcome["measured_share"]
    assert isinstance(share, float)
    assert 0.05 < share < 0.8
    assert [None, None] == [gpu["j"] for gpu in gpus_of(node.samples[-1])]
    assert 0 < curve(node).gpu_kwh[-1]


@pytest.mark.parametrize(("meter", "absent"), [("node", True), ("", False)])
def test_without_nvml_the_energy_is_a_models_and_the_reason_is_kept(
    node: Node, world: NvmlWorld, meter: str, *, absent: bool
) -> None:
    """A node without GPUs, and one whose GPUs are declared only; no process stays for it."""
    world.write(absent=absent)
    assert 0 == start(node, world, ["/bin/sleep", "0.3"], meter=meter).wait(timeout=30)
    assert (None, "model", 0.0) == tuple(node.outcome[k] for k in ("energy_j", "energy_source", "measured_share"))
    assert ("NVMLError_LibraryNotFound" if absent else "not asked for") == node.outcome["unmetered"]
    assert not any("gpus" in sample for sample in node.samples)
    assert (PRINTED if absent else "") == node.log.read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        {"raises": CALLS},
        {"crashes": ["nvmlInit"]},
        {"crashes": ["nvmlDeviceGetUtilizationRates"]},
        {"crashes": ["nvmlDeviceGetTotalEnergyConsumption"]},
    ],
)
def test_whatever_fails_the_training_ends_well(node: Node, world: NvmlWorld, wrong: dict[str, list[str]]) -> None:
    """Refused or dead at any call, from the first on; it is given up after some tries."""
    world.write(**wrong)
    assert 0 == start(node, world, ["/bin/sleep", "0.5"]).wait(timeout=30)
    assert ("exited", 0) == (node.outcome["reason"], node.outcome["exit_code"])
    assert node.log.read_text().count("carbonsched: the meter is started anew") <= 1


def test_a_driver_that_hangs_holds_up_the_training_for_some_seconds_at_most(node: Node, world: NvmlWorld) -> None:
    """It starts unmetered, samples go on, and its end waits for nothing."""
    world.write(hangs=["nvmlDeviceGetTotalEnergyConsumption"])
    began = time.monotonic()
    agent = start(node, world, f"date +%s.%N > {node.root}/began; sleep 0.6")
    assert 0 == agent.wait(timeout=30)
    assert time.monotonic() - began < SOON_S + 8
    assert 4 <= len(node.samples)
    assert "model" == node.outcome["energy_source"]


def test_a_meter_that_is_killed_is_begun_anew_and_no_joule_is_lost(node: Node, world: NvmlWorld, until: Until) -> None:
    """The counters count on without it; the log says it once."""
    agent = start(node, world, ["/bin/sleep", "2.0"])
    until((node.beside / f"carbonsched-{SID}.samples.jsonl").exists)
    first = meter_of(agent)
    assert first > 0
    os.kill(first, signal.SIGKILL)
    until(lambda: meter_of(agent) not in (0, first))
    assert 0 == agent.wait(timeout=30)
    made = curve(node)
    assert "dead" in flags(node)
    assert 2 * POWER_W == pytest.approx(made.gpu_kwh[-1] * 1000 / made.at_h[-1], rel=0.2)
    assert 2.0 <= made.at_h[-1] * 3600
    said = "carbonsched: the meter is started anew, as it died; the training goes on\n"
    assert f"{PRINTED}{said}{PRINTED}" == node.log.read_text()


def test_a_stop_reaches_the_training_and_not_its_meter(node: Node, world: NvmlWorld, until: Until) -> None:
    """Ray signals every process of the job; the last reading is made after the training saved itself."""
    agent = start(node, world, python(COUNTS_STOPS, "0.5"))
    until((node.checkpoint / "ready").exists)
    meter = meter_of(agent)
    stop_like_ray(agent)
    assert 0 == agent.wait(timeout=30)
    assert "1" == (node.checkpoint / "saved").read_text()
    assert all(isinstance(gpu["j"], float) for gpu in gpus_of(node.samples[-1]))
    assert "dead" not in flags(node)
    assert not alive(meter)


def test_what_was_read_outlives_the_agent(node: Node, world: NvmlWorld, until: Until) -> None:
    """Each reading is on the disk at once: a killed job still accounts, and leaves no meter behind."""
    agent = start(node, world, ["/bin/sleep", "30"])
    until(lambda: (node.beside / f"carbonsched-{SID}.samples.jsonl").exists() and len(node.samples) > 4)
    below = tree(agent.pid)
    os.kill(agent.pid, signal.SIGKILL)
    agent.wait()
    until(lambda: not any(map(alive, below)))
    assert curve(node).gpu_kwh[-1] > 0


def test_samples_hold_no_secret_and_no_address(node: Node, world: NvmlWorld) -> None:
    """Neither what the job was given nor where it ran."""
    env = {**environ(world, "0,1"), "HF_TOKEN": "hf_hush_hush", "RAY_ADDRESS": "192.0.2.77:6379"}
    assert 0 == node.start("true", env=env, meter="node", gpus=2).wait(timeout=30)
    text = (node.logs / f"carbonsched-{SID}.samples.jsonl").read_text()
    for secret in ("hf_hush_hush", "192.0.2.77", f'"{os.uname().nodename}'):
        assert secret not in text


def test_a_meter_that_cannot_be_started_is_gone_without(capfd: pytest.CaptureFixture[str]) -> None:
    """No process is to be had: nothing is raised, and nothing waited for."""

    def no_process() -> None:
        """Fail between fork and exec."""
        raise OSError(errno.EAGAIN, "no more processes")

    meter = Meter("node", 1, 30.0, no_process)
    assert not meter.waiting
    for _ in range(TRIES + 1):
        meter.ask()
        meter.step()
    assert {"energy_j": None, "energy_source": "model"} == meter.fields()
    assert 1 == capfd.readouterr().err.count("the training goes on")


@pytest.mark.parametrize("printed", ["not json", '{"error": ""'])
def test_an_answer_that_is_none_is_the_end_of_who_gave_it(tmp_path: Path, until: Until, printed: str) -> None:
    """Somebody else printed there: the process is ended, and the agent lives."""
    (tmp_path / "prints.py").write_text(f"import time\nprint({printed!r}, flush=True)\ntime.sleep(60)\n")
    helper = Helper([str(tmp_path / "prints.py")], {}, lambda: None)
    helper.ask("read")
    (pid,) = helper.pids
    until(lambda: select.select(helper.ears, [], [], 0)[0])
    assert {"error": "it died"} == helper.answer()
    assert not alive(pid)


@pytest.fixture(autouse=True)
def nothing_left(node: Node) -> Iterator[None]:
    """No meter outlives its agent."""
    yield
    for agent in node.processes:
        assert agent.poll() is None or 0 == meter_of(agent)
