"""Notices: who is told what, once, and that a webhook or command that fails harms nothing."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
import requests
import responses

from scheduler.domain.errors import CarbonschedError, InvalidInput, SourceUnavailable
from scheduler.domain.job import Job
from scheduler.execution.notify import FAILED, TOLD, TRIES, Emitted, Notifier, threaded
from scheduler.execution.notify_ways import NotTold, WebhookOrCommand, label
from scheduler.records.rows import JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.execution.conftest import Until
from tests.execution.fake_clock import FakeClock
from tests.records.cases import make_job, make_row

START = datetime(2026, 3, 1, tzinfo=UTC)
HOOK = "https://hooks.test/services/T0P-S3CRET"


@dataclass
class Ways:
    """Takes notices, or refuses them."""

    refuses: bool = False
    sent: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def send(self, target: str, body: bytes) -> None:
        """Keep it."""
        if self.refuses:
            raise NotTold("it answered 500")
        self.sent.append((target, json.loads(body)))


def at_once(work: Callable[[], None]) -> None:
    """Tell before the scan goes on."""
    work()


@dataclass
class World:
    """A store with one job that wants to be told of, and a notifier."""

    store: Store
    clock: FakeClock
    ways: Ways

    def notifier(self, emitted: Callable[[str], Emitted] = lambda _: Emitted(kg=1.5, simulated=True)) -> Notifier:
        """A notifier as a new scheduler has it."""
        return Notifier(store=self.store, ways=self.ways, clock=self.clock, emitted=emitted, start=at_once)

    def happens(self, kind: str, text: str = "why", job_id: str = "j1") -> None:
        """Let something happen to a job."""
        with self.store.writing() as tx:
            tx.add_event(job_id, self.clock.now(), kind, text)

    @property
    def events(self) -> list[tuple[str, str]]:
        """Kinds and texts of what was noted of telling."""
        with self.store.reading() as tx:
            return [(e.kind, e.text) for e in tx.events("j1") if e.kind.startswith((TOLD, FAILED))]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The job has an environment with a password in it."""
    store = open_store(StateFolder(tmp_path / "state"))
    job = make_job(notify="tell people", env={"PASSWORD": "hunter2"}, name="mine")
    row = replace(make_row(job), state=JobState.FAILED, reason="exit code 3")
    with store.writing() as tx:
        tx.add_job(row)
        tx.add_job(replace(make_row(make_job(name="quiet")), id="quiet"))
    return World(store, FakeClock(START), Ways())


def test_an_end_is_told_once_with_what_it_emitted(world: World) -> None:
    """The payload has the contract's keys and no more; a second scan and a new scheduler tell nothing again."""
    one = world.notifier()
    world.happens("failed")
    one.scan()
    expected = {
        "schema": 1, "id": "j1:failed", "job_id": "j1", "name": "mine", "event": "failed", "state": "failed",
        "reason": "exit code 3", "emissions_kg": 1.5, "simulated": True,
    }  # fmt: skip
    assert [("tell people", expected)] == world.ways.sent
    assert (0, 0) == (one.scan(), world.notifier().scan())
    assert 1 == len(world.ways.sent)
    assert [("notified:failed", "command tell")] == world.events


def test_the_docs_show_every_key_of_a_notice(world: World) -> None:
    """And its types."""
    world.happens("failed")
    world.notifier().scan()
    doc = (Path(__file__).parents[2] / "docs" / "scheduler.md").read_text()
    [shown] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", doc, re.DOTALL) if "job_id" in block]
    sent = world.ways.sent[0][1]
    assert {key: type(value) for key, value in shown.items()} == {key: type(value) for key, value in sent.items()}


@pytest.mark.parametrize("kind", ["succeeded", "failed", "lost", "late"])
def test_what_people_wait_for_is_told(world: World, kind: str) -> None:
    """Each kind by its own id, so that whoever is told can drop a repetition."""
    world.happens(kind)
    world.notifier().scan()
    assert [f"j1:{kind}"] == [body["id"] for _, body in world.ways.sent]


@pytest.mark.parametrize("kind", ["running", "suspended", "cancelled", "planned", "waits"])
def test_the_rest_is_not_told(world: World, kind: str) -> None:
    """A suspend by the plan is no news, and a person knows what they cancelled."""
    world.happens(kind)
    assert (0, []) == (world.notifier().scan(), world.ways.sent)


