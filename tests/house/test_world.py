"""The test suite's own guards hold: no real home, no settings from outside, no network."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import requests


@pytest.mark.parametrize("address", [("192.0.2.1", 9), ("example.org", 443)])
def test_a_connection_to_another_machine_fails_the_test(address: tuple[str, int]) -> None:
    """Neither an address nor a name outside this machine can be reached, and no `except OSError` hides it."""
    with socket.socket() as plain, pytest.raises(pytest.fail.Exception, match=address[0]):
        plain.connect(address)


def test_a_name_is_not_looked_up() -> None:
    """Requests fails at the name, before any packet leaves."""
    with pytest.raises(pytest.fail.Exception, match=r"example\.org"):
        requests.get("http://example.org/", timeout=1)


def test_loopback_is_open() -> None:
    """A server of the test itself can be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert ("127.0.0.1", server.getsockname()[1]) == client.getpeername()


def test_home_is_empty_and_settings_are_gone(own_home: Path) -> None:
    """The user's own files and variables are out of reach."""
    assert [] == list(Path.home().iterdir())
    assert own_home == Path.home()
    assert [] == [name for name in os.environ if name.startswith("CARBONSCHED_")]
