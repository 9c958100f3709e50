"""The figures of a bundle, counted by a script that shares no code with carbonsched, are those of its report."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import independent
from tests.evidence.forged import lines_of, of

SCRIPT = Path(independent.__file__)


@pytest.fixture(scope="module")
def counted(made: Path) -> dict[str, Any]:
    """What the script says, run by itself in a Python that has none of our packages on its path."""
    words = [sys.executable, "-I", str(SCRIPT), str(made / "bundle.jsonl")]
    said: dict[str, Any] = json.loads(subprocess.run(words, check=True, capture_output=True, cwd="/").stdout)
    return said


def reported(bundle: Path) -> dict[str, Any]:
    """The jobs of the bundle's report, by id."""
    report: Any = of(lines_of(bundle), "report")["report"]
    return {job["job_id"]: job for job in report["jobs"]}


def test_every_line_of_every_footprint_is_the_same(counted: dict[str, Any], bundle: Path) -> None:
    """Metered and modelled energy, boot and teardown, hours without an intensity: to 1e-9."""
    jobs = reported(bundle)
    assert {"aaaa", "bbbb", "cccc"} == set(counted) == set(jobs)
    for job_id, (lines, _) in counted.items():
        told = jobs[job_id]["footprint"]["emissions_kg"]
        assert lines == pytest.approx({line: told[line] for line in lines}, rel=1e-9)
        assert told["overhead"] > 0 or job_id == "cccc"


def test_the_reduced_figure_is_the_same_where_one_is_told(counted: dict[str, Any], bundle: Path) -> None:
    """Positive for the job that moved, 0 for the one that ran where it would have."""
    told = {job_id: job["reduced_allocated"] for job_id, job in reported(bundle).items()}
    assert told["cccc"] is None
    assert told["aaaa"]["central_kg"] == pytest.approx(counted["aaaa"][1], rel=1e-9)
    assert told["aaaa"]["central_kg"] > 1
    assert told["bbbb"]["central_kg"] == pytest.approx(counted["bbbb"][1], abs=1e-12) == 0


def test_the_script_imports_the_standard_library_alone() -> None:
    """So that a mistake of ours is not its mistake too."""
    names = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(SCRIPT.read_text()))
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names <= set(sys.stdlib_module_names)
