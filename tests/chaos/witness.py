"""The training of the real rounds, which keeps its own diary, and what its diaries say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

TRAINING: Final = """\
import json, os, pathlib, signal, sys, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(time.time()))
length, code = float(sys.argv[1]), int(sys.argv[2])
folder = pathlib.Path(os.environ["CARBONSCHED_CHECKPOINT"])
while not folder.parent.exists():
    time.sleep(0.1)
diary = open(folder.parent / ("diary-%d-%d.jsonl" % (os.getpid(), time.time_ns())), "a", buffering=1)
def note(**what):
    diary.write(json.dumps({"t": time.time(), "pid": os.getpid(), **what}) + "\\n")
done, latest = 0.0, folder / "latest"
note(kind="start", parent=os.getppid())
if latest.exists():
    saved = folder / latest.read_text()
    first, second = (saved / "one").read_text(), (saved / "two").read_text()
    if first != second:
        note(kind="torn")
    done = float(first)
note(kind="from", done=done)
def save():
    try:
        keep()
    except OSError as exc:
        note(kind="missed", why=str(exc))
def keep():
    name = "save-%d-%d" % (os.getpid(), time.time_ns())
    (folder / name).mkdir()
    (folder / name / "one").write_text(str(done))
    time.sleep(0.05)
    (folder / name / "two").write_text(str(done))
    part = folder / (".latest-%d" % os.getpid())
    part.write_text(name)
    os.replace(part, latest)
saved_at = time.time()
while done < length and not asked:
    time.sleep(0.1)
    done += 0.1
    try:
        pathlib.Path(os.environ["CARBONSCHED_PROGRESS"]).write_text(str(min(1.0, done / length)))
    except OSError:
        pass
    note(kind="lives")
    if time.time() - saved_at > 1:
        save()
        saved_at = time.time()
save()
note(kind="end", done=done, signals=len(asked), code=code)
sys.exit(code)
"""
"""It saves every second in two parts and a pointer, and when it is stopped; a storage that is away does not end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One process of a training, as its diary tells it.

    Args:
        begun, last: when it started and when it wrote last, Unix time. [s]
        missed: saves that its storage refused.
    """

    pid: int
    parent: int
    begun: float
    last: float
    torn: bool
    missed: int
    ended: bool
    stopped: bool
    code: int | None
    done: float


def lives(folder: Path) -> list[Life]:
    """Every process that a job's folder knows of, in order of their starts."""
    found = []
    for path in folder.glob("diary-*.jsonl"):
        whole = path.read_text().rpartition("\n")[0]
        notes = [json.loads(line) for line in whole.splitlines()]
        if not notes:
            continue
        end = next((each for each in notes if each["kind"] == "end"), None)
        found.append(
            Life(
                pid=notes[0]["pid"],
                parent=notes[0]["parent"],
                begun=notes[0]["t"],
                last=notes[-1]["t"],
                torn=any(each["kind"] == "torn" for each in notes),
                missed=sum(each["kind"] == "missed" for each in notes),
                ended=end is not None,
                stopped=end is not None and end["signals"] > 0,
                code=None if end is None else end["code"],
                done=0.0 if end is None else end["done"],
            )
        )
    return sorted(found, key=lambda life: life.begun)


def overlaps_s(found: list[Life]) -> list[float]:
    """How long each two processes of one job lived together. [s]"""
    both = (min(one.last, two.last) - max(one.begun, two.begun) for one, two in combinations(found, 2))
    return [each for each in both if each > 0]