def test_a_job_without_notify_is_not_told_of(world: World) -> None:
    """Nobody asked."""
    world.happens("failed", job_id="quiet")
    assert (0, []) == (world.notifier().scan(), world.ways.sent)


def test_lateness_is_told_with_its_own_reason(world: World) -> None:
    """The job's state may have another reason by now."""
    world.happens("late", "its deadline of 2026-03-01T00:00:00Z has passed")
    world.notifier().scan()
    assert "its deadline of 2026-03-01T00:00:00Z has passed" == world.ways.sent[0][1]["reason"]


def test_what_happened_while_no_scheduler_ran_is_told_by_the_next(world: World) -> None:
    """Also after a restart, as long as it is news."""
    world.happens("failed")
    world.clock.sleep(timedelta(days=6))
    world.notifier().scan()
    world.happens("lost")
    world.clock.sleep(timedelta(days=8))
    world.notifier().scan()
    assert ["j1:failed"] == [body["id"] for _, body in world.ways.sent]


def test_a_failed_telling_is_an_event_and_tried_again_later(world: World) -> None:
    """A webhook that is down for a minute loses nothing."""
    one, world.ways.refuses = world.notifier(), True
    world.happens("failed")
    assert 1 == one.scan()
    assert 1 == one.scan()
    assert [("not notified:failed", "it answered 500")] == world.events
    world.ways.refuses = False
    world.clock.sleep(timedelta(minutes=1))
    one.scan()
    assert 0 == one.scan()
    assert 1 == len(world.ways.sent)


def test_a_telling_that_always_fails_is_given_up_over_restarts_too(world: World) -> None:
    """The tries are counted in the store."""
    world.ways.refuses = True
    world.happens("failed")
    for _ in range(20):
        world.notifier().scan()
        world.clock.sleep(timedelta(hours=1))
    assert TRIES == len(world.events)
    assert 0 == world.notifier().scan()


def test_a_missing_account_is_null(world: World) -> None:
    """The news goes out all the same, without a figure that nobody has."""

    def unknown(job_id: str) -> Emitted:
        raise SourceUnavailable(f"no intensity for {job_id}")

    world.happens("failed")
    world.notifier(unknown).scan()
    assert (None, None) == (world.ways.sent[0][1]["emissions_kg"], world.ways.sent[0][1]["simulated"])


def test_no_secret_and_no_environment_is_told(world: World) -> None:
    """What a payload may hold is listed; the environment is not on the list."""
    world.happens("failed")
    world.notifier().scan()
    assert "hunter2" not in str(world.ways.sent)


def test_the_loop_does_not_wait_for_a_slow_telling(world: World) -> None:
    """Tellings run beside the scan, a few at a time, and each only once."""
    threads: list[Thread] = []

    def kept(work: Callable[[], None]) -> Thread:
        threads.append(threaded(work))
        return threads[-1]

    slow = replace_start(world.notifier(), kept)
    slow.ways = Slow()
    world.happens("failed")
    began_s = time.monotonic()
    slow.scan()
    slow.scan()
    assert time.monotonic() - began_s < 0.5
    assert 1 == len(threads)
    threads[0].join(timeout=10)
    assert 0 == slow.scan()


class Slow:
    """Takes its time."""

    def send(self, target: str, body: bytes) -> None:
        """Take a while."""
        time.sleep(1)


def replace_start(notifier: Notifier, start: Callable[[Callable[[], None]], Thread | None]) -> Notifier:
    """The notifier with another way to run a telling."""
    notifier.start = start
    return notifier


def test_a_bug_in_a_telling_is_not_repeated_for_ever(world: World) -> None:
    """A telling that ended without a word is dropped until the next scheduler."""
    begun: list[int] = []
    one = replace_start(world.notifier(), lambda _work: begun.append(1))
    world.happens("failed")
    for _ in range(5):
        one.scan()
    assert [1] == begun


@pytest.fixture
def hooks() -> Callable[..., responses.BaseResponse]:
    """Adds an answer of the webhook."""
    return lambda **answer: responses.post(HOOK, **answer)


Hooks = Callable[..., responses.BaseResponse]


@responses.activate
def test_a_webhook_gets_json(hooks: Hooks) -> None:
    """One POST of the body as it is."""
    hooks(match=[responses.matchers.header_matcher({"Content-Type": "application/json"})])
    WebhookOrCommand(clock=FakeClock(START)).send(HOOK, b'{"id": "a"}')
    assert [b'{"id": "a"}'] == [call.request.body for call in responses.calls]


