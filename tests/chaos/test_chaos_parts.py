"""The tools of chaos do what they say: the proxy's moods, a fault that never struck, the picture of a loss."""

from __future__ import annotations

import contextlib
import socket
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from scheduler.domain.errors import StoreError
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.chaos.exercised import DEATHS, LEAST_DEATHS, unexercised
from tests.chaos.faults import DyingStore, Faults, FullEvidence, Line
from tests.chaos.loss_picture import Stretch, drawn
from tests.chaos.proxy import Proxy
from tests.chaos.sim_engine import new_job
from tests.chaos.simulated import START, SimClock, Storage
from tests.execution.conftest import wait_until


@pytest.fixture
def heard() -> Iterator[tuple[int, list[bytes]]]:
    """A server that notes each line's bytes and answers them; its port, and what it heard."""
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            """Take lines until the end."""
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line, contextlib.suppress(OSError):
                    while data := line.recv(65536):
                        said.append(data)
                        line.sendall(b"answer")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], said
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_request_is_seen_twice_once_it_is_whole(heard: tuple[int, list[bytes]]) -> None:
    """Also where it comes in parts; what changes something is counted apart."""
    port, said = heard
    with Proxy(port, "twice") as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as line:
        line.sendall(b"POST /api/jobs/ HTTP/1.1\r\nContent-Length: 4\r\n\r\nbo")
        wait_until(lambda: said)
        assert 0 == proxy.struck
        line.sendall(b"dy")
        wait_until(lambda: proxy.struck == 1)
        assert b"answer" == line.recv(6)
        line.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: b"".join(said).count(b"POST") == 2)
        assert (1, 1) == (proxy.struck, proxy.doubled)
    assert b"POST /api/jobs/ HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody" in said


def test_a_mute_line_carries_requests_and_no_answers(heard: tuple[int, list[bytes]]) -> None:
    """The one who asked cannot tell it from a cut."""
    port, said = heard
    with Proxy(port, "mute") as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as line:
        line.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"" == line.recv(6)
        wait_until(lambda: said)
        assert 1 == proxy.struck


def test_a_fault_that_never_struck_is_named() -> None:
    """And so is a number of deaths that proves little."""
    struck = {"a": 3, "b": 0, DEATHS: LEAST_DEATHS - 1}
    named = unexercised(struck, ("a", "b", "c"))
    assert ["b", "c"] == named[:2]
    assert named[2].startswith(DEATHS)
    assert [] == unexercised({"a": 1}, ("a",))


def test_a_full_disk_refuses_what_needs_room_and_undoes_all_of_it(tmp_path: Path) -> None:
    """By SQLite's own word; once there is room, everything goes on."""
    clock = SimClock()
    faults = Faults(rng=Random(1), clock=clock, lines={"one": Line()})
    store = open_store(StateFolder(tmp_path / "state"))
    dying, evidence = DyingStore(store, faults), FullEvidence(store.folder, faults)
    faults.full_until_s = 60.0
    with pytest.raises(StoreError, match="full"):
        _fill(dying, tmp_path)
    with pytest.raises(StoreError, match="No space left"):
        evidence.keep_log("job", "sid", "text")
    assert {
        "writes of the store that a full disk refused": 1,
        "writes of evidence that a full disk refused": 1,
    } == dict(faults.counts)
    clock.true_s = 60.0
    with dying.writing() as tx:
        assert [] == tx.jobs()
        tx.add_job(new_job(Random(1), 1, tmp_path, START))
    evidence.keep_log("job", "sid", "text")
    assert "text" == evidence.log("job", "sid")


def _fill(store: DyingStore, folder: Path) -> None:
    """Write more than fits into the pages that are there."""
    with store.writing() as tx:
        for number in range(200):
            tx.add_job(new_job(Random(1), number, folder, START))


def test_a_storage_that_is_away_shows_no_fence(tmp_path: Path) -> None:
    """What came meanwhile is seen once it is back."""
    storage = Storage(tmp_path, fences=[(0.0, 1)], away_until_s=600.0)
    assert (1, 0.0) == (storage.fence, storage.outranked_s(0))


def test_a_picture_shows_each_part_in_its_clusters_colour() -> None:
    """Well-formed, with a line a segment, and the truth about whether the losses are equal."""
    losses = [4.0 - n / 100 for n in range(100)]
    stretches = [Stretch("france", 0, 40), Stretch("quebec", 40, 70), Stretch("france", 70, 100)]
    for still, says in ((losses, "equal to the last bit"), ([*losses[:-1], 9.0], "NOT equal")):
        root = ET.fromstring(drawn(losses, still, stretches))
        lines = [each.attrib["stroke"] for each in root.iter("{http://www.w3.org/2000/svg}polyline")]
        texts = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}text")]
        assert 4 == len(lines)
        assert lines[1] == lines[3] != lines[2]
        assert any(says in text and "3 segments, 2 moves" in text for text in texts)
