"""A token is found where the cluster's file says, or the error says why not, without showing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.domain.cluster import RayAddress
from scheduler.domain.errors import InvalidInput
from scheduler.execution.ray_token import resolve_token, where_looked


def address(**named: str) -> RayAddress:
    """An address with a token somewhere."""
    return RayAddress.model_validate({"address": "http://127.0.0.1:8265", **named})


def token_file(folder: Path, text: str = "from-file\n", mode: int = 0o600) -> str:
    """A file that holds a token."""
    path = folder / "token"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_a_cluster_that_names_no_token_has_none() -> None:
    """It may be open."""
    assert None is resolve_token(address(), {"RAY_AUTH_TOKEN": "of another"})


def test_the_variable_comes_before_the_file(tmp_path: Path) -> None:
    """So that one command can use another token."""
    both = address(token_env="QC_TOKEN", token_file=token_file(tmp_path))
    assert "from-env" == resolve_token(both, {"QC_TOKEN": "from-env"})
    assert "from-file" == resolve_token(both, {})


def test_a_tilde_is_ones_home(own_home: Path) -> None:
    """As a shell would read it."""
    token_file(own_home)
    assert "from-file" == resolve_token(address(token_file="~/token"), {})


@pytest.mark.parametrize("environ", [{}, {"QC_TOKEN": ""}, {"QC_TOKEN": " \n"}])
def test_a_variable_without_a_token_is_an_error(environ: dict[str, str]) -> None:
    """To go without would end in a refusal that says less."""
    with pytest.raises(InvalidInput, match="the environment variable QC_TOKEN holds no token"):
        resolve_token(address(token_env="QC_TOKEN"), environ)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The way out is one command."""
    path = token_file(tmp_path, mode=mode)
    with pytest.raises(InvalidInput, match=rf"open to others \(mode 0{mode:o}\)") as raised:
        resolve_token(address(token_file=path), {})
    assert f"chmod 600 {path}" == raised.value.hint


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Named, with the reason."""
    with pytest.raises(InvalidInput, match=r"the token file .*/none cannot be read: No such file"):
        resolve_token(address(token_file=str(tmp_path / "none")), {})


@pytest.mark.parametrize("text", ["two words", "line\nline", "caf\u00e9", "x\r\ny"])
def test_what_cannot_be_a_header_is_no_token_and_is_not_shown(tmp_path: Path, text: str) -> None:
    """A file of something else was named, and what it holds is nobody's business."""
    with pytest.raises(InvalidInput, match="holds something that is no token") as raised:
        resolve_token(address(token_file=token_file(tmp_path, text)), {})
    assert text not in raised.value.message + raised.value.hint


def test_where_was_looked_can_be_said() -> None:
    """For who was refused."""
    assert "environment variable A and file /b" == where_looked(address(token_env="A", token_file="/b"))
    assert "nowhere" in where_looked(address())
