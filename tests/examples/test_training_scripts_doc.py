"""What newcomers are told to copy is right: the recipes compile, the job files are accepted, the links lead."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.domain.job import Interruptible, Job
from scheduler.domain.yaml_text import parse_mapping

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "training_scripts.md"
TEXT = DOCUMENT.read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of the document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("recipe", blocks("python"))
def test_a_recipe_compiles(recipe: str) -> None:
    """Each recipe is Python as it stands."""
    compile(recipe, str(DOCUMENT), "exec")


def test_each_whole_recipe_keeps_the_rules() -> None:
    """The three recipes for whole trainings name both variables."""
    whole = [recipe for recipe in blocks("python") if recipe.startswith("import os")]
    assert 3 == len(whole)
    assert all("CARBONSCHED_CHECKPOINT" in recipe and "CARBONSCHED_PROGRESS" in recipe for recipe in whole)


def test_the_costs_of_a_stop_are_accepted_in_a_job_file() -> None:
    """The YAML in the document is a valid part of a job."""
    (text,) = blocks("yaml")
    part = parse_mapping(text, what="the document")["interruptible"]
    assert isinstance(part, dict)
    assert Interruptible.from_mapping(part, what="the document").grace.total_seconds() == 300


def test_the_links_lead_somewhere() -> None:
    """Every file that the document links to is in the repository."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert [] == [link for link in links if not (DOCUMENT.parent / link).exists()]


@pytest.mark.parametrize("name", ["job.yaml", pytest.param("job_ray.yaml", marks=pytest.mark.ray)])
def test_the_example_job_is_accepted_and_its_command_exists(name: str) -> None:
    """The job file is valid, names a cluster of the repository, and its script knows every flag that it passes."""
    job = Job.from_yaml((ROOT / "examples" / name).read_text("utf-8"), what=name)
    assert (ROOT / "cluster_configs" / f"{job.home}.yaml").exists()
    program, script, *flags = shlex.split(job.command)
    assert "python" == program
    words = [sys.executable, str(ROOT / "examples" / script), *flags, "--help"]
    usage = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert [] == [flag for flag in flags if flag.startswith("--") and flag not in usage]
