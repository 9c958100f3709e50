"""A training repository may hold a `scheduler.py`, a `cli.py` and a `policies/`: carbonsched starts all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import carbonsched_entry
from cli.child import command

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(sysconfig.get_path("scripts")) / "carbonsched"
installed = pytest.mark.skipif(not SCRIPT.exists(), reason="carbonsched is not installed here; `make` installs it")

WORKERS = """
import multiprocessing
import carbonsched_entry
from cli.child import command

def where(name):
    return __import__(name).__file__

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(where, ["scheduler"])[0])
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A repository whose modules carry our names and leave a trace when they are imported."""
    repository = tmp_path / "repository"
    trap = f"open({str(tmp_path / 'trapped')!r}, 'a').close()\nraise SystemExit('the wrong module')\n"
    for name in carbonsched_entry.PACKAGES:
        file = repository / (f"{name}.py" if name in ("scheduler", "cli") else f"{name}/__init__.py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(trap)
    return repository


def run(words: list[str], hostile: Path, path: str = ".") -> subprocess.CompletedProcess[str]:
    """Run `words` inside the hostile repository with `path` as PYTHONPATH."""
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(words, cwd=hostile, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert not (hostile.parent / "trapped").exists(), done.stderr
    return done


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["schema", "job"]])
def test_a_child_process_finds_our_packages(hostile: Path, arguments: list[str]) -> None:
    """The command that starts ourselves again works in a folder full of our names."""
    done = run([*command(), *arguments], hostile)
    assert (0, "") == (done.returncode, done.stderr)


@installed
@pytest.mark.parametrize("words", [[str(SCRIPT)], [sys.executable, "-m", "carbonsched_entry"]])
def test_the_installed_command_finds_our_packages(hostile: Path, words: list[str]) -> None:
    """So do the console script and ``python -m``, whose first path entry is the repository."""
    done = run([*words, "version"], hostile)
    assert (0, "") == (done.returncode, done.stderr)


def test_the_workers_of_multiprocessing_find_our_packages(hostile: Path) -> None:
    """A spawned worker imports the main module anew and must not meet the repository's `scheduler`."""
    (hostile / "workers.py").write_text(WORKERS)
    done = run([sys.executable, "workers.py"], hostile, path=os.pathsep.join([".", str(ROOT)]))
    assert f"{ROOT / 'scheduler' / '__init__.py'}\n" == done.stdout, done.stderr


def test_a_foreign_module_imported_by_a_start_up_file_is_forgotten(hostile: Path) -> None:
    """What came first into ``sys.modules`` under our name does not stay."""
    code = (
        "import sys, types; sys.modules['scheduler'] = types.ModuleType('scheduler');"
        "sys.modules['scheduler.domain'] = types.ModuleType('scheduler.domain');"
        "import carbonsched_entry, scheduler.domain.units; print(scheduler.__file__)"
    )
    done = run([sys.executable, "-c", code], hostile, path=os.pathsep.join([".", str(ROOT)]))
    assert f"{ROOT / 'scheduler' / '__init__.py'}\n" == done.stdout, done.stderr


def test_other_names_are_left_to_the_finders_behind() -> None:
    """The user's own modules, and our submodules, are found as always."""
    assert None is carbonsched_entry.Siblings.find_spec("train")
    assert None is carbonsched_entry.Siblings.find_spec("scheduler.domain")


def test_the_entry_module_loads_nothing_but_the_standard_library() -> None:
    """It has to start before anything of ours or of others' can be found."""
    code = "import sys; before = set(sys.modules); import carbonsched_entry; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()} - {"carbonsched_entry"}
    assert set() == loaded - set(sys.stdlib_module_names)
