"""An install whose files another distribution overwrote says so and exits 78; an edited one is its owner's business."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import carbonsched_entry


def record(site: Path, distribution: str, *files: str) -> None:
    """List `files` in the RECORD of `distribution`, with the sizes they have now."""
    folder = site / f"{distribution}.dist-info"
    folder.mkdir()
    lines = [f"{file},sha256=x,{(site / file).stat().st_size}" for file in files]
    (folder / "RECORD").write_text("\n".join([*lines, f"{distribution}.dist-info/RECORD,,"]) + "\n")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages with carbonsched in it."""
    files = ["cli/main.py", "policies/__init__.py"]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("def main() -> None:\n    print('started')\n")
    shutil.copy(carbonsched_entry.__file__, tmp_path)
    record(tmp_path, "carbonsched-0.1.0", "carbonsched_entry.py", *files)
    return tmp_path


def test_a_whole_install_starts(site: Path) -> None:
    """Nothing is reported when every file has its listed size."""
    record(site, "other-1.0", "carbonsched_entry.py")
    assert carbonsched_entry.damage(site) is None


def test_a_file_that_another_distribution_overwrote_is_named(site: Path) -> None:
    """The message names the file and who claims it too."""
    (site / "policies/__init__.py").write_text("# somebody else's policies\n")
    record(site, "policies-2.1", "policies/__init__.py")
    assert "policies/__init__.py was overwritten by policies-2.1" == carbonsched_entry.damage(site)


def test_a_file_that_an_uninstall_took_away_is_named(site: Path) -> None:
    """Another distribution's uninstall removes the files it shared with ours."""
    (site / "policies/__init__.py").unlink()
    assert (carbonsched_entry.damage(site) or "").startswith("policies/__init__.py was removed")


def test_an_edited_file_is_no_damage(site: Path) -> None:
    """A person may add a print to an installed file."""
    (site / "policies/__init__.py").write_text("print('here')\n")
    assert carbonsched_entry.damage(site) is None


def test_a_checkout_has_no_list_and_is_taken_as_it_is() -> None:
    """The repository itself is whole."""
    assert carbonsched_entry.damage(carbonsched_entry.HOME) is None


def test_a_missing_command_line_is_damage(site: Path) -> None:
    """Without `cli/main.py` there is nothing to start."""
    (site / "cli/main.py").unlink()
    assert f"cli/main.py is missing in {site}" == carbonsched_entry.damage(site)


@pytest.mark.parametrize(("content", "code"), [("# else's\n", 78), (None, 0)])
def test_the_exit_code_is_78_and_the_error_one_line(site: Path, content: str | None, code: int) -> None:
    """A damaged install ends with one line on stderr; a whole one starts."""
    if content:
        (site / "policies/__init__.py").write_text(content)
        record(site, "policies-2.1", "policies/__init__.py")
    words = [sys.executable, "-P", str(site / "carbonsched_entry.py")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    assert (code, int(bool(content))) == (done.returncode, done.stderr.count("\n"))
    assert ("started\n" in done.stdout) == (code == 0)