@pytest.mark.parametrize("answer", [{"status": 503}, {"status": 429}, {"body": requests.ConnectionError("cut")}])
@responses.activate
def test_a_busy_webhook_is_asked_three_times(hooks: Hooks, answer: dict[str, object]) -> None:
    """With pauses between, and then it is said without the address's secret part."""
    hooks(**answer)
    clock = FakeClock(START)
    with pytest.raises(NotTold, match=r"webhook at hooks\.test: it ") as caught:
        WebhookOrCommand(clock=clock).send(HOOK, b"{}")
    assert (3, True) == (len(responses.calls), clock.at > START)
    assert "S3CRET" not in caught.value.message


@pytest.mark.parametrize("status", [302, 400, 404, 410])
@responses.activate
def test_a_refusal_is_not_repeated(hooks: Hooks, status: int) -> None:
    """A redirect is one: it could lead anywhere."""
    hooks(status=status, headers={"Location": "https://elsewhere.test/"} if status == 302 else {})
    with pytest.raises(NotTold, match=f"it answered {status}"):
        WebhookOrCommand(clock=FakeClock(START)).send(HOOK, b"{}")
    assert 1 == len(responses.calls)


def test_a_webhook_that_is_no_address_is_said() -> None:
    """What requests refuses is not told, and is not a bug of ours."""
    with pytest.raises(NotTold, match="InvalidURL"):
        WebhookOrCommand(clock=FakeClock(START)).send("http://.:80x/", b"{}")


def command(code: str) -> str:
    """A command line that runs Python code."""
    return f"{sys.executable} -c '{code}'"


def test_a_command_reads_the_json(tmp_path: Path) -> None:
    """On its standard input, whole."""
    out = tmp_path / "out"
    WebhookOrCommand(clock=FakeClock(START)).send(f"tee {out}", b'{"id": "a"}')
    assert b'{"id": "a"}' == out.read_bytes()


def test_a_command_that_fails_says_why() -> None:
    """Its code and its last words."""
    with pytest.raises(NotTold, match=r"it ended with 3: no mail server$"):
        WebhookOrCommand(clock=FakeClock(START)).send(
            command('import sys; sys.stderr.write("no mail\\nserver"); sys.exit(3)'), b"{}"
        )


def test_a_command_that_is_not_there_is_said() -> None:
    """By its name."""
    with pytest.raises(NotTold, match="command /no/such: No such file"):
        WebhookOrCommand(clock=FakeClock(START)).send("/no/such --flag", b"{}")


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path, until: Until) -> None:
    """A child that holds on to what it was given may not hold us up either."""
    script = tmp_path / "hang.sh"
    script.write_text(f"#!/bin/sh\nsleep 60 & echo $! > {tmp_path}/pid\nwait\n")
    script.chmod(0o755)
    began_s = time.monotonic()
    with pytest.raises(NotTold, match=r"took over 0\.5 s and was killed"):
        WebhookOrCommand(clock=FakeClock(START), command_timeout=timedelta(seconds=0.5)).send(str(script), b"{}")
    assert time.monotonic() - began_s < 10
    child = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    until(lambda: not child.exists() or child.read_text().split()[2] == "Z")


def test_a_label_keeps_the_secret_part_to_itself() -> None:
    """Events and logs show the host, or the command's name."""
    assert ("webhook at hooks.test", "command mail") == (label(HOOK), label("mail -s TOKEN me@x"))


@pytest.mark.parametrize("target", [HOOK, "http://10.0.0.1:9/x", "mail me@x", "curl -d @- ftp://x", "'my tool' a"])
def test_a_job_takes_a_webhook_or_a_command(target: str) -> None:
    """Plain http is the user's choice."""
    assert target == make_job(notify=target).notify


@pytest.mark.parametrize("target", ["", " ", "ftp://x/y", "https://", "http://a b", "mail 'me", "''"])
def test_a_job_refuses_what_is_neither(target: str) -> None:
    """At submission, not when it is too late."""
    with pytest.raises((InvalidInput, CarbonschedError)):
        Job.from_mapping({"name": "a", "entrypoint": "x", "gpus": 1, "notify": target}, what="job")
