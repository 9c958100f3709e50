"""Every help text begins with a verb, states what it takes, and ends with examples that work."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from cli import jobs, main, running, wiring
from tests.cli.ended import add_ended

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "demo": "make demo runs it",
    "local": "the stories start and stop real clusters with it",
    "serve": "the stories run it",
    "logs": "the stories read real logs with it",
    "wait": "the stories wait for real jobs with it",
}
"""Commands whose examples start processes, and where those are tested."""


def commands() -> Iterator[tuple[str, str, bool]]:
    """Path, help and whether it is a group, of every command there is."""
    root = get_command(main.app)

    def walk(name: str, command: object) -> Iterator[tuple[str, str, bool]]:
        inner = getattr(command, "commands", {})
        yield name, getattr(command, "help", "") or "", bool(inner)
        for word, sub in inner.items():
            yield from walk(f"{name} {word}".strip(), sub)

    return walk("", root)


ALL = [(path, text, group) for path, text, group in commands() if path]


def examples(text: str) -> list[str]:
    """The example lines of a help text."""
    _, _, after = text.partition("Examples:")
    return [line.strip() for line in after.splitlines() if "carbonsched " in line]


@pytest.mark.parametrize(("path", "text", "group"), ALL, ids=[path for path, _, _ in ALL])
def test_a_help_begins_with_a_sentence_and_ends_with_examples(path: str, text: str, *, group: bool) -> None:
    """The first line is a full sentence in the imperative; a command that does something shows how."""
    first = text.splitlines()[0]
    assert first.endswith(".")
    assert not first.split()[0].endswith("s"), f"{path}: {first}"
    assert group or examples(text), path


@pytest.mark.parametrize(
    "line",
    [line for path, text, _ in ALL if path.split()[0] not in ELSEWHERE for line in examples(text)],
)
def test_an_example_works(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example, typed as it stands in a folder with the files it names, ends well."""
    for name in ("examples", "cluster_configs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(tmp_path / "cluster_configs" / "france.yaml", tmp_path / "france.yaml")
    shutil.copy(tmp_path / "examples" / "job.yaml", tmp_path / "job.yaml")
    rows = "".join(f"2026-03-0{day}T{hour:02}:00:00Z,40,30,50,300\n" for day in range(1, 8) for hour in range(24))
    (tmp_path / "grid.csv").write_text("utc,FR,CA-QC,CA-ON,DE\n" + rows)
    (tmp_path / "trace.csv").write_text(
        "job_id,submit_time,duration_hours,gpus\na,2026-03-03T06:00:00Z,4,8\nb,2026-03-03T07:30:00Z,0.5,1\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(tmp_path / "cluster_configs"))
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(running, "ensure_scheduler", lambda: None)
    monkeypatch.setattr(jobs, "watch", lambda *_, **__: 0)
    words = shlex.split(line)
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        monkeypatch.setenv(name, value)
    if words[1] == "disclose" or "--from-store" in words:
        add_ended(tmp_path, name="char-lm", project="nlp", model="char-lm")
    elif words[1] in ("describe", "cancel", "hold", "release") or "--job" in words:
        assert main.run(["submit", "examples/job.yaml", "--no-serve", "-q"]) == 0
    if words[1] == "release":
        assert main.run(["hold", "char-lm"]) == 0
    if words[1] in ("restore", "import"):
        assert main.run(["backup" if words[1] == "restore" else "export", words[2]]) == 0
        shutil.rmtree(tmp_path / "state")
    target = next((word for word in words if word == "h7k2"), None)
    if target is not None:
        with wiring.store().reading() as tx:
            words[words.index(target)] = tx.jobs()[0].id[:4]
    assert main.run(words[1:]) == 0
