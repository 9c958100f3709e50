"""Sources from the settings, from the outside: which answers, what is said of one that is down, and no secret."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from cli import main, wiring
from scheduler.domain.instant import parse_instant

TOKEN = "em-MARKED-4f7c9d21aa"
HOUR = timedelta(hours=1)
CLUSTER = """name: {name}
zone: {zone}
gpus: 16
source: a test
gpu: {{model: A100, tdp_w: 400, idle_w: 63, embodied_kg: 150}}
node: {{gpus: 8, host_w: 1600, idle_w: 1000, embodied_kg: 2500}}
pue: 1.2
paused_nodes: off
"""
JOB = "version: 1\nname: train\nentrypoint: python train.py\ngpus: 8\nduration: 2h\nhome: paris\ndeadline: 8h\n"
MARGINAL = "marginal direct n/a CO2"
STAMP = "%Y-%m-%dT%H:%M:%S.000Z"
NO_RETRY = 418
"""A status at which nobody tries again, so that a test need not wait."""


class Maps(BaseHTTPRequestHandler):
    """A provider of the kind of Electricity Maps; it quotes the token back whenever it refuses."""

    asked: ClassVar[list[str]] = []
    broken: ClassVar[int] = 0
    body: ClassVar[str] = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a question about a zone."""
        url = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.asked.append(f"{url.path.rsplit('/', 1)[-1]} {given.get('zone', '')}".strip())
        if self.body:
            self._put(self.broken, self.body.encode())
            return
        if self.broken:
            self._send(self.broken, {"error": f"no service for {self.headers['auth-token']}", "message": TOKEN})
            return
        if given.get("zone", "FR") not in ("FR", "CA-QC"):
            self._send(400, {"status": "error", "message": f"Zone '{given['zone']}' does not exist."})
            return
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        if url.path.endswith("/zones"):
            self._send(200, {zone: {"zoneName": zone, "access": ["*"]} for zone in ("FR", "CA-QC")})
            return
        starts = [now + hour * HOUR for hour in range(73)]
        if not url.path.endswith("forecast"):
            starts = [now - hour * HOUR for hour in range(23, -1, -1)]
        rows = [
            {
                "zone": given["zone"], "carbonIntensity": 40 + start.hour, "datetime": f"{start:{STAMP}}",
                "updatedAt": f"{now:{STAMP}}", "createdAt": f"{now:{STAMP}}",
                "emissionFactorType": given.get("emissionFactorType", "lifecycle"), "isEstimated": False,
                "estimationMethod": None, "temporalGranularity": "hourly", "flowTraced": True,
            }
            for start in starts
        ]  # fmt: skip
        name = "forecast" if url.path.endswith("forecast") else "history"
        if url.path.endswith("past-range"):
            name = "data"
        whole = {"zone": given["zone"], name: rows, "temporalGranularity": "hourly", "updatedAt": rows[0]["updatedAt"]}
        self._send(200, rows[-1] if url.path.endswith("latest") else whole)

    def _send(self, status: int, answer: object) -> None:
        """Put an answer on the wire."""
        self._put(status, json.dumps(answer).encode())

    def _put(self, status: int, body: bytes) -> None:
        """Put bytes on the wire."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def maps() -> Iterator[ThreadingHTTPServer]:
    """The provider, up."""
    Maps.asked.clear()
    Maps.broken, Maps.body = 0, ""
    with ThreadingHTTPServer(("127.0.0.1", 0), Maps) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def world(tmp_path: Path, maps: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job, two clusters, and the provider in front of the yearly tables; the key is there."""
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "clusters").mkdir()
    for name, zone in (("paris", "FR"), ("montreal", "CA-QC")):
        (tmp_path / "clusters" / f"{name}.yaml").write_text(CLUSTER.format(name=name, zone=zone))
    monkeypatch.chdir(tmp_path)
    said = {
        "CLUSTERS": str(tmp_path / "clusters"),
        "STATE_DIR": str(tmp_path / "state"),
        "SOURCES": "electricity-maps, static-tables",
        "SOURCE_OPTIONS": f"electricity-maps.base_url = http://127.0.0.1:{maps.server_port}/v4",
    }
    for name, value in said.items():
        monkeypatch.setenv(f"CARBONSCHED_{name}", value)
    monkeypatch.setenv("ELECTRICITY_MAPS_TOKEN", TOKEN)
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, none of which may hold the token."""
    code = main.run(list(words))
    out, err = capsys.readouterr()
    assert TOKEN not in out + err
    assert TOKEN[:14] not in out + err
    return code, out, err


def test_a_plan_is_made_on_the_providers_forecast(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Zone by zone, one question each, and no second one while it is fresh."""
    code, out, _ = call(capsys, "plan", "job.yaml", "--json")
    found = json.loads(out)
    assert 0 == code
    kinds = {zone: [e["kind"] for e in found["intensity"] if e["zone"] == zone] for zone in ("FR", "CA-QC")}
    assert {"FR": ["observed", "forecast"], "CA-QC": ["observed", "forecast"]} == kinds
    assert not [warning for warning in found["warnings"] if "stands in" in warning]
    asked = list(Maps.asked)
    assert ["forecast CA-QC", "forecast FR"] == sorted(line for line in asked if line.startswith("forecast"))
    call(capsys, "plan", "job.yaml", "--json")
    wiring._keeper.cache_clear()
    call(capsys, "plan", "job.yaml", "--json")
    assert asked == Maps.asked


