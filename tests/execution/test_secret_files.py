"""Secrets by name: the environment first, then a private file; never in what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.domain.errors import InvalidInput
from scheduler.execution.secret_files import SecretFiles

MARKED = "MARKED-55aa12"


def found(tmp_path: Path, **environ: str) -> SecretFiles:
    """Secrets of a folder and an environment."""
    return SecretFiles(environ=environ, folder=tmp_path)


def put(tmp_path: Path, name: str, text: str, mode: int = 0o600) -> Path:
    """A secret's file."""
    path = tmp_path / name
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A file is used where the environment has none of the name; its last line end is not part of it."""
    put(tmp_path, "TOKEN", f"{MARKED}\r\n")
    assert "from-environ" == found(tmp_path, TOKEN="from-environ").get("TOKEN")
    assert MARKED == found(tmp_path).get("TOKEN")


def test_one_that_is_nowhere_is_none_or_an_error_with_the_way_out(tmp_path: Path) -> None:
    """Whoever can do without asks `find`, whoever cannot `get`."""
    assert found(tmp_path).find("TOKEN") is None
    with pytest.raises(InvalidInput, match="the secret 'TOKEN' is not set") as caught:
        found(tmp_path).get("TOKEN")
    assert "export TOKEN" in caught.value.hint
    assert str(tmp_path / "TOKEN") in caught.value.hint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o777])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """By its name and mode alone, never by what is in it."""
    put(tmp_path, "TOKEN", MARKED, mode)
    with pytest.raises(InvalidInput, match="is open to others") as caught:
        found(tmp_path).find("TOKEN")
    assert "chmod 600" in caught.value.hint
    assert MARKED not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("name", ["../TOKEN", "a/b", "", "A B", "TOKEN\n"])
def test_a_name_is_a_name_and_no_path(tmp_path: Path, name: str) -> None:
    """Nothing outside the folder is read."""
    put(tmp_path, "TOKEN", MARKED)
    folder = tmp_path / "secrets"
    folder.mkdir()
    assert SecretFiles(environ={}, folder=folder).find(name) is None


def test_bytes_that_are_no_text_are_not_quoted(tmp_path: Path) -> None:
    """The error that names the file holds nothing of it."""
    path = tmp_path / "TOKEN"
    path.write_bytes(MARKED.encode() + b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(InvalidInput, match="cannot be read as text") as caught:
        found(tmp_path).find("TOKEN")
    assert caught.value.__cause__ is None
    assert MARKED not in repr(caught.value.__context__ and caught.value.message)


def test_what_it_prints_of_itself_holds_no_secret(tmp_path: Path) -> None:
    """Nor the rest of the environment."""
    put(tmp_path, "TOKEN", MARKED)
    assert MARKED not in repr(found(tmp_path, OTHER=MARKED))
