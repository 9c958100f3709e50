"""`make chaos`: rounds in the simulated world, then rounds on real Ray; a table of what was injected and what broke."""

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

from tests.chaos.real_heads import own_desk
from tests.chaos.real_judge import REAL_VIOLATIONS
from tests.chaos.real_round import BATCH, Act, RealRound
from tests.chaos.sim_judge import VIOLATIONS
from tests.chaos.sim_round import Played, play

ACTS: tuple[Act, ...] = (
    "scheduler", "scheduler", "scheduler", "supervisor", "agent", "training", "cut", "slow", "mute", "head",
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Play the rounds and print the table; 1 where anything that must hold did not."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each round after takes the next")
    parser.add_argument("--rounds", type=int, default=10, help="in the simulated world")
    parser.add_argument("--jobs", type=int, default=30, help="a simulated round")
    parser.add_argument("--passes", type=int, default=500, help="of the engine while things go wrong")
    parser.add_argument("--real", type=int, default=1, metavar="ROUNDS", help="on real Ray, two clusters here")
    given = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    seeds = range(given.seed, given.seed + given.rounds)
    broken = _table("simulated", [_simulated(seed, given.jobs, given.passes) for seed in seeds], VIOLATIONS)
    if given.real:
        broken += _table("real Ray", _real(range(given.seed, given.seed + given.real)), REAL_VIOLATIONS)
    return 1 if broken else 0


def _simulated(seed: int, jobs: int, passes: int) -> Played:
    """One round in a folder of its own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cs-chaos-") as folder:
        played = play(seed, Path(folder), jobs=jobs, passes=passes)
    _say(f"seed {seed}: {sum(played.injected.values())} faults in {time.monotonic() - began:.0f} s")
    return played


def _real(seeds: Sequence[int]) -> list[Played]:
    """Rounds on two real clusters."""
    played = []
    with own_desk() as (desk, heads, clusters):
        for seed in seeds:
            began = time.monotonic()
            folder = desk.folder / f"round-{seed}"
            one = RealRound(rng=Random(seed), desk=desk, folder=folder, clusters=dict(clusters), restart=heads.restart)
            played.append(one.play(BATCH, [*ACTS]))
            _say(f"seed {seed} on real Ray: {len(ACTS)} acts in {time.monotonic() - began:.0f} s")
    return played


def _table(title: str, rounds: Sequence[Played], violations: Sequence[str]) -> int:
    """Print what was injected, what came of it and what broke; how much broke."""
    injected, facts, broke = Counter[str](), Counter[str](), Counter[str]()
    for each in rounds:
        injected.update(each.injected)
        facts.update(each.facts)
        broke.update(kind for kind, _ in each.violations)
    parts = (("injected", injected), ("came of it", facts), ("violations", {kind: broke[kind] for kind in violations}))
    for head, counts in parts:
        _say(f"\n{title}: {head}")
        for name in counts if head == "violations" else sorted(counts):
            _say(f"  {counts[name]:7}  {name}")
    for each in rounds:
        for kind, text in each.violations:
            _say(f"  {kind}: {text}")
    return sum(broke.values())


def _say(text: str) -> None:
    """A line of the table."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
