"""The built wheel, installed alone into a bare environment without extras, plans and submits dry runs anywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import carbonsched_entry

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]  # it is built and installed once

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = dict(os.environ)
"""The real environment, read before any test's own home stands: pip's cache and settings are in it."""

JOB = """\
name: bare
entrypoint: python train.py
gpus: 8
duration: 2h
deadline: 24h
"""

CLUSTER = """\
name: {name}
zone: {zone}
gpus: 8
source: made up for a test
gpu: {{model: A100, tdp_w: 400, idle_w: 63, embodied_kg: 150}}
node: {{gpus: 8, host_w: 1600, idle_w: 1000, embodied_kg: 2500}}
pue: 1.2
"""


def call(*words: str | Path, cwd: Path, env: Mapping[str, str] = OUTSIDE) -> str:
    """What `words` print, run in `cwd`; fails with all they said when they fail."""
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert 0 == done.returncode, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def bare(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `carbonsched` command of an environment that holds the wheel and what it requires, nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    pins = re.findall(r"^\S+==[^\\\n]+", (ROOT / "requirements.lock").read_text("utf-8"), flags=re.MULTILINE)
    (folder / "constraints.txt").write_text("\n".join(pins) + "\n")
    venv.create(folder / "venv", with_pip=True)
    pip: list[str | Path] = [
        folder / "venv/bin/python",
        "-m",
        "pip",
        "install",
        "-qq",
        "--no-compile",
        "--disable-pip-version-check",
    ]
    call(*pip, "-c", folder / "constraints.txt", next(dist.glob("*.whl")), cwd=folder)
    return folder / "venv/bin/carbonsched"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A training repository with a job, two clusters, a table, and modules that carry our names."""
    for name in ("scheduler.py", "cli.py", "policies/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('the wrong module')\n")
    (tmp_path / "job.yaml").write_text(JOB + "home: east\n")
    (tmp_path / "clusters").mkdir()
    for name, zone in (("east", "FR"), ("north", "CA-QC")):
        (tmp_path / "clusters" / f"{name}.yaml").write_text(CLUSTER.format(name=name, zone=zone))
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    hours = [f"{start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},60,30" for hour in range(72)]
    (tmp_path / "table.csv").write_text("\n".join(["utc,FR,CA-QC", *hours]) + "\n")
    return tmp_path


def carbonsched(bare: Path, repository: Path, *words: str) -> str:
    """What the installed command prints inside the repository, with the repository first on the path."""
    env = {"HOME": str(repository / "home"), "PATH": OUTSIDE["PATH"], "PYTHONPATH": "."}
    return call(bare, *words, cwd=repository, env=env)


def test_the_wheel_holds_the_packages_and_the_entry_module_only(dist: Path) -> None:
    """No test, no document and no configuration lands in site-packages."""
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        tops = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}
    assert {*carbonsched_entry.PACKAGES, "carbonsched_entry.py"} == tops


def test_the_sdist_holds_what_a_developer_needs(dist: Path) -> None:
    """Tests, examples, documents, the lock and the licence travel with the sources."""
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        tops = {name.split("/")[1] for name in sdist.getnames() if "/" in name}
    assert {"tests", "examples", "docs", "requirements.lock", "Makefile", "LICENSE", "CHANGELOG.md"} <= tops


def test_every_data_file_of_a_package_is_in_the_wheel(dist: Path) -> None:
    """Tables and cluster files are installed beside the code."""
    files = [file for name in carbonsched_entry.PACKAGES for file in (ROOT / name).rglob("*") if file.is_file()]
    kept = {str(file.relative_to(ROOT)) for file in files if file.suffix != ".pyc"}
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        assert set() == kept - set(wheel.namelist())


def test_the_bare_install_has_no_ray(bare: Path) -> None:
    """The core runs on an operator's laptop without Ray."""
    names = call(bare.with_name("python"), "-m", "pip", "list", "--format=freeze", cwd=bare.parent)
    assert "carbonsched==" in names
    assert "ray==" not in names


def test_the_bare_install_says_its_version(bare: Path, repository: Path) -> None:
    """The version is that of pyproject.toml."""
    stated = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), flags=re.MULTILINE)
    assert stated
    assert stated[1] in carbonsched(bare, repository, "version")


def test_the_bare_install_plans(bare: Path, repository: Path) -> None:
    """A job goes to the cleaner of two clusters, with every built-in policy and source at hand."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    files = ("--clusters", "clusters", "--intensity-table", "table.csv", "--now", now)
    plan = json.loads(carbonsched(bare, repository, "plan", "job.yaml", *files, "--json"))
    assert ("carbon-aware", True) == (plan["policy"], plan["feasible"])
    assert ["north"] == [segment["cluster"] for segment in plan["placement"]]
    assert plan["saving_kg"] > 0


def test_the_bare_install_submits_a_dry_run(bare: Path, repository: Path) -> None:
    """A dry run plans as a submit would and starts nothing, so it needs no cluster to answer."""
    files = ("--clusters", "clusters", "--intensity-table", "table.csv")
    answer = json.loads(carbonsched(bare, repository, "submit", "job.yaml", *files, "--dry-run", "--json"))
    assert ["north"] == [segment["cluster"] for segment in answer["plan"]["placement"]]
