"""`make chaos`: rounds of faults, simulated and on real Ray, a storm of submits, ten moves; tables of what broke."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.chaos.exercised import DEATHS, REAL, SIMULATED, unexercised
from tests.chaos.real_heads import own_desk
from tests.chaos.real_judge import REAL_VIOLATIONS
from tests.chaos.real_round import BATCH, Act, RealRound
from tests.chaos.sim_judge import VIOLATIONS
from tests.chaos.sim_round import Played, play
from tests.chaos.storm import STORM_VIOLATIONS, Storm
from tests.chaos.ten_moves import MOVES_VIOLATIONS, on_own_clusters

ACTS: tuple[Act, ...] = (
    "scheduler", "scheduler", "scheduler", "supervisor", "agent", "training", "cut", "slow", "mute", "twice", "storage",
    "gcs", "raylet", "dashboard",
)  # fmt: skip
PROCESSES, STORED_WITHIN_S = 8, 30.0
"""Processes that submit at once, and how long all of it may take. [s]"""


def main(arguments: Sequence[str]) -> int:
    """Play the rounds and print the tables; 1 where anything that must hold did not, or a fault never struck."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each round after takes the next")
    parser.add_argument("--rounds", type=int, default=8, help="in the simulated world")
    parser.add_argument("--jobs", type=int, default=30, help="a simulated round")
    parser.add_argument("--passes", type=int, default=500, help="of the engine while things go wrong")
    parser.add_argument("--storm", type=int, default=1000, metavar="JOBS", help=f"submitted by {PROCESSES} processes")
    parser.add_argument("--real", type=int, default=1, metavar="ROUNDS", help="on real Ray, two clusters here")
    parser.add_argument("--moves", type=int, default=1, choices=(0, 1), help="move one training ten times")
    given = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    broken = 0
    if given.rounds:
        seeds = range(given.seed, given.seed + given.rounds)
        simulated = [_simulated(seed, given.jobs, given.passes) for seed in seeds]
        broken += _table("simulated", simulated, VIOLATIONS, SIMULATED)
    if given.storm:
        broken += _table("a storm of submits", _storms(given.storm), STORM_VIOLATIONS)
    if given.real:
        broken += _table("real Ray", _real(range(given.seed, given.seed + given.real)), REAL_VIOLATIONS, REAL)
    if given.moves:
        broken += _table("ten moves", [on_own_clusters(None)], MOVES_VIOLATIONS)
    return 1 if broken else 0


def _simulated(seed: int, jobs: int, passes: int) -> Played:
    """One round in a folder of its own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cs-chaos-") as folder:
        played = play(seed, Path(folder), jobs=jobs, passes=passes)
    played.injected[DEATHS] = sum(n for name, n in played.injected.items() if name.startswith("scheduler killed"))
    _say(f"seed {seed}: {sum(played.injected.values())} faults in {time.monotonic() - began:.0f} s")
    return played


def _storms(jobs: int) -> list[Played]:
    """Jobs of each process's own, then the same jobs from all."""
    played = []
    for same in (False, True):
        with tempfile.TemporaryDirectory(prefix="cs-chaos-") as folder:
            storm = Storm(folder=Path(folder), processes=PROCESSES, jobs=jobs, same=same, within_s=STORED_WITHIN_S)
            played.append(storm.rage())
    return played


def _real(seeds: Sequence[int]) -> list[Played]:
    """Rounds on two real clusters."""
    played = []
    with own_desk() as (desk, heads, clusters):
        for seed in seeds:
            began = time.monotonic()
            folder = desk.folder / f"round-{seed}"
            one = RealRound(rng=Random(seed), desk=desk, folder=folder, clusters=dict(clusters), restart=heads.restart)
            played.append(one.play(BATCH, [*ACTS], within_s=600.0))
            _say(f"seed {seed} on real Ray: {len(ACTS)} acts in {time.monotonic() - began:.0f} s")
    return played


def _table(title: str, rounds: Sequence[Played], violations: Sequence[str], promised: tuple[str, ...] = ()) -> int:
    """Print what was injected, what came of it and what broke; how much broke or never struck."""
    injected, facts, broke = Counter[str](), Counter[str](), Counter[str]()
    for each in rounds:
        injected.update(each.injected)
        facts.update(each.facts)
        broke.update(kind for kind, _ in each.violations)
    missing = unexercised(injected + facts, promised)
    parts = (("injected", injected), ("came of it", facts), ("violations", {kind: broke[kind] for kind in violations}))
    for head, counts in parts:
        _say(f"\n{title}: {head}")
        for name in counts if head == "violations" else sorted(counts):
            _say(f"  {counts[name]:7}  {name}")
    for name in missing:
        _say(f"  not exercised: {name}")
    for each in rounds:
        for kind, text in each.violations:
            _say(f"  {kind}: {text}")
    return sum(broke.values()) + len(missing)


def _say(text: str) -> None:
    """A line of the table."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
