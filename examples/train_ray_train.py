"""Trains with Ray Train, without torch: workers that agree on every step, and on the step after which they stop.

For a job with ``launch: ray``: carbonsched starts this driver without a GPU, and Ray Train asks for the workers and
their GPUs, all together as many as ``CARBONSCHED_GPUS`` says. What carbonsched asks of a training is in the places
marked 1 to 5. It needs ``ray[train]`` and numpy. By itself it starts a Ray of its own: ``python train_ray_train.py``.

The model is a line through noisy points, found by gradient descent: small, and the same to the last bit on every run.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import ray
import ray.train
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

Floats = npt.NDArray[np.float64]

POINTS, FEATURES, RATE = 4096, 16, 0.1
SAVE_EVERY = 100


class Exchange:
    """Where the workers meet in every step: each brings its numbers, all take the same mean away."""

    def __init__(self, workers: int) -> None:
        self.parts: dict[int, Floats] = {}
        self.all_here = threading.Barrier(workers)

    @ray.method(num_returns=1)
    def meet(self, rank: int, part: Floats) -> Floats:
        """The mean of what all the workers brought to this step."""
        self.parts[rank] = part
        self.all_here.wait()
        mean: Floats = np.mean([self.parts[rank] for rank in sorted(self.parts)], axis=0)
        self.all_here.wait()  # nobody brings the next before all have taken this
        return mean


def loss_and_slope(weights: Floats, rank: int) -> tuple[float, Floats]:
    """The mean squared error on a worker's part of the data, and its slope along every weight."""
    rng = np.random.default_rng(rank)
    inputs = rng.normal(size=(POINTS, FEATURES))
    errors = inputs @ (weights - np.linspace(-1, 1, FEATURES)) - rng.normal(size=POINTS) * 0.01
    return float(np.mean(errors**2)), 2 * inputs.T @ errors / POINTS


def load() -> tuple[int, Floats]:
    """The step and the weights of the newest checkpoint; the start where there is none."""
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return 0, np.zeros(FEATURES)
    with checkpoint.as_directory() as folder, np.load(Path(folder) / "weights.npz") as saved:
        return int(saved["step"]), saved["weights"]


def save(step: int, weights: Floats, metrics: dict[str, float]) -> None:
    """Hand a checkpoint to Ray Train, which keeps it whole or not at all; every worker calls this in the same step."""
    first = ray.train.get_context().get_world_rank() == 0
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "weights.npz", allow_pickle=False, step=step, weights=weights)
        checkpoint = ray.train.Checkpoint.from_directory(folder) if first else None
        ray.train.report(metrics, checkpoint=checkpoint)


@dataclass(frozen=True)
class Plan:
    """What every worker is told."""

    steps: int
    pace_s: float  # time that a step takes at least [s]
    mark: Path  # there once a stop was asked for
    meet: Callable[[int, Floats], Floats]  # all workers' numbers of a step in, their mean out


def train(config: dict[str, Plan]) -> None:
    """What every worker runs: until the last step, or until one of them sees that a stop was asked for."""
    plan, rank = config["plan"], ray.train.get_context().get_world_rank()
    step, weights = load()  # 2. resume
    started, stop = step, False
    while step < plan.steps and not stop:
        loss, slope = loss_and_slope(weights, rank)
        mine = np.array([float(plan.mark.exists()), loss, *slope])
        means = plan.meet(rank, mine)
        stop, loss, weights = bool(means[0] > 0), float(means[1]), weights - RATE * means[2:]  # 3. all in the same step
        step += 1
        if rank == 0 and step % 10 == 0:
            tell_progress(step / plan.steps)  # 4. how far it is
        if stop or step % SAVE_EVERY == 0 or step == plan.steps:
            save(step, weights, {"started": started, "step": step, "loss": loss})
            tell_progress(step / plan.steps)
        time.sleep(plan.pace_s)


def tell_progress(fraction: float) -> None:
    """Write the fraction done into the file that carbonsched named, if it did."""
    if file := os.environ.get("CARBONSCHED_PROGRESS"):
        Path(file).write_text(f"{fraction:.6f}\n", encoding="utf-8")


def main() -> None:
    """Train, or go on training, until the last step or the first SIGTERM."""
    parser = argparse.ArgumentParser(description="Fit a line with Ray Train.")
    parser.add_argument("--steps", type=int, default=200, help="length of the training (default 200)")
    parser.add_argument("--seconds", type=float, default=0.0, help="pace: take about this long over it [s]")
    parser.add_argument("--workers", type=int, default=2, help="how many workers (default 2)")
    options = parser.parse_args()
    gpus = float(os.environ.get("CARBONSCHED_GPUS", "0"))
    folder = Path(os.environ.get("CARBONSCHED_CHECKPOINT", "checkpoint")).absolute()
    mark = folder / "stop"
    mark.unlink(missing_ok=True)

    ray.init(log_to_driver=False)  # RAY_ADDRESS, which carbonsched sets for such a job, says to which
    signal.signal(signal.SIGTERM, lambda *_: mark.touch())  # 1. after ray.init, which sets a handler of its own

    print(f"{options.workers} workers with {gpus / options.workers:g} GPUs each", flush=True)
    exchange = ray.remote(num_cpus=0)(Exchange).options(max_concurrency=options.workers).remote(options.workers)

    def meet(rank: int, part: Floats) -> Floats:
        """The mean of what all the workers brought to this step."""
        [mean] = ray.get([exchange.meet.remote(rank, part)])
        return np.asarray(mean)

    plan = Plan(steps=options.steps, pace_s=options.seconds / options.steps, mark=mark, meet=meet)
    trainer = DataParallelTrainer(
        train,
        train_loop_config={"plan": plan},
        scaling_config=ray.train.ScalingConfig(
            num_workers=options.workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": 1, "GPU": gpus / options.workers},
        ),
        run_config=ray.train.RunConfig(  # the same folder and name in every segment: Ray Train then goes on by itself
            name="training", storage_path=str(folder), checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2)
        ),
    )
    metrics = trainer.fit().metrics or {}
    print(f"trained from step {metrics['started']} to {metrics['step']}, loss {metrics['loss']:.6f}", flush=True)
    # 5. ends with exit code 0: stopped well is no failure


if __name__ == "__main__":
    main()
