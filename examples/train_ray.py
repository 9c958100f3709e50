"""Trains on the cluster's own Ray, with workers that each hold a part of the data; stops and resumes without a trace.

For a job with ``launch: ray``: carbonsched starts this driver without a GPU, and the workers ask Ray for theirs, all
together as many as the job file says. What carbonsched asks of a training is in the places marked 1 to 4, all of them
in the driver: it leads every step, so that no worker is ever ahead of the others when a stop comes. It needs Ray and
numpy. By itself it starts a Ray of its own: ``python train_ray.py``.

The model is a line through noisy points, found by gradient descent: small, and the same to the last bit on every run.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import ray

Floats = npt.NDArray[np.float64]

POINTS, FEATURES, RATE = 4096, 16, 0.1


class Worker:
    """One of the workers, with its own part of the data."""

    def __init__(self, rank: int) -> None:
        rng = np.random.default_rng(rank)
        truth = np.linspace(-1, 1, FEATURES)
        self.inputs = rng.normal(size=(POINTS, FEATURES))
        self.targets = self.inputs @ truth + rng.normal(size=POINTS) * 0.01

    @ray.method(num_returns=1)
    def loss_and_slope(self, weights: Floats) -> tuple[float, Floats]:
        """The mean squared error on its part, and its slope along every weight."""
        errors = self.inputs @ weights - self.targets
        return float(np.mean(errors**2)), 2 * self.inputs.T @ errors / POINTS


def save(file: Path, step: int, weights: Floats) -> None:
    """Write beside `file`, and only then take its place: a stop in between leaves the last one whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".tmp")
    with unfinished.open("wb") as out:
        np.savez(out, allow_pickle=False, step=step, weights=weights)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(file)


def load(file: Path) -> tuple[int, Floats]:
    """The step and the weights as `save` wrote them; the start where it wrote none."""
    if not file.exists():
        return 0, np.zeros(FEATURES)
    with np.load(file) as saved:
        return int(saved["step"]), saved["weights"]


def tell_progress(fraction: float) -> None:
    """Write the fraction done into the file that carbonsched named, if it did."""
    if file := os.environ.get("CARBONSCHED_PROGRESS"):
        Path(file).write_text(f"{fraction:.6f}\n", encoding="utf-8")


def main() -> None:
    """Train, or go on training, until the last step or the first SIGTERM."""
    parser = argparse.ArgumentParser(description="Fit a line with several Ray workers.")
    parser.add_argument("--steps", type=int, default=200, help="length of the training (default 200)")
    parser.add_argument("--seconds", type=float, default=0.0, help="pace: take about this long over it [s]")
    parser.add_argument("--workers", type=int, default=2, help="how many workers (default 2)")
    parser.add_argument("--gpus", type=float, default=0.0, help="GPUs of each worker (default 0)")
    options = parser.parse_args()

    ray.init(log_to_driver=False)  # RAY_ADDRESS, which carbonsched leaves to such a job, says to which cluster
    stops: list[int] = []  # 1. SIGTERM only sets a mark, set after ray.init, which sets a handler of its own
    signal.signal(signal.SIGTERM, lambda number, _: stops.append(number))

    remote = ray.remote(num_cpus=1, num_gpus=options.gpus)(Worker)
    workers = [remote.remote(rank) for rank in range(options.workers)]
    checkpoint = Path(os.environ.get("CARBONSCHED_CHECKPOINT", "checkpoint")) / "training.npz"
    step, weights = load(checkpoint)  # 2. resume
    if step:
        print(f"resumed at step {step}", flush=True)

    while step < options.steps and not stops:
        parts = ray.get([worker.loss_and_slope.remote(weights) for worker in workers])
        weights = weights - RATE * np.mean([slope for _, slope in parts], axis=0)
        step += 1
        if step % 10 == 0 or step == options.steps:
            print(f"step {step}/{options.steps} loss {np.mean([loss for loss, _ in parts]):.6f}", flush=True)
            save(checkpoint, step, weights)
            tell_progress(step / options.steps)  # 3. how far it is
        time.sleep(options.seconds / options.steps)

    save(checkpoint, step, weights)
    tell_progress(step / options.steps)
    print(f"saved at step {step}", flush=True)  # 4. ends with exit code 0: stopped well is no failure


if __name__ == "__main__":
    main()
