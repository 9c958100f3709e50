"""What README and docs say to type is what the command line takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = get_command(main.app)
_INLINE = re.compile(r"`(carbonsched [^`]+)`")
_BLOCK = re.compile(r"(?: {4})?(?:\$ )?(carbonsched .*)")


def said(text: str) -> Iterator[str]:
    """The commands of a page: lines of its blocks, with what they go on to, and those between backticks."""
    fenced, whole = False, text.replace("\\\n", " ")
    for line in whole.splitlines():
        fenced ^= line.startswith("```")
        block = _BLOCK.fullmatch(line) if fenced or line.startswith("    ") else None
        if block:
            yield block[1].partition(" #")[0]
        else:
            yield from (each.replace("\n", " ") for each in _INLINE.findall(line))


def unknown(line: str) -> list[str]:
    """The words of a command that name no subcommand and no option there."""
    command: object = COMMAND
    wrong, options, inner = [], {"--help"}, getattr(command, "commands", {})
    for word in shlex.split(line)[1:]:
        if word == "--":
            break
        if word.startswith("-"):
            options |= {name for each in getattr(command, "params", []) for name in (*each.opts, *each.secondary_opts)}
            wrong += [] if word.partition("=")[0] in options else [word]
            inner = {}  # what stands behind an option may be its value
        elif inner:
            command = inner.get(word)
            wrong += [] if command else [word]
            inner = getattr(command, "commands", {})
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_is_one(page: Path) -> None:
    """Its subcommands and options are there by these names."""
    lines = list(said(page.read_text(encoding="utf-8")))
    assert {} == {line: wrong for line in lines if (wrong := unknown(line))}


def test_a_command_that_is_none_is_found() -> None:
    """A word and an option that nothing takes, behind others that are known."""
    block = "carbonsched policy shadow --jsn  # why\ncarbonsched simulate --jobs x \\\n    --nope 1"
    page = f"```\n{block}\n```\n`carbonsched pla`"
    assert [["--jsn"], ["--nope"], ["pla"]] == [unknown(line) for line in said(page)]
