"""What newcomers are told to copy is right: the recipes run or compile, the job files are accepted, the links lead."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from scheduler.domain.job import Interruptible, Job
from scheduler.domain.yaml_text import parse_mapping
from scheduler.execution.agent import AGENT_FILE
from tests.examples.kinds import DOCUMENT, example
from tests.execution.agent_node import SID, Node, stop_like_ray
from tests.execution.conftest import wait_until
from tests.execution.test_agent_ranks import ranks

ROOT = Path(__file__).resolve().parents[2]
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
    text = next(text for text in blocks("yaml") if text.startswith("interruptible"))
    part = parse_mapping(text, what="the document")["interruptible"]
    assert isinstance(part, dict)
    assert Interruptible.from_mapping(part, what="the document").grace.total_seconds() == 300


def test_the_job_file_of_each_kind_is_accepted() -> None:
    """One of each, with a command that is shown beside it."""
    jobs = [Job.from_yaml(text, what="the document") for text in blocks("yaml") if text.startswith("name:")]
    assert ["script", "torchrun", "ray"] == [job.launch for job in jobs]
    assert {"python train.py"} == {job.command for job in jobs}


@pytest.mark.parametrize(("kind", "processes"), [("script", 1), ("torchrun", 3)])
def test_the_example_of_a_kind_stops_and_goes_on(tmp_path: Path, kind: str, processes: int) -> None:
    """By the agent, as on a cluster: stopped, it saves the step that it reports, and goes on from it."""
    node = Node(tmp_path, ROOT / "scheduler" / "execution" / "agent" / AGENT_FILE)
    (node.root / "package" / "work" / "train.py").write_text(example(kind))
    command = f"exec {shlex.quote(sys.executable)} -S train.py"
    if kind == "torchrun":
        command = ranks(command, processes)
    reached = 0
    for _ in range(2):
        agent = node.start(command)
        wait_until(partial(beyond, node, reached))
        stop_like_ray(agent)
        assert 0 == agent.wait(timeout=20), node.log.read_text()
        saved = int((node.checkpoint / "step.txt").read_text())
        assert ("stopped", saved / 1000) == (node.outcome["reason"], node.outcome["progress"])
        assert reached < saved < 1000
        reached = saved


def beyond(node: Node, step: int) -> bool:
    """Whether the training says that it has gone beyond a step of its thousand."""
    file = node.beside / f"carbonsched-{SID}.progress"
    return file.exists() and float(file.read_text() or 0) * 1000 > step


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
