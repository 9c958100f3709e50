"""A policy in the shadow: it plans beside, launches nothing, and what it would have done is told in kilograms."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cli import main, running, wiring
from scheduler.domain.errors import InvalidInput
from scheduler.execution.clock import SystemClock
from scheduler.execution.shadow import Shadow, shadow_policy
from scheduler.records.bundle import export_lines, import_lines
from scheduler.records.reservations import reservations
from scheduler.records.rows import JobState
from scheduler.records.shadows import ShadowRow, shadows
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.cli.settle_world import HOUR, Moment, call, read
from tests.cli.settle_world import moment as moment  # noqa: PLC0414  # a fixture
from tests.cli.settle_world import place as place  # noqa: PLC0414  # a fixture
from tests.records.cases import T0, make_cluster


@pytest.fixture
def world(place: Path, moment: Moment, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One small cluster, dirty at 300 g/kWh until noon and clean at 30 from then on, every day."""
    rows = [f"{T0 + hour * HOUR:%Y-%m-%dT%H:%M:%SZ},{300 if hour % 24 < 12 else 30}" for hour in range(24 * 5)]
    (place / "table.csv").write_text("\n".join(["utc,FR", *rows]) + "\n")
    (place / "clusters").mkdir()
    cluster = make_cluster(gpus=8)
    (place / "clusters" / "france.yaml").write_text(cluster.model_dump_json(exclude_defaults=True))
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(place / "clusters"))
    monkeypatch.setenv("CARBONSCHED_INTENSITY_TABLE", str(place / "table.csv"))
    monkeypatch.setattr(running, "ensure_scheduler", lambda *_: None)
    return place


