"""What `doctor` says of clusters: whether each answers, whether it is safe, and whether its GPUs can be metered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import responses
from responses import matchers

from cli.doctor_clusters import flaws_of
from tests.cli.test_store_commands import about, found
from tests.cli.test_store_commands import state as state  # noqa: PLC0414  # a fixture
from tests.records.cases import make_cluster

ADDRESS = "http://127.0.0.1:8265"
NODES: dict[str, object] = {"data": {"summary": [], "nodeLogicalResources": {}}}


@pytest.fixture
def ray() -> Iterator[responses.RequestsMock]:
    """A dashboard whose answers the test gives."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as answers:
        yield answers


def declare(state: Path, monkeypatch: pytest.MonkeyPatch, ray: Mapping[str, object]) -> None:
    """Declare one cluster that is reached so."""
    path = state.with_name("quebec.yaml")
    cluster = make_cluster("quebec", "CA-QC", ray={"address": ADDRESS, **ray})
    path.write_text(cluster.model_dump_json(exclude_defaults=True))
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(path))


def answer(ray: responses.RequestsMock, version: str, *, token: str | None) -> None:
    """A dashboard of that version, which wants that token."""
    body = {"ray_version": version, "session_name": "session_1"}
    match = [matchers.header_matcher({"Authorization": f"Bearer {token}"})] if token else []
    ray.get(f"{ADDRESS}/api/version", json=body, match=match)
    ray.get(f"{ADDRESS}/nodes", json=NODES, match=match)
    if token:
        ray.get(f"{ADDRESS}/api/version", status=401)


def test_a_doctor_finds_a_sound_cluster_well(
    state: Path, monkeypatch: pytest.MonkeyPatch, ray: responses.RequestsMock, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answers us, and nobody without the token."""
    declare(state, monkeypatch, {"token_env": "QUEBEC_TOKEN"})
    monkeypatch.setenv("QUEBEC_TOKEN", "t0ken")
    answer(ray, "2.60.0", token="t0ken")
    text = f"answers at {ADDRESS}, Ray 2.60.0, 0 of 0 GPUs free"
    unmetered = "it has no GPUs now: energy is modelled, not metered"
    assert [("ok", text), ("ok", unmetered)] == about(found(capsys), "cluster quebec")


def test_a_doctor_finds_a_cluster_that_anybody_can_use(
    state: Path, monkeypatch: pytest.MonkeyPatch, ray: responses.RequestsMock, capsys: pytest.CaptureFixture[str]
) -> None:
    """An old Ray, and no token."""
    declare(state, monkeypatch, {})
    answer(ray, "2.51.1", token=None)
    rows = about(found(capsys), "cluster quebec")
    assert ["ok", "ok", "warn", "warn"] == [level for level, _ in rows]
    assert "CVE-2023-48022" in rows[2][1]
    assert rows[3][1].startswith("answers without a token")


@pytest.mark.parametrize(
    ("version", "flaws"),
    [("2.51.9", 3), ("2.9.0", 3), ("2.52.0", 1), ("2.54.0", 0), ("2.60.1", 0), ("3.0.0.dev0", 0), ("nightly", 0)],
)
def test_flaws_are_those_of_the_version(version: str, flaws: int) -> None:
    """Versions compare as numbers, not as text."""
    assert flaws == flaws_of(version).count("CVE-")


def test_a_doctor_finds_a_cluster_that_does_not_answer(
    state: Path, monkeypatch: pytest.MonkeyPatch, ray: responses.RequestsMock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its jobs wait."""
    declare(state, monkeypatch, {})
    assert ["fail"] == [level for level, _ in about(found(capsys, code=1), "cluster quebec")]


def test_a_doctor_finds_a_token_that_travels_readable(
    state: Path, monkeypatch: pytest.MonkeyPatch, ray: responses.RequestsMock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused, unless the file allows it: then it is sent, and warned of."""
    monkeypatch.setenv("QUEBEC_TOKEN", "t0ken")
    plain = {"address": "http://ray.example:8265", "token_env": "QUEBEC_TOKEN"}
    declare(state, monkeypatch, plain)
    [(level, text)] = about(found(capsys, code=1), "cluster quebec")
    assert ("fail", True) == (level, "would travel readable" in text)
    declare(state, monkeypatch, {**plain, "allow_plain_token": True})
    warned, failed = about(found(capsys, code=1), "cluster quebec")
    assert ("warn", True, "fail") == (warned[0], "travels readable" in warned[1], failed[0])


def test_a_doctor_finds_a_token_that_others_may_read(
    state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No request is sent with it."""
    token = tmp_path / "token"
    token.write_text("t0ken")
    token.chmod(0o644)
    declare(state, monkeypatch, {"token_file": str(token)})
    said_so = f"the token file {token} is open to others (mode 0644)"
    assert [("fail", said_so)] == about(found(capsys, code=1), "cluster quebec")
