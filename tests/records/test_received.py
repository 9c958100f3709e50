"""What the arrival of samples proves of a node's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.records.energy import energy_curve
from scheduler.records.evidence import BadEvidence, received_name
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.received import Received, arrived, line_of_received, parse_received
from scheduler.records.state_folder import StateFolder
from tests.records.metered import BEGAN_S, gpu, line, written

SID = "cs-j1-s1-a1"
BEGAN = datetime(2026, 3, 1, 6, tzinfo=UTC)
"""When the agent began, by our clock."""


def after(seconds: float) -> datetime:
    """An instant of ours, so many seconds after the agent began."""
    return BEGAN + timedelta(seconds=seconds)


@pytest.fixture
def kept(tmp_path: Path) -> EvidenceFiles:
    """The evidence of a state folder."""
    return EvidenceFiles(StateFolder(tmp_path / "state"))


def look(kept: EvidenceFiles, count: int, at: datetime, looked: datetime | None) -> bytes:
    """Harvest the first `count` samples of a run."""
    raw, newest = written(*(line(n, gpu(n * 10.0)) for n in range(count))), kept.newest_line("j1", SID)
    kept.keep_received("j1", SID, raw.rpartition(newest)[2] if newest else raw, at=at, looked=looked)
    kept.keep_samples("j1", SID, raw)
    return raw


def test_a_sample_that_is_here_was_written_before_and_a_missing_one_after() -> None:
    """Both bounds, from the numbers that the agent's own clock gives."""
    new = written(line(3, gpu(0.0)), line(4, gpu(0.0)))
    seen = arrived(new, at=after(121), looked=after(88))
    assert Received(not_before=after(-2), not_after=after(1)) == seen
    assert Received(not_before=None, not_after=after(1)) == arrived(new, at=after(121), looked=None)


@pytest.mark.parametrize("new", [b"", b'{"n": 1', b"nonsense\n", b"{}\n", b"[1]\n", b'{"mono_s": "x"}\n'])
def test_what_says_no_time_proves_nothing(new: bytes) -> None:
    """Whoever accounts for the run says that it is damaged."""
    assert arrived(new, at=after(0), looked=None) is None


def test_the_closest_bounds_are_kept(kept: EvidenceFiles) -> None:
    """A look that proves no more writes nothing; one that does is added to the file."""
    look(kept, 1, after(9), None)
    look(kept, 2, after(33), after(9))
    look(kept, 3, after(95), after(33))
    assert Received(not_before=after(-21), not_after=after(3)) == kept.received("j1", SID)
    lines = (kept.state.evidence("j1") / received_name(SID)).read_bytes().splitlines()
    assert 2 == len(lines)


def test_samples_that_are_not_longer_prove_nothing_new(kept: EvidenceFiles) -> None:
    """The same reading once more, hours later, says nothing of when it was written."""
    look(kept, 2, after(31), after(5))
    before = kept.received("j1", SID)
    look(kept, 2, after(9000), after(31))
    assert before == kept.received("j1", SID)


def test_nothing_received_is_nothing_known(kept: EvidenceFiles) -> None:
    """Such a node's clock is believed."""
    assert kept.received("j1", SID) is None


def test_a_node_an_hour_ahead_is_laid_where_its_samples_came(kept: EvidenceFiles) -> None:
    """To within the time between two looks, and said."""
    for count in range(1, 5):
        raw = look(kept, count, after(30 * count - 20), after(30 * count - 50) if count > 1 else None)
    assert datetime.fromtimestamp(BEGAN_S, tz=UTC) < BEGAN
    curve = energy_curve(raw, received=kept.received("j1", SID))
    assert curve is not None
    assert timedelta(0) <= curve.start - BEGAN <= timedelta(seconds=30)
    assert "min behind ours: corrected by when its samples reached us" in curve.notes[0]


def test_bounds_come_back_as_they_were_written() -> None:
    """Line by line, the last counts."""
    first, second = Received(not_before=None, not_after=after(5)), Received(not_before=after(-1), not_after=after(2))
    assert first == parse_received(line_of_received(first))
    assert second == parse_received(line_of_received(first) + line_of_received(second))


@pytest.mark.parametrize("raw", [b"", b"nonsense\n", b"{}\n", b'{"not_before_unix": 1e99, "not_after_unix": 0}\n'])
def test_receipts_that_are_damaged_are_said(raw: bytes) -> None:
    """As every other damage of the evidence."""
    with pytest.raises(BadEvidence, match="receipts"):
        parse_received(raw)
