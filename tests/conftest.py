"""Every test runs in a world of its own: an empty home, no settings of ours, no network but loopback, fixed seeds."""

from __future__ import annotations

import ipaddress
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

XDG_FOLDERS = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")
FOREIGN = ("CARBONSCHED_", "RAY_", "WATTTIME_", "ELECTRICITY_MAPS_")

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share real Ray clusters on one worker, the stories' on another, and begin with them."""
    for item in items:
        if item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.xdist_group("story" if "story" in item.path.parts else "ray"))
    items.sort(key=lambda item: item.get_closest_marker("ray") is None)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, beside `tmp_path` and not in it, and an environment that says nothing to carbonsched."""
    for name in [*os.environ]:
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    home = tmp_path.with_name(f"{tmp_path.name}-home")
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in XDG_FOLDERS:
        monkeypatch.setenv(name, str(home / name.lower()))
    return home


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """The same random numbers in every run, whichever tests ran before."""
    random.seed(20230515)


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """A socket to any other machine fails the test that opens it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(name))
        patch.setattr(socket, "getaddrinfo", _local_names(socket.getaddrinfo))
        yield


def _guarded(name: str) -> object:
    """The socket method `name`, for loopback and for sockets in the file system."""
    method = getattr(socket.socket, name)

    def guarded(self: socket.socket, address: object) -> object:
        """Refuse any other host."""
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            pytest.fail(f"a test reached for the network: {address[0]}")
        return method(self, address)

    return guarded


def _local_names(lookup: object) -> object:
    """`socket.getaddrinfo`, for this machine's own names."""
    assert callable(lookup)

    def guarded(host: object, *args: object, **options: object) -> object:
        """Refuse to look up any other host."""
        if host is not None and not _is_loopback(host):
            pytest.fail(f"a test looked up a host: {host!r}")
        return lookup(host, *args, **options)

    return guarded


def _is_loopback(host: object) -> bool:
    """Whether `host`, text or bytes, is this machine seen from itself."""
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False
