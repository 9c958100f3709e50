"""`carbonsched intensity sources` and what `doctor` says of them: without a key, without a network, and with both."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from cli import main, wiring
from tests.cli.test_intensity_chains import NO_RETRY, TOKEN, Maps, call, maps, world

__all__ = ["maps", "world"]


def state(out: str, name: str) -> tuple[str, str]:
    """State and detail of a source."""
    found = next(each for each in json.loads(out)["sources"] if each["source"] == name)
    return found["state"], found["detail"]


def test_without_a_key_and_without_settings_the_list_is_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every source with its licence, limits and what it lacks; nobody is asked, no state is made."""
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    code, out, err = call(capsys, "intensity", "sources", "--json")
    assert (0, "") == (code, err)
    assert ("key missing", "ELECTRICITY_MAPS_TOKEN not set") == state(out, "electricity-maps")
    assert "ready" == state(out, "static-tables")[0]
    assert "not asked" == state(out, "rte-eco2mix")[0]
    assert all(each["licence"] and each["bases"] for each in json.loads(out)["sources"])
    static = next(each for each in json.loads(out)["sources"] if each["source"] == "static-tables")
    assert ["every zone (1 of 1)"] == static["used_for"]
    assert not (tmp_path / "state").exists()
    text = call(capsys, "intensity", "sources")[1]
    assert "needs   ELECTRICITY_MAPS_TOKEN (not set)" in text


