"""The log of a loop in the background: bounded, private, in either form, and what it warns of once."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import responses

from cli import main
from cli.child import command
from cli.rotated import KEPT, Rotated
from cli.serve_cautions import Cautions
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import InvalidInput
from tests.records.cases import make_cluster

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:8265"


@pytest.fixture
def ray() -> Iterator[responses.RequestsMock]:
    """A dashboard whose answers the test gives."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as answers:
        yield answers


def test_a_log_stays_bounded_and_private(tmp_path: Path) -> None:
    """A few files of at most the limit, none of which others may read, the newest line in the one of the plain name."""
    path = tmp_path / "scheduler.log"
    path.write_text("from before\n")
    path.chmod(0o644)
    handler = Rotated(path, limit_bytes=2000)
    for number in range(400):
        handler.handle(logging.LogRecord("cli", logging.INFO, "", 0, "line %d %s", (number, "x" * 80), None))
    handler.close()
    files = sorted(tmp_path.iterdir())
    assert [path.name, *(f"{path.name}.{n}" for n in range(1, KEPT + 1))] == [file.name for file in files]
    assert all(file.stat().st_size <= 2000 for file in files)
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}
    assert path.read_text().splitlines()[-1].startswith("line 399")


def test_what_a_dying_interpreter_says_lands_in_the_newest_file(tmp_path: Path) -> None:
    """Stderr of a loop in the background is that file, also after it was changed."""
    path = tmp_path / "scheduler.log"
    script = (
        "import logging, pathlib, sys\nfrom cli.rotated import Rotated\n"
        "handler = Rotated(pathlib.Path(sys.argv[1]), limit_bytes=500)\n"
        "for n in range(20): handler.handle(logging.LogRecord('cli', 20, '', 0, 'x' * 100, (), None))\n"
        "raise SystemExit('the last words')\n"
    )
    with path.open("ab") as log:
        subprocess.run([sys.executable, "-c", script, str(path)], stdout=log, stderr=log, cwd=ROOT, check=False)
    assert path.read_text().endswith("the last words\n")


def test_a_background_loop_keeps_its_log_private_and_bounded(tmp_path: Path) -> None:
    """It is told where to log; the file is made before it runs."""
    log = tmp_path / "state" / "scheduler.log"
    (tmp_path / "quebec.yaml").write_text(make_cluster("quebec", "CA-QC").model_dump_json(exclude_defaults=True))
    places = {"CARBONSCHED_STATE_DIR": str(log.parent), "CARBONSCHED_CLUSTERS": str(tmp_path / "quebec.yaml")}
    words = [*command(), "serve", "--background", "--log-format", "json"]
    done = subprocess.run(words, env=os.environ | places, capture_output=True, text=True, check=True)
    pid = int(done.stderr.rpartition("pid ")[2].rstrip(")\n"))
    try:
        end_s = time.monotonic() + 20
        while "watches" not in log.read_text():
            assert time.monotonic() < end_s
            time.sleep(0.05)
        listed = subprocess.run(["ps", "-wwo", "args=", "-p", str(pid)], capture_output=True, text=True, check=True)
    finally:
        os.kill(pid, signal.SIGTERM)
    assert f"--log-file {log}" in listed.stdout
    assert 0o600 == stat.S_IMODE(log.stat().st_mode)
    assert {"info"} == {json.loads(line)["level"] for line in log.read_text().splitlines()}


@pytest.mark.parametrize(("form", "begins"), [("text", "20"), ("json", "{")])
def test_a_loop_logs_into_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str, begins: str
) -> None:
    """In either form; nothing is left for stderr."""
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("cli.serve_loop.IDLE_EXIT_S", 0.0)
    (tmp_path / "quebec.yaml").write_text(make_cluster("quebec", "CA-QC").model_dump_json(exclude_defaults=True))
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(tmp_path / "quebec.yaml"))
    path = tmp_path / "loop.log"
    try:
        code = main.run(["serve", "--until-idle", "--log-format", form, "--log-file", str(path)])
    finally:
        for handler in [*logging.getLogger().handlers]:
            if isinstance(handler, Rotated):
                logging.getLogger().removeHandler(handler)
                handler.close()
    assert 0 == code
    lines = path.read_text().splitlines()
    assert "scheduler ended; running jobs go on" in lines[-1]
    assert all(line.startswith(begins) for line in lines)
    if form == "json":
        assert "info" == json.loads(lines[0])["level"]
    assert "" == capsys.readouterr().err


def test_a_log_file_that_cannot_be_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything runs."""
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    assert InvalidInput.exit_code == main.run(["serve", "--log-file", str(tmp_path / "none" / "x.log")])
    assert "x.log cannot be written: No such file or directory" in capsys.readouterr().err


def cluster(**ray: object) -> Cluster:
    """A cluster that is reached so."""
    return make_cluster("quebec", "CA-QC", ray={"address": URL, **ray})


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was warned of since the last call."""
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    caplog.clear()
    return said


def test_an_old_ray_without_a_token_is_warned_of_once(
    ray: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where it did not answer at first, and again where its file leads elsewhere."""
    declared = [cluster()]
    cautions = Cautions(declared=lambda: declared)
    cautions.look()
    assert [] == warned(caplog)
    ray.get(f"{URL}/api/version", json={"ray_version": "2.51.0", "session_name": "s"})
    cautions.look()
    flaw, open_door = warned(caplog)
    assert "CVE-2023-48022" in flaw
    assert "answers without a token" in open_door
    cautions.look()
    assert [] == warned(caplog)
    declared[:] = [cluster(address="http://localhost:8265")]
    ray.get("http://localhost:8265/api/version", json={"ray_version": "2.60.0", "session_name": "s"})
    cautions.look()
    assert ["answers without a token"] == [
        text.split(":")[0].removeprefix("cluster quebec ") for text in warned(caplog)
    ]


def test_a_sound_cluster_is_not_warned_of(
    ray: responses.RequestsMock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new Ray that turns strangers away."""
    monkeypatch.setenv("QC", "t0ken")
    known = responses.matchers.header_matcher({"Authorization": "Bearer t0ken"})
    ray.get(f"{URL}/api/version", json={"ray_version": "2.60.0", "session_name": "s"}, match=[known])
    ray.get(f"{URL}/api/version", status=401)
    Cautions(declared=lambda: [cluster(token_env="QC")]).look()
    assert [] == warned(caplog)


def test_a_token_that_may_be_read_on_the_way_is_warned_of_at_every_start(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, ray: responses.RequestsMock
) -> None:
    """Its file allows it; a loop that starts says so, before the cluster answers, and never the token."""
    monkeypatch.setenv("QC", "t0ken-h")
    declared = [cluster(address="http://ray.example:8265", token_env="QC", allow_plain_token=True)]
    for _ in range(2):
        Cautions(declared=lambda: declared).look()
        [said] = warned(caplog)
        assert "its token travels readable to http://ray.example:8265" in said
        assert "t0ken-h" not in said


def test_a_missing_token_is_left_to_the_jobs_that_wait_for_it(caplog: pytest.LogCaptureFixture) -> None:
    """They say where it is looked for."""
    assert "QC_NONE" not in os.environ
    Cautions(declared=lambda: [cluster(token_env="QC_NONE")]).look()
    assert [] == warned(caplog)
