"""The log of a job as one stream: over suspends and moves, without a line twice or missing, also where it was cut."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cli import job_logs, wiring
from cli.job_logs import LiveLogs, Stream
from scheduler.domain.errors import ClusterUnreachable
from scheduler.records.evidence_files import LOG_CAP_BYTES, EvidenceFiles
from scheduler.records.rows import SegmentRow
from scheduler.records.state_folder import StateFolder
from tests.records.cases import make_row, make_segment

FIRST = replace(make_segment(sid="cs-j1-s1-a1", n=1), phase="granted")
SECOND = replace(make_segment(sid="cs-j1-s2-a1", n=2, cluster="quebec"), phase="granted")


@dataclass
class Clusters:
    """What each segment has printed on its cluster."""

    texts: dict[str, str] = field(default_factory=dict)

    def read(self, segment: SegmentRow) -> str:
        """What it says now."""
        return self.texts.get(segment.sid, "")


@pytest.fixture
def kept(tmp_path: Path) -> EvidenceFiles:
    """Evidence of no job yet."""
    return EvidenceFiles(StateFolder(tmp_path / "state"))


def over(segment: SegmentRow) -> SegmentRow:
    """The segment, closed."""
    return replace(segment, phase="over")


def test_a_move_is_one_stream(kept: EvidenceFiles) -> None:
    """Lines printed between the last look and the end come from the evidence, then the next cluster's follow."""
    clusters = Clusters()
    stream = Stream(evidence=kept, live=clusters.read)
    looks = []
    for texts, segments in (
        ({}, [FIRST]),
        ({FIRST.sid: "step 1\nst"}, [FIRST]),
        ({FIRST.sid: "step 1\nstep 2\n"}, [FIRST]),
        ({FIRST.sid: "step 1\nstep 2\nsaved\n"}, [over(FIRST)]),
        ({}, [over(FIRST), SECOND]),
        ({SECOND.sid: "resumed\n"}, [over(FIRST), SECOND]),
        ({}, [over(FIRST), SECOND]),
        ({SECOND.sid: "resumed\ndone\n"}, [over(FIRST), over(SECOND)]),
        ({}, [over(FIRST), over(SECOND)]),
    ):
        clusters.texts = texts
        for segment in segments:
            if segment.phase == "over" and segment.sid in texts:
                kept.keep_log("j1", segment.sid, texts[segment.sid])
        looks.append(stream.added(segments))
    assert ["", "step 1\nst", "ep 2\n", "saved\n", "", "resumed\n", "", "done\n", ""] == looks


def test_a_segment_that_ended_and_one_that_began_come_in_their_order(kept: EvidenceFiles) -> None:
    """Both may happen between two looks."""
    stream = Stream(evidence=kept, live=Clusters({SECOND.sid: "two\n"}).read)
    kept.keep_log("j1", FIRST.sid, "one\n")
    assert "one\ntwo\n" == stream.added([over(FIRST), SECOND])


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_log_over_the_cap_goes_on_where_it_was(kept: EvidenceFiles, letter: str) -> None:
    """Only its last part is kept, and what follows the part that was printed is in it."""
    long = "begin\n" + letter * LOG_CAP_BYTES + "\nmiddle\n"
    clusters = Clusters({FIRST.sid: long})
    stream = Stream(evidence=kept, live=clusters.read)
    assert long == stream.added([FIRST])
    kept.keep_log("j1", FIRST.sid, long + "end\n")
    assert "end\n" == stream.added([over(FIRST)])


def test_what_was_cut_and_never_printed_is_said(kept: EvidenceFiles) -> None:
    """A reader must know that the beginning is missing."""
    kept.keep_log("j1", FIRST.sid, "0123456789" + "x" * LOG_CAP_BYTES)
    text = Stream(evidence=kept, live=Clusters().read).added([over(FIRST)])
    assert text.startswith("[carbonsched: 10 characters of segment 1 were not kept]\nxxx")
    assert text.endswith("xxx")


def test_progress_bars_keep_their_carriage_returns(kept: EvidenceFiles) -> None:
    """They are counted as the cluster counts them, so nothing shifts."""
    bar = " 10%\r 20%\r\n 30%\r"
    stream = Stream(evidence=kept, live=Clusters({FIRST.sid: bar}).read)
    assert bar == stream.added([FIRST])
    kept.keep_log("j1", FIRST.sid, bar + "100%\n")
    assert "100%\n" == stream.added([over(FIRST)])


def test_a_second_harvest_of_less_replaces_nothing(kept: EvidenceFiles) -> None:
    """The cluster may be gone when a close is repeated after a crash."""
    kept.keep_log("j1", FIRST.sid, "all of it\n")
    kept.keep_log("j1", FIRST.sid, "")
    assert "all of it\n" == kept.log("j1", FIRST.sid)


@dataclass
class Executor:
    """Answers, or does not."""

    texts: list[str]

    def logs(self, _sid: str) -> str:
        """The next text; an empty one is no answer."""
        text = self.texts.pop(0)
        if not text:
            raise ClusterUnreachable("france does not answer")
        return text


@dataclass
class Site:
    """A site with just an executor."""

    executor: Executor


@dataclass
class Sites:
    """Every name is the same site."""

    site: Site

    def named(self, _name: str) -> Site:
        """The site."""
        return self.site


def test_executors_are_built_once_and_silence_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A look a second must neither read every cluster file nor fill the terminal; a changed file is read again."""
    built: list[int] = []
    stamp = [1]
    sites = Sites(Site(Executor(["a", "", "", "b", "", "c"])))
    monkeypatch.setattr(job_logs, "wiring", Wiring(built, stamp, sites))
    live = LiveLogs()
    assert ["a", "", "", "b", ""] == [live.read(FIRST) for _ in range(5)]
    assert (1, 2) == (len(built), capsys.readouterr().err.count("france does not answer"))
    stamp[0] = 2
    assert "c" == live.read(FIRST)
    assert 2 == len(built)


@dataclass
class Wiring:
    """Counts what is built."""

    built: list[int]
    stamp: list[int]
    made: Sites

    def clusters_stamp(self) -> int:
        """What the test set."""
        return self.stamp[0]

    def settings(self) -> None:
        """Not looked at."""

    def clusters(self) -> None:
        """Not looked at."""

    def sites(self, *_: object) -> Sites:
        """One more."""
        self.built.append(1)
        return self.made


def test_an_unknown_segment_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing on stdout, the reason on stderr."""
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    store = wiring.store()
    with store.writing() as tx:
        tx.add_job(make_row())
    job_logs.print_logs(store, "j1", follow=False, tail=None, segment=7)
    assert ("", "it has no segment 7\n") == capsys.readouterr()