def test_a_source_of_the_settings_is_asked_once(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It answers, for a zone of ours; its key is said to be set and not shown."""
    code, out, _ = call(capsys, "intensity", "sources", "--json")
    assert 0 == code
    assert "answers" == state(out, "electricity-maps")[0]
    assert [{"name": "ELECTRICITY_MAPS_TOKEN", "set": True}] == next(
        each["credentials"] for each in json.loads(out)["sources"] if each["source"] == "electricity-maps"
    )
    assert any(line.endswith((" FR", " CA-QC")) for line in Maps.asked)


def test_a_table_of_the_settings_stands_over_the_lists(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what plans are made on, so nobody else is asked."""
    (world / "grid.csv").write_text("utc,FR\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00Z,1\n")
    monkeypatch.setenv("CARBONSCHED_INTENSITY_TABLE", "grid.csv")
    out = call(capsys, "intensity", "sources", "--json")[1]
    assert ("ready", "1 zone, on this machine") == state(out, "csv-file")
    assert "not asked" == state(out, "electricity-maps")[0]
    assert [] == Maps.asked


def test_a_name_that_nobody_has_is_refused(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list would look as if nothing were named."""
    monkeypatch.setenv("CARBONSCHED_SOURCES", "electricity-map, static-tables")
    code, _, err = call(capsys, "intensity", "sources")
    assert 2 == code
    assert "did you mean 'electricity-maps'?" in err


def test_a_zone_of_the_lists_is_the_one_that_is_asked_for(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before those of the clusters: it is what the source is named for."""
    monkeypatch.setenv("CARBONSCHED_SOURCES", "CA-QC = electricity-maps; default = static-tables")
    out = call(capsys, "intensity", "sources", "--json")[1]
    assert state(out, "electricity-maps")[1].startswith("CA-QC, ")


def test_one_that_is_down_is_told_and_the_command_ends_well(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rest of the list is whole."""
    Maps.broken = NO_RETRY
    code, out, _ = call(capsys, "intensity", "sources", "--json")
    assert 0 == code
    assert "no answer" == state(out, "electricity-maps")[0]


def test_an_open_secret_file_is_named_and_not_read(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    """A file that others can read is no place for a key; with mode 0600 it is."""
    monkeypatch.delenv("ELECTRICITY_MAPS_TOKEN")
    folder = own_home / "xdg_config_home" / "carbonsched" / "secrets"
    folder.mkdir(parents=True)
    path = folder / "ELECTRICITY_MAPS_TOKEN"
    path.write_text(TOKEN + "\n")
    path.chmod(0o644)
    out = call(capsys, "intensity", "sources", "--json")[1]
    assert "not set up" == state(out, "electricity-maps")[0]
    assert "is open to others" in state(out, "electricity-maps")[1]
    path.chmod(0o600)
    assert "answers" == state(call(capsys, "intensity", "sources", "--json")[1], "electricity-maps")[0]


def test_doctor_tells_which_key_is_missing_and_where_to_put_it(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning, not a failure: the sources after it stand in. Nobody is asked."""
    code, out, _ = call(capsys, "doctor", "--json")
    found = {(f["what"], f["level"], f["text"]) for f in json.loads(out)["findings"]}
    assert 0 == code
    assert ("intensity", "ok", "electricity-maps: has what it needs; intensity sources asks it") in found
    assert any(what == "clock" and level == "ok" for what, level, _ in found)
    monkeypatch.delenv("ELECTRICITY_MAPS_TOKEN")
    monkeypatch.setenv("CARBONSCHED_SOURCES", "FR = electricity-maps, static-tables")
    code, out, _ = call(capsys, "doctor", "--json")
    warned = [f["text"] for f in json.loads(out)["findings"] if f["what"] == "intensity" and f["level"] == "warn"]
    assert [
        "electricity-maps needs ELECTRICITY_MAPS_TOKEN, which is not set",
        "the setting sources names none for CA-QC",
    ] == warned
    assert [] == Maps.asked


def test_what_the_plan_reaches_is_listed(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the words of the service, for a zone of ours; a source without a plan lists nothing."""
    found = {
        each["source"]: each["plan_reaches"]
        for each in json.loads(call(capsys, "intensity", "sources", "--json")[1])["sources"]
    }
    assert found["electricity-maps"]["zone"] in ("FR", "CA-QC")
    assert found["electricity-maps"]["reaches"]
    assert found["static-tables"] is None
    assert f"  plan    it lists for {found['electricity-maps']['zone']}: " in call(capsys, "intensity", "sources")[1]


@pytest.mark.parametrize("named", ["electricity-maps", "static-tables", "csv-file"])
def test_doctor_looks_at_one_source_alone_too(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """A provider, the yearly tables, or a table that is not there, where nothing else is named."""
    monkeypatch.setenv("CARBONSCHED_SOURCES", named)
    _, out, _ = call(capsys, "doctor", "--json")
    found = [(f["level"], f["text"]) for f in json.loads(out)["findings"] if f["what"] == "intensity"]
    assert 1 == len(found)
    assert {"electricity-maps": "ok", "static-tables": "ok", "csv-file": "fail"}[named] == found[0][0]
    assert named in found[0][1]


def test_an_open_secret_file_is_stood_in_for_like_a_missing_key(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    """A job goes on without it, and it is said which file and why."""
    monkeypatch.delenv("ELECTRICITY_MAPS_TOKEN")
    monkeypatch.setenv("CARBONSCHED_SOURCES", "electricity-maps, static-tables")
    folder = own_home / "xdg_config_home" / "carbonsched" / "secrets"
    folder.mkdir(parents=True)
    (folder / "ELECTRICITY_MAPS_TOKEN").write_text(TOKEN)
    (folder / "ELECTRICITY_MAPS_TOKEN").chmod(0o644)
    code, out, err = call(capsys, "intensity", "show", "FR", "--from", "2026-01-01", "--to", "2026-01-02", "--json")
    assert 0 == code, err
    said = json.loads(out)
    assert ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z") == (said["from"], said["to"])
    assert "static-tables stands in, because electricity-maps needs ELECTRICITY_MAPS_TOKEN" in said["notes"][0]
    assert "is open to others" in said["notes"][0]
    assert TOKEN not in out + err


@pytest.mark.parametrize("name", ["source_options", "sources"])
def test_a_folders_own_file_may_name_sources_and_not_where_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It comes with whatever repository one stands in, and would send the key elsewhere."""
    monkeypatch.chdir(tmp_path)
    said = {"source_options": "{electricity-maps: {base_url: 'http://evil'}}", "sources": "{FR: [static-tables]}"}
    (tmp_path / "carbonsched.yaml").write_text(f"version: 1\n{name}: {said[name]}\n")
    code, _, err = call(capsys, "settings")
    assert (2 if name == "source_options" else 0) == code
    assert ("may not be set by a file in the current folder" in err) == (name == "source_options")


def test_the_users_own_file_may_name_both(
    own_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Lists and mappings, as YAML writes them."""
    folder = own_home / "xdg_config_home" / "carbonsched"
    folder.mkdir(parents=True)
    (folder / "carbonsched.yaml").write_text(
        "version: 1\nsources:\n  FR: [rte-eco2mix, static-tables]\n  default: static-tables\n"
        "source_options:\n  electricity-maps:\n    base_url: http://127.0.0.1:1/v4\n"
    )
    monkeypatch.chdir(tmp_path)
    out = call(capsys, "settings")[1]
    assert "FR = rte-eco2mix, static-tables; default = static-tables" in out
    assert '{"electricity-maps": {"base_url": "http://127.0.0.1:1/v4"}}' in out
    assert 0 == main.run(["intensity", "show", "DE", "--from", "2026-03-01T00:00:00Z"])


def test_doctor_sees_a_clock_that_was_set_back(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the scheduler wrote lies ahead of now: plans and leases would be wrong."""
    now = wiring.now()
    with wiring.store().writing() as tx:
        tx.set_scheduler(1, now, now + timedelta(hours=1))
    code, out, _ = call(capsys, "doctor", "--json")
    (found,) = [f for f in json.loads(out)["findings"] if f["what"] == "clock"]
    assert (1, "fail") == (code, found["level"])
    assert "when the scheduler last wrote" in found["text"]
