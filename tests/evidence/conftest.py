"""A state folder with three jobs, and the bundle of it, made once for all tests of this folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli import main
from tests.evidence.evidence_world import filled, stopped


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands where the world does."""
    stopped(monkeypatch)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder: `state`, `bundle.jsonl` for all, `full.jsonl` with everything in it."""
    place = tmp_path_factory.mktemp("evidence")
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            if name.startswith(("CARBONSCHED_", "WATTTIME_", "ELECTRICITY_MAPS_")):
                patch.delenv(name)
        patch.setenv("HOME", str(place))
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        patch.setenv("CARBONSCHED_STATE_DIR", str(place / "state"))
        patch.chdir(place)
        stopped(patch)
        filled(place).close()
        assert main.run(["evidence", "bundle", "-o", "bundle.jsonl"]) == 0
        assert main.run(["evidence", "bundle", "-o", "full.jsonl", "--full"]) == 0
    return place


@pytest.fixture
def bundle(made: Path) -> Path:
    """The bundle for all."""
    return made / "bundle.jsonl"


@pytest.fixture
def full(made: Path) -> Path:
    """The bundle with everything in it."""
    return made / "full.jsonl"
