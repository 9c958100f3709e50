"""A secret with a mark in it, on every path that an error can take: the mark is in the launch and nowhere else."""

from __future__ import annotations

import base64
import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.cluster_ports import Launch
from scheduler.domain.cluster import RayAddress
from scheduler.domain.errors import CarbonschedError
from scheduler.execution.ray_http import RayHttp
from scheduler.execution.ray_rest import RayRest
from scheduler.execution.ray_wire import JobAnswer
from scheduler.execution.redact import MARK, redacted
from scheduler.records.rows import FINAL, JobState
from tests.execution.engine_world import FIRST, HOUR, START, NewWorld, stretch
from tests.execution.ray_answers import LAUNCH, FastClock

SPOT = "m4rked"
SECRETS = (
    "m4rked-plain",
    "m4rked \"quoted\" \\ and 'quoted'",
    "m4rked line one\nm4rked line two\r\nm4rked line three",
    "m4rked \u00e9\u4e2d\U0001f511 letters",
    "m4rked\ttab\x1b[31m",
    "  m4rked blanks around  ",
    "m4rked%20/+&=?",
    "-----BEGIN KEY-----\nm4rkedm4rkedm4rked\n-----END KEY-----\n",
    "m4rked" * 100,
)
Echo = Callable[[str, dict[str, object]], str]
ECHOES: dict[str, Echo] = {
    "the value": lambda secret, _body: f"Traceback:\nValueError: bad value {secret}",
    "the value, then more": lambda secret, _body: f"bad {secret} here\nand the last line",
    "its repr": lambda secret, _body: f"TypeError: {{'TOKEN': {secret!r}}}",
    "its bytes": lambda secret, _body: f"TypeError: {secret.encode()!r}",
    "the body as JSON": lambda _secret, body: json.dumps(body),
    "the body as readable JSON": lambda _secret, body: json.dumps(body, ensure_ascii=False, indent=1),
    "the body as JSON in JSON": lambda _secret, body: json.dumps({"error": json.dumps(body)}),
    "the body's repr": lambda _secret, body: f"Exception: {body!r}",
    "the environment": lambda _secret, body: "\n".join(
        f"{k}={v}" for k, v in body["runtime_env"]["env_vars"].items()  # type: ignore[index]  # as it was sent
    ),
}  # fmt: skip


@dataclass
class Gossip:
    """A dashboard that repeats what it was sent.

    Args:
        status: of its answer to a submission; `says` makes the answer.
        message: of the job that it then has, None where it has none.
    """

    secret: str = ""
    status: int = 500
    says: Echo = ECHOES["the value"]
    message: str | None = None
    extra: dict[str, object] = field(default_factory=dict)
    body: dict[str, object] = field(default_factory=dict)
    port: int = 0


@pytest.fixture(scope="module")
def gossip() -> Iterator[Gossip]:
    """One that serves all tests of this file."""
    told = Gossip()

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def _answer(self, status: int, text: str) -> None:
            """Send it."""
            raw = text.encode(errors="replace")
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_GET(self) -> None:
            """The package is there, and so is a node; of jobs what the test says."""
            if self.path.startswith("/nodes"):
                raylet = {"raylet": {"nodeId": "n", "state": "ALIVE", "resourcesTotal": {"GPU": 8.0}}}
                self._answer(200, json.dumps({"data": {"summary": [raylet], "nodeLogicalResources": {"n": ""}}}))
            elif self.path.startswith("/api/jobs/") and told.message is None:
                self._answer(404, told.says(told.secret, told.body))
            elif self.path.startswith("/api/jobs/"):
                job = {
                    "status": "FAILED",
                    "message": told.message,
                    "runtime_env": told.body["runtime_env"],
                    **told.extra,
                }
                self._answer(200, json.dumps(job))
            else:
                self._answer(200, "")

        def do_POST(self) -> None:
            """Repeat it."""
            told.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(told.status, told.says(told.secret, told.body))

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


def launch(secret: str) -> Launch:
    """A launch that carries the secret."""
    return replace(LAUNCH, env={"HUB_TOKEN": secret, "CARBONSCHED_GPUS": "4"})


def rest(gossip: Gossip) -> RayRest:
    """The way to it."""
    ray = RayAddress(address=f"http://127.0.0.1:{gossip.port}")
    return RayRest(http=RayHttp(name="quebec", ray=ray, token=None, clock=FastClock()), python="python3")