def submit(capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """A job of two hours that starts at home at once."""
    sets = ("gpus=8", "duration=2h", "deadline=40h", "home=france", "policy=run-now", *more)
    words = [word for each in sets for word in ("--set", each)]
    code, out, err = call(capsys, "submit", "--no-serve", *words, "--", "python", "train.py")
    assert 0 == code, err
    return out.strip()


def shadow(policy: str = "lowest-carbon-window", longest_s: float = 60.0) -> Shadow:
    """A policy in the shadow of the store in force."""
    return Shadow(
        store=wiring.store(),
        placer=lambda: wiring.placer(wiring.settings(), wiring.clusters()),
        policy=policy,
        clock=SystemClock(),
        longest_s=longest_s,
    )


def test_it_is_told_what_a_shadow_would_have_done(
    world: Path, moment: Moment, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits for noon where the job starts at once at 300 g/kWh; later the same on what came."""
    job_id = submit(capsys)
    assert (1, 0) == (shadow().round(), shadow().round())
    (found,) = read(capsys, "policy", "shadow")["shadows"]
    (job,) = found["jobs"]
    ten = 2 * 8 * (0.412 + 0.188) * 1.2 / 1000
    dirty_kg, clean_kg = (ten * g + 2 * 8 * 10.3523 / 1000 for g in (300, 30))
    assert (job_id, True, "run-now") == (job["job_id"], job["otherwise"], job["live"]["policy"])
    assert (pytest.approx(dirty_kg), pytest.approx(clean_kg)) == (
        job["live"]["planned_kg"],
        job["shadow"]["planned_kg"],
    )
    assert (None, None) == (job["live"]["observed_kg"], job["shadow"]["observed_kg"])
    moment.day(4)
    (found,) = read(capsys, "policy", "shadow")["shadows"]
    assert (1, pytest.approx(dirty_kg - clean_kg)) == tuple(
        found["real"]["observed"][key] for key in ("jobs", "saved_kg")
    )
    text = call(capsys, "policy", "shadow", "--policy", "lowest-carbon-window")[1]
    assert "lowest-carbon-window would have placed 1 of 1 jobs otherwise" in text
    assert "On what came:" in text


def test_what_was_revised_since_is_told_apart(world: Path, moment: Moment, capsys: pytest.CaptureFixture[str]) -> None:
    """Planned on the table of then, observed on the table of now."""
    submit(capsys)
    shadow().round()
    moment.day(4)
    text = (world / "table.csv").read_text()
    (world / "table.csv").write_text(text.replace(",30", ",90").replace(",900", ",300"))
    ((job,),) = [each["jobs"] for each in read(capsys, "policy", "shadow")["shadows"]]
    assert job["shadow"]["observed_kg"] > 2 * job["shadow"]["planned_kg"]
    assert job["live"]["planned_kg"] == pytest.approx(job["live"]["observed_kg"])


def test_it_plans_around_its_own_plans_and_binds_nobody(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two jobs of all GPUs: the second waits for the first in the shadow too; what is reserved stays as it was."""
    submit(capsys)
    submit(capsys)
    with wiring.store().reading() as tx:
        before, revision = reservations(tx, wiring.now()), tx.reservations_revision()
    shadow("carbon-aware").round()
    with wiring.store().reading() as tx:
        one, other = sorted(shadows(tx), key=lambda each: each.placement.start)
        assert (before, revision) == (reservations(tx, wiring.now()), tx.reservations_revision())
        assert [] == tx.open_segments()
    assert one.placement.finish <= other.placement.start
    assert one.live_placement != one.placement


def test_jobs_that_came_before_it_hold_what_they_hold(
    world: Path, moment: Moment, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of yesterday, planned into the cheap hours, is not planned in the shadow, and stands in its way."""
    first = submit(capsys, "policy=lowest-carbon-window")
    moment.now += timedelta(hours=2)
    second = submit(capsys)
    assert 1 == shadow().round()
    with wiring.store().reading() as tx:
        (row,) = shadows(tx)
        held = tx.newest_plans([first])[first].placement
    assert second == row.job_id
    assert row.placement.start >= held.finish or row.placement.finish <= held.start


def test_a_round_is_bounded_and_the_next_one_goes_on(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of three jobs one is planned each time, however long that takes."""
    for _ in range(3):
        submit(capsys)
    slow = shadow(longest_s=-1.0)
    assert [1, 1, 1, 0] == [slow.round() for _ in range(4)]


@pytest.mark.parametrize("wrong", [InvalidInput("no table"), ZeroDivisionError("no table")])
def test_a_job_that_the_shadow_cannot_plan_is_passed_over(
    world: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, wrong: Exception
) -> None:
    """It is logged once, a bug of the policy too, and the others have their turn."""
    submit(capsys)
    planner = shadow()
    placer = planner.placer

    class Broken:
        """Plans nothing."""

        def again(self, *_: object, **__: object) -> object:
            """Refuse."""
            raise wrong

    planner.placer = Broken  # type: ignore[assignment]  # a placer that a test broke
    assert [0, 0] == [planner.round(), planner.round()]
    assert 1 == caplog.text.count("no table")
    planner.placer = placer
    submit(capsys)
    assert 1 == planner.round()


def test_only_a_policy_that_plans_ahead_can_be_a_shadow(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown one, and one that decides hour by hour, are refused before anything is served."""
    assert "carbon-aware" == shadow_policy("carbon-aware", wiring.policies())
    for name, says in (("nobody", "no policy 'nobody'"), ("threshold", "decides again each hour")):
        code, _, err = call(capsys, "serve", "--shadow", name)
        assert (2, True) == (code, says in err), err
    started: list[list[str]] = []
    monkeypatch.setattr(running, "ensure_scheduler", started.append)
    assert 0 == call(capsys, "serve", "--background", "--shadow", "carbon-aware")[0]
    assert ["--shadow", "carbon-aware"] == started[0][-2:]


def test_nothing_in_the_shadow_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With how to have it."""
    assert "serve --shadow POLICY" in call(capsys, "policy", "shadow")[1]
    assert [] == read(capsys, "policy", "shadow")["shadows"]


def kept(folder: Path) -> list[ShadowRow]:
    """The shadows of a state folder."""
    with open_store(StateFolder(folder)).reading() as tx:
        return shadows(tx)


@pytest.mark.parametrize("way", ["backup", "export"])
def test_a_backup_and_an_export_carry_it(
    world: Path, tmp_path: Path, way: str, moment: Moment, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it was planned."""
    job_id = submit(capsys)
    shadow().round()
    store, there = wiring.store(), tmp_path / "there"
    before = kept(store.folder.root)
    if way == "backup":
        assert 0 == main.run(["backup", "x.tar"])
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CARBONSCHED_STATE_DIR", str(there))
            assert 0 == main.run(["restore", "x.tar"])
    else:
        with store.writing() as tx:
            tx.set_job(job_id, state=JobState.CANCELLED)
        lines = list(export_lines(store))
        assert 1 == import_lines(open_store(StateFolder(there)), lines).added
        assert 1 == import_lines(open_store(StateFolder(there)), lines).known
        broken = [line.replace("made_at", "made") if '"shadow"' in line else line for line in lines]
        with pytest.raises(InvalidInput, match="not whole"):
            import_lines(open_store(StateFolder(tmp_path / "elsewhere")), broken)
    assert before == kept(there)
    assert 1 == len(before)
