"""One training moved ten times between two real clusters, and the same training left in peace: to the last bit alike.

`python -m tests.chaos.ten_moves docs/ten_moves.svg` plays it alone and draws its loss.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import yaml

from tests.chaos.loss_picture import Stretch, drawn
from tests.chaos.real_heads import own_desk
from tests.chaos.sim_round import Played
from tests.story.conftest import ROOT, Desk

MOVES: Final = 10
SLOT_S: Final = 8
"""Each cluster is clean for so long, then the other one. [s]"""
STEPS: Final = 1500
_WORK_S: Final = 60
_WITHIN_S: Final = 420

FEWER: Final = "moves fewer than ten"
BROKEN: Final = "steps of a loss curve that differ from those of a training left in peace"
UNEQUAL: Final = "parts of the last checkpoint that differ by a bit"
UNFINISHED: Final = "trainings that did not end well"
MOVES_VIOLATIONS: Final = (FEWER, BROKEN, UNEQUAL, UNFINISHED)

Arrays = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenMoves:
    """The story of one job.

    Args:
        folder: where it is submitted from; made here.
        storage: what the clusters share.
    """

    desk: Desk
    folder: Path
    storage: Path

    def play(self, picture: Path | None = None) -> Played:
        """Run it moved and in peace, compare, and draw it where a picture is wanted."""
        self._prepare()
        job_id = self._run()
        job = self.desk.job(job_id)
        if job["state"] != "succeeded":
            return self._played([(UNFINISHED, f"{job['state']}: {job['why']}")], moves=0)
        moved, still = _arrays(self.storage / job_id / "checkpoint"), self._in_peace()
        clusters = [segment["cluster"] for segment in job["report"]["segments"]]
        moves = sum(one != two for one, two in pairwise(clusters))
        violations = [(UNEQUAL, name) for name in still if still[name].tobytes() != moved[name].tobytes()]
        violations += [(BROKEN, f"step {n}") for n in np.flatnonzero(moved["losses"] != still["losses"])]
        violations += [(FEWER, f"{moves}: {', '.join(clusters)}")] if moves < MOVES else []
        if picture is not None:
            begins = [
                0,
                *(int(step) for step in re.findall(r"^resumed at step (\d+)", self._log(job_id), re.MULTILINE)),
            ]
            ends = [*begins[1:], STEPS]
            stretches = [Stretch(*each) for each in zip(clusters, begins, ends, strict=True)]
            picture.write_text(drawn(moved["losses"].tolist(), still["losses"].tolist(), stretches), encoding="utf-8")
        return self._played(violations, moves=moves)

    def _played(self, violations: list[tuple[str, str]], *, moves: int) -> Played:
        """What it came to."""
        facts = {"moves of one training": moves, "steps compared bit by bit": STEPS if moves else 0}
        return Played(injected=Counter({"moves that a plan asked for": MOVES}), facts=Counter(facts),
                      violations=violations)  # fmt: skip

    def _prepare(self) -> None:
        """The example and its job."""
        self.folder.mkdir()
        shutil.copy(ROOT / "examples" / "train_char_lm.py", self.folder)
        shutil.copytree(ROOT / "examples" / "text", self.folder / "text")
        job = {
            "name": "ten-moves", "entrypoint": self._entrypoint(_WORK_S), "working_dir": ".", "gpus": 2,
            "duration": f"{_WORK_S}s", "deadline": f"{_WITHIN_S}s", "home": "france",
            "interruptible": {"checkpoint": "1s", "restart": "2s", "max_moves": MOVES, "max_suspends": MOVES},
        }  # fmt: skip
        (self.folder / "job.yaml").write_text(yaml.safe_dump(job, sort_keys=False))

    def _entrypoint(self, seconds: int) -> str:
        """The command of the training at a pace."""
        return f"python train_char_lm.py --steps {STEPS} --seconds {seconds} --every 50"

    def _run(self) -> str:
        """Submit it on a grid that turns over every few seconds, and wait; its id."""
        start = datetime.now(UTC).replace(microsecond=0)
        rows = [
            f"{(start + timedelta(seconds=SLOT_S * slot)).isoformat()},{'20,900' if slot % 2 == 0 else '900,20'}"
            for slot in range(2 * _WITHIN_S // SLOT_S)
        ]
        table = self.folder.with_suffix(".csv")
        table.write_text("\n".join(("utc,FR,CA-QC", *rows)) + "\n")
        words = ["submit", str(self.folder / "job.yaml"), "--intensity-table", str(table), "-q"]
        done = self.desk.run(*words)
        assert done.code == 0, done.err
        job_id = done.out.strip()
        self.desk.run("wait", job_id, "--timeout", f"{_WITHIN_S}s", timeout_s=_WITHIN_S + 60)
        return job_id

    def _in_peace(self) -> Arrays:
        """The checkpoint of the same training that nobody stops."""
        alone = self.folder.with_name("in-peace")
        words = [sys.executable, *self._entrypoint(0).split()[1:]]
        environ = {**self.desk.environ, "CARBONSCHED_CHECKPOINT": str(alone)}
        subprocess.run(words, cwd=self.folder, env=environ, check=True, capture_output=True)
        return _arrays(alone)

    def _log(self, job_id: str) -> str:
        """What it printed, over all its segments."""
        return self.desk.run("logs", job_id).out


def _arrays(checkpoint: Path) -> Arrays:
    """Everything in a checkpoint."""
    with np.load(checkpoint / "training.npz") as saved:
        return dict(saved)


def on_own_clusters(picture: Path | None) -> Played:
    """Play it on two clusters that are started for it."""
    with own_desk() as (desk, _, clusters):
        storage = Path(yaml.safe_load(next(iter(clusters.values())).read_text())["storage"][0]["path"])
        return TenMoves(desk=desk, folder=desk.folder / "moves", storage=storage).play(picture)


if __name__ == "__main__":
    told = on_own_clusters(Path(sys.argv[1]) if sys.argv[1:] else None)
    sys.stdout.write(f"{dict(told.facts)}\n" + "".join(f"{kind}: {text}\n" for kind, text in told.violations))
    sys.exit(1 if told.violations else 0)