def whole(exc: BaseException) -> str:
    """All that Python would print of an error, with what caused it."""
    said = "".join(traceback.format_exception(exc))
    return said + (exc.message + exc.hint if isinstance(exc, CarbonschedError) else "")


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_submission_that_is_refused_shows_no_secret(gossip: Gossip, secret: str, echo: Echo) -> None:
    """Whatever status, and in whatever form the answer quotes it."""
    gossip.secret, gossip.says, gossip.message = secret, echo, None
    for status in (400, 408, 500):
        gossip.status = status
        with pytest.raises(CarbonschedError) as raised:
            rest(gossip).submit(launch(secret))
        said = whole(raised.value)
        assert str(status) in said
        assert SPOT not in said


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
def test_a_job_that_failed_says_nothing_of_its_environment(gossip: Gossip, secret: str) -> None:
    """Ray's message may quote the runtime environment that could not be made."""
    gossip.secret, gossip.status, gossip.extra = secret, 200, {}
    env = {"env_vars": {"HUB_TOKEN": secret, "CARBONSCHED_GPUS": "4"}}
    for quoted in (json.dumps(env), repr(env), f"HUB_TOKEN={secret}", json.dumps({"env": json.dumps(env)})):
        gossip.message, gossip.body = f"setup of 4 failed: {quoted}", {"runtime_env": env}
        seen = rest(gossip).observe(LAUNCH.sid)
        assert SPOT not in repr(seen)
        assert "setup of 4 failed" in seen.message


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
def test_an_answer_in_another_form_is_not_quoted(gossip: Gossip, secret: str) -> None:
    """The error of the parser would show the environment that stands beside what it did not understand."""
    gossip.message, gossip.body = "", {"runtime_env": {"env_vars": {"HUB_TOKEN": secret}}}
    for extra in ({"status": secret}, {"metadata": {"a": [secret]}}, {"message": [secret]}, {"runtime_env": secret}):
        gossip.extra = dict(extra)
        with pytest.raises(CarbonschedError) as raised:
            rest(gossip).observe(LAUNCH.sid)
        assert SPOT not in whole(raised.value)
    answer = JobAnswer.model_validate({"status": "FAILED", "runtime_env": gossip.body["runtime_env"]})
    assert SPOT not in repr(answer)


def test_a_launch_prints_no_environment() -> None:
    """A bug's message may print it."""
    assert SPOT not in repr(launch("m4rked-plain")) + str(launch("m4rked-plain"))


def test_a_missing_or_altered_package_says_nothing_of_secrets(gossip: Gossip, tmp_path: Path) -> None:
    """Such a job waits with a reason."""
    altered = tmp_path / "p.zip"
    altered.write_bytes(b"x")
    for path in (tmp_path / "none.zip", altered):
        with pytest.raises(CarbonschedError) as raised:
            rest(gossip).submit(replace(launch(SECRETS[0]), package=path, digest="0" * 64))
        assert SPOT not in whole(raised.value)


@given(st.text(min_size=3, max_size=60), st.sampled_from(["{}", "a {} b", "{}{}", "x={}\n"]))
def test_a_redacted_text_holds_its_secret_in_no_form(secret: str, around: str) -> None:
    """However it is quoted."""
    if len(secret.strip()) < 3 or MARK[0] in secret:  # the shortest that counts; and a mark is no find
        return
    forms = (secret, json.dumps(secret), repr(secret), json.dumps({"a": json.dumps({"b": secret})}), ascii(secret))
    for form in forms:
        text = redacted(around.replace("{}", form), [secret])
        assert MARK in text
        assert secret not in text


def test_what_is_too_short_to_be_a_secret_garbles_no_error() -> None:
    """A width of 4 GPUs is part of the environment."""
    assert "error 404 in line 4" == redacted("error 404 in line 4", ["4", "", "  ", "in"])


class _Awkward(Exception):  # its name is no matter
    """A bug whose message quotes the launch that it met."""


def test_a_bug_with_the_launch_in_hand_tells_no_secret(
    new_world: NewWorld, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the log with its traceback, nor the store, nor any file of the state folder has the mark."""
    monkeypatch.setenv("HUB_TOKEN", "m4rked-plain")
    world = new_world(stretch("one", 0, 1))
    launcher = world.engine.launcher
    secrets = replace(launcher.secrets, environ={"HUB_TOKEN": "m4rked-plain"})
    world.engine = replace(world.engine, launcher=replace(launcher, secrets=secrets))
    with world.store.writing() as tx:
        tx.connection.exec_driver_sql("UPDATE job SET spec = json_set(spec, '$.secrets', json('[\"HUB_TOKEN\"]'))")
    sent: list[Launch] = []

    def awkward(launch: Launch) -> None:
        """Fail with all that is known."""
        sent.append(launch)
        raise _Awkward(f"what is this: {launch!r}, {launch}")

    monkeypatch.setattr(world.one, "submit", awkward)
    for minute in (1, 2, 3):
        world.clock.at = START + minute * HOUR / 60
        world.engine.step()
    assert ["m4rked-plain"] == [each.env["HUB_TOKEN"] for each in sent][:1]
    assert world.job.state is JobState.LAUNCHING
    assert world.job.state not in FINAL
    assert world.job.reason.startswith("internal error: _Awkward")
    logged = caplog.text + "".join(logging.Formatter().format(record) for record in caplog.records)
    assert "what is this" in logged
    assert SPOT not in logged
    kept = [path for path in world.store.folder.root.rglob("*") if path.is_file()]
    marks = (SPOT.encode(), base64.b64encode(SPOT.encode())[:7])
    assert [] == [path for path in kept for mark in marks if mark in path.read_bytes()]
    assert FIRST in [segment.sid for segment in world.segments]
