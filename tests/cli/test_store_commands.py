"""`backup`, `restore`, `export`, `import` and `doctor` from the outside."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from importlib.metadata import EntryPoint
from pathlib import Path

import platformdirs
import pytest

from cli import doctor, doctor_state, main, running, wiring
from intensity_sources import registry as sources
from policies import registry as policies
from scheduler.records.evidence import outcome_name
from scheduler.records.migrations.versions import r0001_first_tables
from scheduler.records.rows import JobState
from scheduler.records.store import open_store
from tests.records.agent_files import outcome
from tests.records.cases import T0, document, make_cluster, make_row, make_segment

ROOT = Path(__file__).parents[2]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder in force, in which nothing is yet; the clusters are those of the repository."""
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(ROOT / "cluster_configs"))
    monkeypatch.setattr(running, "ensure_scheduler", lambda: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "state"


@pytest.fixture
def ended(state: Path) -> Path:
    """A state folder with a job that ended, and its outcome."""
    with wiring.store().writing() as tx:
        tx.add_job(make_row())
        tx.add_plan("j1", T0, document([make_cluster()], [("france", 0, 10)]))
        tx.add_segment(make_segment())
    folder = wiring.state_folder().evidence("j1")
    folder.mkdir(parents=True)
    (folder / outcome_name("cs-j1-s1-a1")).write_bytes(outcome(sid="cs-j1-s1-a1"))
    return state


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, object]:
    """What a command prints as JSON."""
    capsys.readouterr()
    assert code == main.run([*words, "--json"])
    data: dict[str, object] = json.loads(capsys.readouterr().out)
    return data


def found(capsys: pytest.CaptureFixture[str], *, code: int = 0) -> list[tuple[str, str, str]]:
    """What doctor finds: level, thing and words."""
    rows = said(capsys, "doctor", code=code)["findings"]
    assert isinstance(rows, list)
    assert all(row["hint"] for row in rows if row["level"] != "ok" and not row["text"].startswith("and ")), rows
    return [(row["level"], row["what"], row["text"]) for row in rows]


def about(rows: list[tuple[str, str, str]], what: str) -> list[tuple[str, str]]:
    """What was found of one thing."""
    return [(level, text) for level, name, text in rows if name == what]


