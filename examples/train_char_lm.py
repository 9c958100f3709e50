"""Trains a small language model on a story, and can be stopped and resumed at any step without a trace.

This is all that carbonsched asks of a training, in four places marked 1 to 4: save on SIGTERM, resume from
CARBONSCHED_CHECKPOINT, tell the progress, and end with exit code 0. Nothing of carbonsched's is imported, and the
script runs as well by itself: ``python train_char_lm.py``. It needs numpy.

The model guesses a character from the sixteen before it: an embedding, one hidden layer, a softmax, and Adam.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_threads] = "1"  # sums in one order: the same losses, to the last bit, on every run

import numpy as np  # noqa: E402  # reads the lines above when it is imported
import numpy.typing as npt  # noqa: E402  # the same

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Weights = dict[str, Floats]

STORY = Path(__file__).with_name("text") / "river_station.txt"
CONTEXT, EMBEDDING, HIDDEN, BATCH = 16, 16, 128, 64
RATE, DECAY_MEAN, DECAY_SQUARE = 3e-3, 0.9, 0.999
SEED = 20230515


def first_weights(characters: int, rng: np.random.Generator) -> Weights:
    """Small random weights, scaled so that the first guess is that every character is as likely as any other."""
    return {
        "embedding": rng.normal(size=(characters, EMBEDDING)),
        "hidden": rng.normal(size=(CONTEXT * EMBEDDING, HIDDEN)) / math.sqrt(CONTEXT * EMBEDDING),
        "hidden_bias": np.zeros(HIDDEN),
        "output": rng.normal(size=(HIDDEN, characters)) * 0.01,
        "output_bias": np.zeros(characters),
    }


def guess(weights: Weights, contexts: Ints) -> tuple[Floats, Floats, Floats]:
    """The input and hidden layers for a batch of contexts, and the probability of each next character."""
    inputs = weights["embedding"][contexts].reshape(len(contexts), -1)
    hidden = np.tanh(inputs @ weights["hidden"] + weights["hidden_bias"])
    scores = hidden @ weights["output"] + weights["output_bias"]
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return inputs, hidden, odds / odds.sum(axis=1, keepdims=True)


def loss_and_gradients(weights: Weights, contexts: Ints, targets: Ints) -> tuple[float, Weights]:
    """The mean surprise at the true next characters [nats], and its slope along every weight."""
    inputs, hidden, probabilities = guess(weights, contexts)
    rows = np.arange(len(targets))
    loss = -float(np.log(probabilities[rows, targets]).mean())
    d_scores = probabilities.copy()
    d_scores[rows, targets] -= 1
    d_scores /= len(targets)
    d_hidden = (d_scores @ weights["output"].T) * (1 - hidden**2)
    d_embedding = np.zeros_like(weights["embedding"])
    np.add.at(d_embedding, contexts, (d_hidden @ weights["hidden"].T).reshape(*contexts.shape, EMBEDDING))
    return loss, {
        "embedding": d_embedding,
        "hidden": inputs.T @ d_hidden,
        "hidden_bias": d_hidden.sum(axis=0),
        "output": hidden.T @ d_scores,
        "output_bias": d_scores.sum(axis=0),
    }


@dataclass
class Training:
    """Everything that the next step depends on. Leave one of them out of the checkpoint, and resuming shows."""

    weights: Weights
    mean: Weights
    square: Weights
    rng: np.random.Generator
    losses: list[float] = field(default_factory=list)

    @classmethod
    def start(cls, characters: int) -> Training:
        """A training before its first step."""
        rng = np.random.default_rng(SEED)
        weights = first_weights(characters, rng)
        return cls(weights, {k: 0 * w for k, w in weights.items()}, {k: 0 * w for k, w in weights.items()}, rng)

    @property
    def step(self) -> int:
        """How many steps are done."""
        return len(self.losses)

    def advance(self, text: Ints) -> None:
        """One step of Adam (Kingma and Ba 2015, algorithm 1) on a random batch of the text."""
        starts = self.rng.integers(len(text) - CONTEXT, size=BATCH)
        contexts = text[starts[:, None] + np.arange(CONTEXT)]
        loss, gradients = loss_and_gradients(self.weights, contexts, text[starts + CONTEXT])
        self.losses.append(loss)
        for name, slope in gradients.items():
            self.mean[name] = DECAY_MEAN * self.mean[name] + (1 - DECAY_MEAN) * slope
            self.square[name] = DECAY_SQUARE * self.square[name] + (1 - DECAY_SQUARE) * slope**2
            mean = self.mean[name] / (1 - DECAY_MEAN**self.step)
            square = self.square[name] / (1 - DECAY_SQUARE**self.step)
            self.weights[name] = self.weights[name] - RATE * mean / (np.sqrt(square) + 1e-8)

    def save(self, file: Path) -> None:
        """Write all of it beside `file`, and only then take its place: a stop in between leaves the last one whole."""
        parts = {"weights": self.weights, "mean": self.mean, "square": self.square}
        arrays = {f"{part}.{name}": array for part, named in parts.items() for name, array in named.items()}
        arrays["losses"] = np.array(self.losses)
        arrays["rng"] = np.array(json.dumps(self.rng.bit_generator.state))
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".tmp")
        with unfinished.open("wb") as out:
            np.savez(out, allow_pickle=False, **arrays)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(file)

    @classmethod
    def load(cls, file: Path) -> Training:
        """The training as `save` wrote it, the state of its random numbers included."""
        with np.load(file) as saved:
            parts: dict[str, Weights] = {"weights": {}, "mean": {}, "square": {}}
            for key in (key for key in saved.files if "." in key):
                part, name = key.split(".")
                parts[part][name] = saved[key]
            rng = np.random.default_rng()
            rng.bit_generator.state = json.loads(str(saved["rng"]))
            return cls(parts["weights"], parts["mean"], parts["square"], rng, saved["losses"].tolist())


def tell_progress(fraction: float) -> None:
    """Write the fraction done into the file that carbonsched named, if it did."""
    if file := os.environ.get("CARBONSCHED_PROGRESS"):
        Path(file).write_text(f"{fraction:.6f}\n", encoding="utf-8")


def main() -> None:
    """Train, or go on training, until the last step or the first SIGTERM."""
    parser = argparse.ArgumentParser(description="Train a small character language model.")
    parser.add_argument("--steps", type=int, default=600, help="length of the training (default 600)")
    parser.add_argument("--seconds", type=float, default=0.0, help="pace: take about this long over it [s]")
    parser.add_argument("--every", type=int, default=20, help="steps between two lines and two saves (default 20)")
    options = parser.parse_args()

    stops: list[int] = []  # 1. SIGTERM only sets a mark: the step under way is finished before the save
    signal.signal(signal.SIGTERM, lambda number, _: stops.append(number))

    letters = STORY.read_text(encoding="utf-8")
    alphabet = sorted(set(letters))
    text = np.array([alphabet.index(letter) for letter in letters])
    checkpoint = Path(os.environ.get("CARBONSCHED_CHECKPOINT", "checkpoint")) / "training.npz"
    training = Training.load(checkpoint) if checkpoint.exists() else Training.start(len(alphabet))  # 2. resume
    if training.step:
        print(f"resumed at step {training.step}", flush=True)

    begun, first = time.monotonic(), training.step
    while training.step < options.steps and not stops:
        training.advance(text)
        if training.step % options.every == 0 or training.step == options.steps:
            print(f"step {training.step}/{options.steps} loss {training.losses[-1]:.4f}", flush=True)
            training.save(checkpoint)
            tell_progress(training.step / options.steps)  # 3. how far it is
        due = begun + (training.step - first) * options.seconds / options.steps
        while not stops and (wait := due - time.monotonic()) > 0:
            time.sleep(min(wait, 0.05))

    training.save(checkpoint)
    tell_progress(training.step / options.steps)
    print(f"saved at step {training.step}", flush=True)  # 4. ends with exit code 0: stopped well is no failure


if __name__ == "__main__":
    main()
