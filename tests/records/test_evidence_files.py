"""The agents' own bytes on our side: only ever added to."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from scheduler.domain.errors import StoreError
from scheduler.records.evidence import BadEvidence, outcome_name, samples_name
from scheduler.records.evidence_files import LOG_CAP_BYTES, EvidenceFiles
from scheduler.records.state_folder import StateFolder
from tests.records.agent_files import OUTCOME, lines, outcome

SID = "cs-x-s1-a1"


@pytest.fixture
def kept(tmp_path: Path) -> EvidenceFiles:
    """Evidence of nothing yet."""
    return EvidenceFiles(StateFolder(tmp_path / "state"))


def folder_of(kept: EvidenceFiles) -> Path:
    """Where the job's evidence lies."""
    return kept.state.evidence("x")


def test_what_was_never_harvested_is_absent_not_empty(kept: EvidenceFiles) -> None:
    """No outcome is None; no samples and no log are none."""
    assert (None, [], "") == (kept.outcome("x", SID), kept.samples("x", SID), kept.log("x", SID))


def test_a_longer_reading_replaces_a_shorter_one_and_never_the_other_way(kept: EvidenceFiles) -> None:
    """A cluster that lost part of its file takes nothing from ours."""
    kept.keep_samples("x", SID, lines({}, {"n": 1}))
    kept.keep_samples("x", SID, lines({}))
    kept.keep_samples("x", SID, b"")
    assert 2 == len(kept.samples("x", SID))
    kept.keep_samples("x", SID, lines({}, {"n": 1}, {"n": 2}))
    assert 3 == len(kept.samples("x", SID))


def test_a_torn_line_is_not_kept(kept: EvidenceFiles) -> None:
    """The next reading brings it whole."""
    kept.keep_samples("x", SID, lines({}) + b'{"v": 1, "n"')
    assert lines({}) == (folder_of(kept) / samples_name(SID)).read_bytes()


def test_the_first_outcome_stays(kept: EvidenceFiles) -> None:
    """A second one changes neither the file nor the answer."""
    first = kept.keep_outcome("x", SID, outcome())
    again = kept.keep_outcome("x", SID, outcome(exit_code=0, duration_s=1))
    assert first == again == kept.outcome("x", SID)
    assert -15 == again.exit_code


def test_bytes_are_kept_as_they_came(kept: EvidenceFiles) -> None:
    """Fields that this version does not read are evidence too."""
    raw = json.dumps({**OUTCOME, "later": 1}, indent=3).encode()
    kept.keep_outcome("x", SID, raw)
    assert raw == (folder_of(kept) / outcome_name(SID)).read_bytes()


@pytest.mark.parametrize("raw", [b"", b"garbage", outcome()[:-2], outcome(sid="cs-y-s1-a1")])
def test_what_is_no_outcome_of_this_attempt_is_not_kept(kept: EvidenceFiles, raw: bytes) -> None:
    """Half a file, or another attempt's, leaves the place free for the right one."""
    with pytest.raises(BadEvidence):
        kept.keep_outcome("x", SID, raw)
    assert kept.outcome("x", SID) is None


def test_attempts_and_jobs_are_kept_apart(kept: EvidenceFiles) -> None:
    """Each under its own name."""
    kept.keep_samples("x", SID, lines({}))
    assert ([], []) == (kept.samples("y", SID), kept.samples("x", "cs-x-s1-a2"))


def test_the_last_part_of_a_long_log_is_kept(kept: EvidenceFiles) -> None:
    """The end of it says why it ended; a letter cut in two spoils no other."""
    kept.keep_log("x", SID, "début " * 3 + "é" * LOG_CAP_BYTES + " end")
    text = kept.log("x", SID)
    assert text.endswith("éé end")
    assert LOG_CAP_BYTES == (folder_of(kept) / f"{SID}.log").stat().st_size


def test_a_log_with_half_a_letter_is_kept(kept: EvidenceFiles) -> None:
    """What a program prints need not be text."""
    kept.keep_log("x", SID, "loss \udcff 0.5")
    assert "loss ? 0.5" == kept.log("x", SID)


def test_files_are_the_accounts_own(kept: EvidenceFiles) -> None:
    """Nobody else reads what a training printed."""
    kept.keep_log("x", SID, "secret")
    assert 0o700 == stat.S_IMODE(folder_of(kept).stat().st_mode)
    assert 0o600 == stat.S_IMODE((folder_of(kept) / f"{SID}.log").stat().st_mode)


def test_a_crash_while_writing_leaves_the_old_file_and_an_error_no_litter(
    kept: EvidenceFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk takes nothing that was there."""
    kept.keep_samples("x", SID, lines({}))

    def full(_: int) -> None:
        """A disk that is full when the bytes are to be made safe."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        kept.keep_samples("x", SID, lines({}, {"n": 1}))
    assert [samples_name(SID)] == [path.name for path in folder_of(kept).iterdir()]
    assert 1 == len(kept.samples("x", SID))


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """With the way out, not a traceback."""
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"):
        EvidenceFiles(StateFolder(tmp_path / "state")).keep_log("x", SID, "text")


@pytest.mark.parametrize(("count", "expected"), [(1, (0, 0)), (2, (0, 1)), (400, (0, 399))])
def test_the_first_and_the_newest_sample_are_found_without_the_rest(
    kept: EvidenceFiles, count: int, expected: tuple[int, int]
) -> None:
    """However long the file is; there is none where nothing was harvested."""
    assert None is kept.first_and_last("j1", "s")
    kept.keep_samples("j1", "s", lines(*[dict[str, object](n=n) for n in range(count)]))
    found = kept.first_and_last("j1", "s")
    assert found is not None
    assert expected == (found[0].n, found[1].n)


@pytest.mark.parametrize("raw", [b"", b"garbage\n", lines({}) + b"garbage\n"])
def test_samples_that_cannot_be_read_have_no_ends(kept: EvidenceFiles, raw: bytes) -> None:
    """Whoever accounts for the run says so; who plans goes on without."""
    kept.keep_samples("j1", "s", raw)
    assert None is kept.first_and_last("j1", "s")


def test_lines_that_follow_are_added_without_writing_all_again(kept: EvidenceFiles) -> None:
    """Only whole ones; what is torn comes again."""
    kept.keep_samples("x", SID, lines({}, {"n": 1}))
    kept.add_samples("x", SID, lines({"n": 2}) + b'{"v": 1')
    kept.add_samples("x", SID, b"")
    assert [0, 1, 2] == [sample.n for sample in kept.samples("x", SID)]
    assert lines({"n": 2}) == kept.newest_line("x", SID)


def test_the_newest_of_long_lines_is_found(kept: EvidenceFiles) -> None:
    """A line of a thousand GPUs is longer than any guess."""
    long = [{"n": n, "gpus": [{"node": "n", "uuid": f"GPU-{k:036d}", "j": 1.0} for k in range(900)]} for n in range(3)]
    kept.keep_samples("x", SID, lines(*long))
    assert lines(long[-1]) == kept.newest_line("x", SID)
    ends = kept.first_and_last("x", SID)
    assert ends is not None
    assert (0, 2) == (ends[0].n, ends[1].n)
    assert b"" == kept.newest_line("x", "cs-none-s1-a1")


def test_lines_that_cannot_be_added_say_so(kept: EvidenceFiles) -> None:
    """A disk that is full, or a file that went away."""
    kept.keep_samples("x", SID, lines({}))
    (kept.state.evidence("x") / samples_name(SID)).unlink()
    with pytest.raises(StoreError, match="cannot be written"):
        kept.add_samples("x", SID, lines({"n": 1}))