def test_jobs_move_to_another_machine(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Submitted here, backed up, restored there: the same jobs, one of them held, with their packages."""
    for name in ("one", "two"):
        job = ["submit", str(ROOT / "examples" / "job.yaml"), "--set", f"name={name}", "--no-serve", "-q"]
        assert 0 == main.run(job)
    assert 0 == main.run(["hold", "two"])
    here = said(capsys, "list")
    # The database, the package of both, a chain each, and the secret that blinds these.
    assert 5 == said(capsys, "backup", "carbonsched.tar")["files"]
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "there"))
    done = said(capsys, "restore", "carbonsched.tar")
    assert {"schema": 1, "state_dir": str(tmp_path / "there"), "jobs": 2, "open_jobs": 2, "aside": None} == done
    assert here == said(capsys, "list")
    packages = [[path.name for path in root.glob("packages/*")] for root in (state, tmp_path / "there")]
    assert packages[0] == packages[1] != []
    assert not about(found(capsys), "store")[0][1].startswith("not there")


def test_a_restore_over_a_state_says_where_that_is(
    ended: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --replace it is refused; with it both stay."""
    assert 0 == main.run(["backup", "x.tar"])
    assert 2 == main.run(["restore", "x.tar"])
    assert "hint: --replace moves what is there aside" in capsys.readouterr().err
    assert 0 == main.run(["restore", "x.tar", "--replace"])
    said_so = capsys.readouterr()
    assert f"{ended}\n" == said_so.out
    assert "1 jobs, 0 of them open" in said_so.err
    (aside,) = ended.glob("replaced-*")
    assert f"what was there before: {aside}" in said_so.err


def test_open_jobs_of_a_restore_are_said(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two schedulers on copies of one state would run them twice."""
    assert 0 == main.run(["submit", str(ROOT / "examples" / "job.yaml"), "--no-serve", "-q"])
    assert 0 == main.run(["backup", "x.tar"])
    assert 0 == main.run(["restore", "x.tar", "--replace"])
    assert "see that no other scheduler does" in capsys.readouterr().err


def test_ended_jobs_are_exported_and_imported(
    ended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The open ones are said to be left out; a second import adds nothing."""
    assert 0 == main.run(["submit", str(ROOT / "examples" / "job.yaml"), "--no-serve", "-q"])
    assert 0 == main.run(["export", "jobs.jsonl"])
    assert "5 lines; 1 jobs have not ended and are left out" in capsys.readouterr().err
    assert 5 == said(capsys, "export", "again.jsonl")["lines"]
    assert (tmp_path / "jobs.jsonl").read_bytes() == (tmp_path / "again.jsonl").read_bytes()
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "there"))
    assert {"schema": 1, "added": 1, "known": 0} == said(capsys, "import", "jobs.jsonl")
    assert 0 == main.run(["import", "jobs.jsonl"])
    assert "0 jobs added, 1 were there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("restore", "nowhere.tar"), "there is no file nowhere.tar"),
        (("import", "nowhere.jsonl"), "nowhere.jsonl cannot be read"),
        (("import", "bytes"), "bytes is no text"),
        (("export", "no/x.jsonl"), "no/x.jsonl cannot be written"),
        (("export", "state"), "state cannot be written"),
        (("backup", "no/x.tar"), "there is no folder"),
    ],
)
def test_a_file_that_will_not_do_is_named(
    ended: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    """With the way out, and the exit code of bad input."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    assert 2 == main.run(list(words))
    err = capsys.readouterr().err
    assert why in err
    assert "hint: " in err


def test_a_doctor_finds_nothing_wrong_where_nothing_is_yet(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And makes nothing."""
    rows = found(capsys)
    assert {"ok"} == {level for level, _, _ in rows}
    assert not state.exists()
    monkeypatch.delenv("CARBONSCHED_CLUSTERS")
    assert [("warn", "no cluster is declared")] == about(found(capsys), "clusters")


def test_a_doctor_finds_a_healthy_state_well(ended: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Store, schema, evidence and scheduler each have a line."""
    rows = found(capsys)
    assert {"ok"} == {level for level, _, _ in rows}
    assert {"versions", "state folder", "disk", "store", "schema", "evidence", "scheduler", "intensity", "plugins"} <= {
        what for _, what, _ in rows
    }
    assert 0 == main.run(["doctor"])
    out, err = capsys.readouterr()
    assert f"ok    store: {ended / 'carbonsched.db'} is whole\n" in out
    assert f"{len(rows)} ok, 0 warn, 0 fail\n" == err


def test_a_doctor_finds_who_else_may_read(ended: Path, own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Folder, database and secrets."""
    ended.chmod(0o755)
    (ended / "carbonsched.db").chmod(0o644)
    secrets = platformdirs.user_config_path(wiring.APP) / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "HF_TOKEN").write_text("x")
    (secrets / "HF_TOKEN").chmod(0o640)
    rows = found(capsys, code=1)
    assert [("warn", f"{ended} is open to others (mode 0755)")] == about(rows, "state folder")
    assert ("fail", f"{ended / 'carbonsched.db'} is open to others (mode 0644)") in about(rows, "store")
    assert [("fail", f"{secrets / 'HF_TOKEN'} is open to others")] == about(rows, "secrets")
    (secrets / "HF_TOKEN").chmod(0o600)
    assert [("ok", f"1 files in {secrets}, private")] == about(found(capsys, code=1), "secrets")


def test_a_doctor_finds_a_full_disk(
    ended: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """First a warning, then a failure."""
    monkeypatch.setattr(doctor_state, "LOW_BYTES", 1 << 60)
    assert ["warn"] == [level for level, _ in about(found(capsys), "disk")]
    monkeypatch.setattr(doctor_state, "TOO_LOW_BYTES", 1 << 60)
    assert ["fail"] == [level for level, _ in about(found(capsys, code=1), "disk")]


def test_a_doctor_finds_a_damaged_store(ended: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says how a backup is put back."""
    with wiring.store().writing() as tx:
        for n in range(200):
            tx.add_job(make_row(job_id=f"job-{n}"))
    database = ended / "carbonsched.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    raw = bytearray(database.read_bytes())
    raw[4096 * 4 :] = b"\x55" * (len(raw) - 4096 * 4)
    database.write_bytes(raw)
    assert "fail" in {level for level, _ in about(found(capsys, code=1), "store")}
    database.write_bytes(b"this is a letter" * 1000)
    assert [("fail", f"{database}: file is not a database")] == about(found(capsys, code=1), "store")


def test_a_doctor_finds_rows_that_point_to_none(ended: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody edited the file."""
    with closing(sqlite3.connect(ended / "carbonsched.db")) as connection:
        connection.execute("INSERT INTO event VALUES (9, 'nobody', '', '', '')")
        connection.commit()
    assert ("fail", f"{ended / 'carbonsched.db'}: a row of event points to no job") in about(
        found(capsys, code=1), "store"
    )


def test_a_doctor_changes_no_old_store_and_no_newer_one(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what the next command does with it."""
    wiring.state_folder().prepare()
    database = state / "carbonsched.db"
    with closing(sqlite3.connect(database)) as connection:
        for statement in r0001_first_tables.TABLES:
            connection.execute(statement)
        connection.commit()
    before = database.read_bytes()
    assert ["warn"] == [level for level, _ in about(found(capsys), "schema")]
    assert before == database.read_bytes()
    database.unlink()
    with open_store(wiring.state_folder()).writing() as tx:
        tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert ["fail"] == [level for level, _ in about(found(capsys, code=1), "schema")]


def test_a_doctor_finds_evidence_that_is_gone_or_unreadable(ended: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An account that was made from it can no longer be made again."""
    (path,) = (ended / "evidence" / "j1").iterdir()
    path.write_text("garbage")
    ((level, text),) = about(found(capsys, code=1), "evidence")
    assert ("fail", True) == (level, text.startswith("cs-j1-s1-a1: an outcome is not JSON"))
    path.unlink()
    gone = [("fail", "cs-j1-s1-a1: its outcome was read once, and is gone")]
    assert gone == about(found(capsys, code=1), "evidence")


def test_a_doctor_finds_a_scheduler_that_is_missing(
    ended: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Open jobs wait for one."""
    with wiring.store().writing() as tx:
        tx.set_job("j1", state=JobState.PLANNED)
    assert [("warn", "does not run, and 1 jobs are open")] == about(found(capsys), "scheduler")
    monkeypatch.setattr(running, "pid", lambda: 4711)
    assert [("ok", "runs, process 4711; 1 open jobs")] == about(found(capsys), "scheduler")


def test_a_doctor_finds_bad_settings_files_and_tables(
    state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is a finding, not the end of the search."""
    (tmp_path / "bad.yaml").write_text("name: [")
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(tmp_path / "bad.yaml"))
    monkeypatch.setenv("CARBONSCHED_INTENSITY_TABLE", str(tmp_path / "gone.csv"))
    rows = found(capsys, code=1)
    assert ["fail"] == [level for level, _ in about(rows, "clusters")]
    assert [("fail", f"there is no intensity table {tmp_path / 'gone.csv'}")] == about(rows, "intensity")
    assert ["ok"] == [level for level, _ in about(rows, "plugins")]
    monkeypatch.setenv("CARBONSCHED_TICK", "soon")
    assert ["fail"] == [level for level, _ in about(found(capsys, code=1), "settings")]


def test_a_doctor_finds_zones_that_the_table_has_not(
    state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are named."""
    (tmp_path / "grid.csv").write_text("utc,FR\n2026-03-01T00:00:00Z,50\n2026-03-01T01:00:00Z,50\n")
    monkeypatch.setenv("CARBONSCHED_INTENSITY_TABLE", str(tmp_path / "grid.csv"))
    ((level, text),) = about(found(capsys), "intensity")
    assert "warn" == level
    assert "CA-ON, CA-QC, DE" in text


def test_a_doctor_finds_a_plugin_that_does_not_load(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, with the package that brings it."""
    broken = EntryPoint(name="mine", value="no_such_module:Mine", group="x")
    monkeypatch.setattr(policies, "entry_points", lambda group: [broken])
    monkeypatch.setattr(sources, "entry_points", lambda group: [broken])
    rows = about(found(capsys, code=1), "plugins")
    assert ["fail", "fail"] == [level for level, _ in rows]
    assert all("no_such_module" in text for _, text in rows)


def test_every_level_has_its_exit_code() -> None:
    """Only a failure is one."""
    assert {"ok": 0, "warn": 0, "fail": 1} == doctor.EXIT_BY_WORST
