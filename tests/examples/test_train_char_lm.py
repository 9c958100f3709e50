"""The example training learns, and a stop at any step leaves no trace in what it learns."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "train_char_lm.py"
STEPS = 90


def start(folder: Path, *arguments: str, pace_s: float = 0) -> subprocess.Popen[str]:
    """The training as a process, with a checkpoint and a progress file in `folder`."""
    env = {**os.environ, "CARBONSCHED_CHECKPOINT": str(folder), "CARBONSCHED_PROGRESS": str(folder / "progress")}
    folder.mkdir(exist_ok=True)
    words = [sys.executable, str(SCRIPT), f"--steps={STEPS}", f"--seconds={pace_s}", "--every=5", *arguments]
    return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """What the process still printed, once it has ended well."""
    printed, _ = process.communicate(timeout=60)
    assert 0 == process.returncode
    return printed


def stop_after(process: subprocess.Popen[str], line: str, number: signal.Signals) -> None:
    """Send the signal once the process has printed a line that begins so."""
    assert process.stdout
    assert any(printed.startswith(line) for printed in process.stdout), f"it never said {line!r}"
    process.send_signal(number)


def saved(folder: Path) -> dict[str, np.ndarray]:
    """Everything in the checkpoint."""
    with np.load(folder / "training.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """The checkpoint of a training that nobody stopped."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    finish(start(folder))
    return saved(folder)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module; what it sets for its own numpy does not stay in the environment of the other tests."""
    spec = importlib.util.spec_from_file_location("train_char_lm", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", os.environ.copy())
        spec.loader.exec_module(module)
    return module


def test_two_stops_leave_no_trace(tmp_path: Path, uninterrupted: dict[str, np.ndarray]) -> None:
    """Losses, weights, optimizer and random state are the same to the last bit as without a stop."""
    for line in ("step 10/", "step 40/"):
        process = start(tmp_path, pace_s=9)
        stop_after(process, line, signal.SIGTERM)
        assert "saved at step" in finish(process)
    assert "resumed at step" in finish(start(tmp_path))
    resumed = saved(tmp_path)
    assert uninterrupted.keys() == resumed.keys()
    assert [] == [name for name in resumed if uninterrupted[name].tobytes() != resumed[name].tobytes()]


def test_a_kill_costs_only_the_steps_since_the_last_save(tmp_path: Path, uninterrupted: dict[str, np.ndarray]) -> None:
    """SIGKILL leaves the last whole checkpoint, and the curve goes on from there."""
    process = start(tmp_path, "--every=1")
    stop_after(process, "step 30/", signal.SIGKILL)
    process.communicate()
    (tmp_path / "training.tmp").write_bytes(b"half a checkpoint")
    assert len(saved(tmp_path)["losses"]) >= 29
    finish(start(tmp_path))
    assert uninterrupted["losses"].tolist() == saved(tmp_path)["losses"].tolist()


def test_a_stop_is_quick_even_when_the_pace_is_slow(tmp_path: Path) -> None:
    """A training that sleeps between steps saves at once when it is told to stop."""
    process = start(tmp_path, "--every=1", pace_s=STEPS * 30)
    stop_after(process, "step 1/", signal.SIGTERM)
    asked = time.monotonic()
    assert "saved at step 1\n" in finish(process)
    assert time.monotonic() - asked < 5


def test_the_loss_goes_down(uninterrupted: dict[str, np.ndarray]) -> None:
    """It begins at the surprise of an even guess over the alphabet and ends well below."""
    losses = uninterrupted["losses"]
    characters = len(uninterrupted["weights.output_bias"])
    assert float(np.log(characters)) == pytest.approx(losses[0], abs=0.1)
    assert losses[-10:].mean() < losses[0] - 1


def test_progress_is_a_fraction(tmp_path: Path) -> None:
    """The progress file holds the share of the steps done, at a stop and at the end."""
    process = start(tmp_path, pace_s=9)
    stop_after(process, "step 20/", signal.SIGTERM)
    finish(process)
    steps = len(saved(tmp_path)["losses"])
    assert steps / STEPS == pytest.approx(float((tmp_path / "progress").read_text()), abs=1e-6)
    finish(start(tmp_path))
    assert 1.0 == float((tmp_path / "progress").read_text())


def test_a_finished_training_ends_at_once(tmp_path: Path) -> None:
    """Run again after its end it takes no further step."""
    finish(start(tmp_path))
    assert f"resumed at step {STEPS}\nsaved at step {STEPS}\n" == finish(start(tmp_path))


def test_it_runs_without_carbonsched(tmp_path: Path) -> None:
    """By itself it saves into ./checkpoint and writes no progress."""
    done = subprocess.run([sys.executable, str(SCRIPT), "--steps=2"], cwd=tmp_path, check=True, capture_output=True)
    assert b"step 2/2 loss" in done.stdout
    assert ["checkpoint"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["embedding", "hidden", "hidden_bias", "output", "output_bias"])
def test_each_gradient_is_the_slope_of_the_loss(script: ModuleType, name: str) -> None:
    """Backpropagation agrees with a finite difference along a random direction."""
    rng = np.random.default_rng(7)
    weights = script.first_weights(11, rng)
    weights["output"] *= 100
    contexts, targets = rng.integers(11, size=(5, script.CONTEXT)), rng.integers(11, size=5)
    direction = rng.normal(size=weights[name].shape)
    _, gradients = script.loss_and_gradients(weights, contexts, targets)
    either = [
        script.loss_and_gradients({**weights, name: weights[name] + step * direction}, contexts, targets)[0]
        for step in (1e-5, -1e-5)
    ]
    assert (either[0] - either[1]) / 2e-5 == pytest.approx(float((gradients[name] * direction).sum()), rel=1e-5)