def test_a_plan_with_the_provider_down_falls_back_and_says_so(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the tables that the operator listed, in text and in JSON; the plan is made all the same."""
    Maps.broken = 500
    code, out, _ = call(capsys, "plan", "job.yaml", "--json")
    found = json.loads(out)
    assert 0 == code
    assert {"estimated"} == {entry["kind"] for entry in found["intensity"]}
    said = next(warning for warning in found["warnings"] if "stands in" in warning)
    assert said.startswith("intensity of ")
    assert "static-tables stands in, because electricity-maps answered 500" in said
    assert "static-tables stands in" in " ".join(call(capsys, "plan", "job.yaml")[1].split())


def test_a_zone_for_which_no_source_is_named_is_said(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clusters are left out of the plan, and the reason is there."""
    monkeypatch.setenv("CARBONSCHED_SOURCES", "FR = static-tables")
    found = json.loads(call(capsys, "plan", "job.yaml", "--json")[1])
    assert "there is no intensity of CA-QC: no source is named for it" in found["warnings"]
    assert ["montreal"] == [each["cluster"] for each in found["rejected"]]


def test_with_nothing_to_fall_back_on_the_plan_ends_with_4(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No table stands in unasked; the error says what each source lacked, the hint what to list."""
    monkeypatch.setenv("CARBONSCHED_SOURCES", "electricity-maps")
    Maps.broken = NO_RETRY
    code, _, err = call(capsys, "plan", "job.yaml")
    assert 4 == code
    assert "electricity-maps has nothing for CA-QC, FR" in err
    assert "answered 418" in err
    assert "list static-tables last" in err


def test_a_missing_key_does_not_block_a_rule_that_needs_none(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """run-now goes on, at no price, and says what it lacked; carbon-aware does not."""
    monkeypatch.setenv("CARBONSCHED_SOURCES", "electricity-maps")
    monkeypatch.delenv("ELECTRICITY_MAPS_TOKEN")
    code, out, _ = call(capsys, "plan", "job.yaml", "--policy", "run-now", "--json")
    found = json.loads(out)
    assert (0, None) == (code, found["emissions_kg"]["total"])
    assert any("ELECTRICITY_MAPS_TOKEN, which is not set" in warning for warning in found["warnings"])
    code, _, err = call(capsys, "plan", "job.yaml")
    assert 4 == code
    assert "ELECTRICITY_MAPS_TOKEN, which is not set" in err
    submitted = call(capsys, "submit", "job.yaml", "--set", "policy=run-now", "--no-serve", "-q")
    assert 0 == submitted[0]
    assert [] == Maps.asked


def test_a_job_keeps_its_sources_and_its_basis(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is written down with it opens them again; the token and the address are not in the store."""
    code, out, _ = call(capsys, "submit", "job.yaml", "--no-serve", "--json")
    assert 0 == code
    with wiring.store().reading() as tx:
        (row,) = tx.jobs()
    assert row.intensity["sources"] == "default = electricity-maps, static-tables"
    with closing(sqlite3.connect(world / "state" / "carbonsched.db")) as database:
        dump = "\n".join(database.iterdump())
    assert "electricity-maps" in dump
    for word in (TOKEN, "127.0.0.1"):
        assert word not in dump
    assert json.loads(out)["plan"]["intensity"]
    assert "Electricity Maps" in call(capsys, "describe", "train", "--json")[1]


def test_what_stood_in_is_told_by_describe_and_report_too(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not only when the job is planned."""
    Maps.broken = NO_RETRY
    assert 0 == call(capsys, "submit", "job.yaml", "--no-serve", "-q")[0]
    assert "static-tables stands in, because electricity-maps answered 418" in call(capsys, "describe", "train")[1]
    assert "static-tables stands in" in call(capsys, "describe", "train", "--json")[1]
    assert "static-tables stands in" in call(capsys, "report")[1]


def test_marginal_and_average_plans_work_and_are_never_compared(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each on its own basis; a report over both refuses."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rows = "".join(f"{now + h * HOUR:%Y-%m-%dT%H:%M:%SZ},{400 + h},{300 - h}\n" for h in range(-30, 48))
    (world / "moer.csv").write_text("utc,FR,CA-QC\n" + rows)
    average = json.loads(call(capsys, "plan", "job.yaml", "--json")[1])
    words = ("--intensity-table", "moer.csv", "--basis", MARGINAL)
    marginal = json.loads(call(capsys, "plan", "job.yaml", *words, "--json")[1])
    assert ("average lifecycle consumption CO2e", MARGINAL) == (average["basis"], marginal["basis"])
    for extra in ((), words):
        assert 0 == call(capsys, "submit", "job.yaml", "--no-serve", "-q", *extra)[0]
    with wiring.store().reading() as tx:
        assert [None, MARGINAL] == [row.intensity.get("basis") for row in tx.jobs()]
    code, _, err = call(capsys, "report")
    assert 1 == code
    assert "cannot meet one on" in err


def test_the_settings_table_is_not_taken_for_another_basis(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Averages are not turned marginal by a flag."""
    (world / "grid.csv").write_text("utc,FR\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00Z,1\n")
    monkeypatch.setenv("CARBONSCHED_INTENSITY_TABLE", "grid.csv")
    code, _, err = call(capsys, "plan", "job.yaml", "--basis", MARGINAL)
    assert 2 == code
    assert "is on 'average lifecycle consumption CO2e', not on 'marginal direct n/a CO2'" in err


def test_the_hours_of_a_zone_are_shown_from_its_chain(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Observed up to now, forecast from there on; as text, as JSON, and as a table that plans read."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = f"{now - 5 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    code, out, _ = call(capsys, "intensity", "show", "FR", "--from", start, "--json")
    found = json.loads(out)
    assert 0 == code
    assert {"observed", "forecast"} == {hour["kind"] for hour in found["hours"]}
    assert all(hour["g_per_kwh"] == 40 + parse_instant(hour["start"]).hour for hour in found["hours"])
    text = call(capsys, "intensity", "show", "FR", "--from", start)[1]
    assert "g/kWh +--" in text
    code, table, talk = call(capsys, "intensity", "show", "FR", "--from", start, "--csv")
    assert "licence: terms of Electricity Maps" in talk
    (world / "shown.csv").write_text(table)
    again = call(
        capsys, "intensity", "show", "FR", "--from", start, "--intensity-table", "shown.csv", "--json",
    )  # fmt: skip
    assert [h["g_per_kwh"] for h in found["hours"]] == [h["g_per_kwh"] for h in json.loads(again[1])["hours"]]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--from", "2026-03-02T00:00:00Z", "--to", "2026-03-01T00:00:00Z"], 2, "is not before"),
        (["--from", "2020-03-02T00:00:00Z", "--to", "2026-03-01T00:00:00Z"], 2, "too many to show"),
        (["--from", "yesterday"], 2, "--from 'yesterday' is not an ISO 8601"),
        (["--csv"], 2, "are for a range"),
        (["--json", "--csv", "--from", "2026-03-02T00:00:00Z"], 2, "were both given"),
        (["--year", "2024", "--from", "2026-03-02T00:00:00Z"], 2, "were both given"),
        (["--from", "2026-03-02T00:00:00Z", "--basis", "mean"], 2, "basis signal 'mean' is unknown"),
        (["--basis", "marginal lifecycle"], 4, "no 'marginal lifecycle n/a CO2e' for FR"),
    ],
)
def test_what_cannot_be_shown_is_said(
    world: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    """The thing and the way out, by the exit code of its kind."""
    found, _, err = call(capsys, "intensity", "show", "FR", *words)
    assert code == found
    assert message in err


def test_a_zone_that_no_source_has_is_said_with_every_reason(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of another zone stands in."""
    code, _, err = call(capsys, "intensity", "show", "FR-COR", "--from", "2026-03-01T00:00:00Z")
    assert 4 == code
    assert "nothing is known of FR-COR" in err
    assert "the static tables have no zone 'FR-COR'" in err


QUOTES = (
    (401, '{"error":"Invalid auth-token","message":"%s is invalid"}'),
    (401, '{"error":"Request unauthorized for zoneKey=FR,requestType=forecast","message":"%s"}'),
    (403, "<html><body>Access denied for %s</body></html>"),
    (400, '{"status":"error","message":"Zone \'%s\' does not exist."}'),
    (404, '{"error":"No recent data for %s"}'),
    (418, "%s"),
    (200, '{"zone":"%s","forecast":[]}'),
    (200, '{"zone":"FR","forecast":[{"carbonIntensity":"%s","datetime":"2026-01-01T00:00:00.000Z"}]}'),
    (200, '{"zone":"FR","forecast":[{"carbonIntensity":1,"datetime":"%s"}]}'),
    (200, '{"zone":"FR","temporalGranularity":"%s","forecast":[]}'),
    (200, "no JSON: %s"),
    (302, "moved to %s"),
)
"""Answers that quote the credential in every place that an error may take its words from."""


@pytest.mark.parametrize(("status", "body"), QUOTES)
@pytest.mark.parametrize("form", [TOKEN, f"x{TOKEN[4:]}y"])
def test_a_credential_that_is_quoted_back_goes_nowhere(
    world: Path, capsys: pytest.CaptureFixture[str], status: int, body: str, form: str
) -> None:
    """Not to stdout, stderr, a document or the store: every command that asks, on every way to fail."""
    Maps.broken, Maps.body = status, body % form
    for words in (
        ("submit", "job.yaml", "--no-serve", "--json"),
        ("intensity", "show", "FR", "--from", "2026-11-01T00:00:00Z", "--to", "2026-11-01T05:00:00Z", "--json"),
        ("intensity", "sources", "--json"),
        ("report", "--json"),
    ):
        _, out, err = call(capsys, *words)
        assert TOKEN[4:20] not in out + err
    with closing(sqlite3.connect(world / "state" / "carbonsched.db")) as database:
        assert TOKEN[4:20] not in "\n".join(database.iterdump())
