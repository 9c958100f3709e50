"""The harvest keeps when samples came, so that a node whose clock is wrong is laid where it ran."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from scheduler.domain.errors import ClusterUnreachable
from scheduler.execution.dry_run import DryRun
from scheduler.execution.harvest import Harvester
from scheduler.records.energy import energy_curve
from scheduler.records.evidence import samples_name
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.received import Received
from scheduler.records.state_folder import StateFolder
from tests.execution.fake_clock import FakeClock
from tests.records.cases import T0, make_segment
from tests.records.metered import gpu, line, written

SID = "cs-j1-s1-a1"
EVERY = timedelta(seconds=30)


class Node(DryRun):
    """A cluster that hands out what the test says."""

    said: bytes | None = None
    asked: ClassVar[list[int | None]] = []

    def evidence(self, node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """The samples so far, or the last of them."""
        self.asked.append(tail)
        self._answer()
        if self.said is None or tail is None:
            return self.said
        return b"".join(self.said.splitlines(keepends=True)[-tail:])


@pytest.mark.parametrize(("off_min", "said"), [(37.0, "37 min ahead of"), (-37.0, "37 min behind"), (3.0, "")])
def test_a_nodes_clock_is_held_against_when_its_samples_came(tmp_path: Path, off_min: float, said: str) -> None:
    """Read every half minute, the start is known to half a minute, whatever the node says."""
    clock = FakeClock(T0)
    files = EvidenceFiles(StateFolder(tmp_path / "state"))
    harvester = Harvester(evidence=files, clock=clock, every=EVERY)
    node, made = Node(clock=clock), []
    for n in range(20):
        harvester.samples(make_segment(phase="granted"), node, "node-1", last=False)
        clock.at += timedelta(seconds=7)
        if n >= 2:  # the agent began with the third look
            began_unix = (T0 + timedelta(seconds=7 + 2 * 30)).timestamp() + 60 * off_min
            made.append(line(n - 2, gpu(n * 100.0), t_unix=began_unix + 30 * (n - 2)))
            node.said = written(*made)
        clock.at += timedelta(seconds=23)
    harvester.samples(make_segment(phase="granted"), node, "node-1", last=False)
    raw = (files.state.evidence("j1") / samples_name(SID)).read_bytes()
    curve = energy_curve(raw, received=files.received("j1", SID))
    assert curve is not None
    truth = T0 + timedelta(seconds=67) + (timedelta(0) if said else timedelta(minutes=off_min))
    assert abs(curve.start - truth) <= EVERY
    assert said in " ".join(curve.notes)
    assert bool(said) == bool(curve.notes)


def harvested(tmp_path: Path) -> tuple[Harvester, Node, FakeClock, EvidenceFiles]:
    """A harvest of a run with ten lines, read once."""
    clock, files = FakeClock(T0), EvidenceFiles(StateFolder(tmp_path / "state"))
    node = Node(clock=clock)
    node.asked.clear()
    node.said = written(*(line(n, gpu(n * 1.0)) for n in range(10)))
    harvester = Harvester(evidence=files, clock=clock, every=EVERY)
    harvester.samples(make_segment(phase="granted"), node, "node-1", last=False)
    return harvester, node, clock, files


def kept(files: EvidenceFiles) -> bytes:
    """The samples that are here."""
    return (files.state.evidence("j1") / samples_name(SID)).read_bytes()


def test_a_long_run_is_read_by_its_end(tmp_path: Path) -> None:
    """Only what may be new is asked for, more after a silence; all of it once more at the end."""
    harvester, node, clock, files = harvested(tmp_path)
    for count in (11, 12, 60):
        clock.at += EVERY if count < 60 else 40 * EVERY
        node.said = written(*(line(n, gpu(n * 1.0)) for n in range(count))) + b'{"v": 1, "n": '
        harvester.samples(make_segment(phase="granted"), node, "node-1", last=False)
        assert node.said[: node.said.rfind(b"\n") + 1] == kept(files)
    assert [None, 22, 22, 100] == node.asked
    harvester.samples(make_segment(phase="granted"), node, "node-1", last=True)
    assert None is node.asked[-1]


def test_lines_that_do_not_join_are_read_as_a_whole(tmp_path: Path) -> None:
    """More were written than were asked for, or the file is another one: what is longer is kept."""
    harvester, node, clock, files = harvested(tmp_path)
    clock.at += EVERY
    node.said = written(*(line(n, gpu(n * 1.0)) for n in range(200)))
    harvester.samples(make_segment(phase="granted"), node, "node-1", last=False)
    assert [None, 22, None] == node.asked
    assert node.said == kept(files)


def test_a_part_of_a_line_that_a_crash_left_is_taken_away(tmp_path: Path) -> None:
    """The line comes whole with the next reading."""
    harvester, node, clock, files = harvested(tmp_path)
    path = files.state.evidence("j1") / samples_name(SID)
    node.said = written(*(line(n, gpu(n * 1.0)) for n in range(12)))
    path.write_bytes(node.said[: len(kept(files)) + 30])
    clock.at += EVERY
    harvester.samples(make_segment(phase="granted"), node, "node-1", last=False)
    assert node.said == kept(files)


def test_a_look_that_failed_proves_nothing(tmp_path: Path) -> None:
    """Whoever did not answer did not say that a sample was not there; the next pass asks at once."""
    harvester, node, clock, files = harvested(tmp_path)
    before = files.received("j1", SID)
    node.reachable = False
    clock.at += timedelta(hours=1)
    with pytest.raises(ClusterUnreachable):
        harvester.samples(make_segment(phase="granted"), node, "node-1", last=False)
    node.reachable = True
    node.said = written(*(line(n, gpu(n * 1.0)) for n in range(11)))
    harvester.samples(make_segment(phase="granted"), node, "node-1", last=False)
    assert before is not None
    assert Received(not_before=T0 - timedelta(seconds=300), not_after=before.not_after) == files.received("j1", SID)
