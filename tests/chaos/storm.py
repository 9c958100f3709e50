"""Many processes that submit at once, and what the store holds afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from cli.child import command
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.chaos.sim_engine import declared
from tests.chaos.sim_round import Played

LOST: Final = "jobs lost of a storm of submits"
DOUBLE: Final = "jobs stored twice by a storm of submits"
SLOW: Final = "storms of submits over their time"
REFUSED: Final = "submits that failed in a storm"
STORM_VIOLATIONS: Final = (LOST, DOUBLE, SLOW, REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Processes that each submit a file of jobs, all at the same time.

    Args:
        folder: an empty one.
        same: whether all submit one file whose jobs have keys, so that each job is asked for by every process.
        within_s: how long all of it may take. [s]
    """

    folder: Path
    processes: int
    jobs: int
    same: bool
    within_s: float

    def rage(self) -> Played:
        """Let them loose, and count."""
        self._prepare()
        environ = {**os.environ, **self._places()}
        began_s = time.monotonic()
        running = [
            subprocess.Popen(
                [*command(), "submit", str(self._file(number)), "--no-serve", "-q"],
                env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for number in range(self.processes)
        ]  # fmt: skip
        said = [process.communicate() for process in running]
        took_s = time.monotonic() - began_s
        wrong = [(REFUSED, err) for (_, err), process in zip(said, running, strict=True) if process.returncode]
        return self._judged([out.split() for out, _ in said], took_s, wrong)

    def _judged(self, told: list[list[str]], took_s: float, wrong: list[tuple[str, str]]) -> Played:
        """What the processes were told against what is stored."""
        with open_store(StateFolder(self.folder / "state")).reading() as tx:
            rows = tx.jobs()
            planned = tx.newest_plans([row.id for row in rows])
        names, ids = [row.job.name for row in rows], {row.id for row in rows}
        wanted = {f"storm-{number}-{each}" for number in self._numbers() for each in range(self._each)}
        wrong += [(LOST, name) for name in sorted(wanted - {*names})]
        wrong += [(LOST, f"{job_id} was told, and is not there") for each in told for job_id in {*each} - ids]
        wrong += [(LOST, f"{job_id} has no plan") for job_id in ids - {*planned}]
        wrong += [(DOUBLE, name) for name in sorted({*names}) if names.count(name) > 1]
        wrong += [(DOUBLE, "processes were told different jobs")] if self.same and len({*map(tuple, told)}) > 1 else []
        wrong += [(SLOW, f"{took_s:.1f} s")] if took_s > self.within_s else []
        kind = "of the same jobs" if self.same else "of jobs of their own"
        facts = {
            f"jobs stored by {self.processes} processes {kind}": len(rows),
            f"seconds for that, {kind}, rounded up": int(took_s) + 1,
        }
        return Played(injected=Counter({f"submits at once {kind}": self.processes}), facts=Counter(facts),
                      violations=wrong)  # fmt: skip

    @property
    def _each(self) -> int:
        """Jobs in a file."""
        return self.jobs if self.same else self.jobs // self.processes

    def _numbers(self) -> range:
        """Numbers of the files."""
        return range(1 if self.same else self.processes)

    def _file(self, number: int) -> Path:
        """The file that a process submits."""
        return self.folder / f"storm-{0 if self.same else number}.jsonl"

    def _places(self) -> dict[str, str]:
        """Where it all lies."""
        return {
            "CARBONSCHED_STATE_DIR": str(self.folder / "state"),
            "CARBONSCHED_CLUSTERS": str(self.folder / "c.yaml"),
        }

    def _prepare(self) -> None:
        """A cluster, a working folder, and the files of jobs."""
        cluster = declared("france").model_copy(update={"gpus": 256})
        (self.folder / "c.yaml").write_text(yaml.safe_dump(cluster.model_dump(mode="json", exclude_defaults=True)))
        (self.folder / "work").mkdir()
        (self.folder / "work" / "train.py").write_text("print('trains')\n")
        for number in self._numbers():
            lines = [
                {
                    "name": f"storm-{number}-{each}", "entrypoint": "python train.py", "working_dir": "work", "gpus": 2,
                    "duration": "1h", "deadline": "7d", "home": "france",
                    **({"key": f"key-{each}"} if self.same else {}),
                }
                for each in range(self._each)
            ]  # fmt: skip
            self._file(number).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
