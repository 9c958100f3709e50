"""Where a cluster's token is found: in an environment variable or a private file, never in a cluster file."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from scheduler.domain.cluster import RayAddress
from scheduler.domain.errors import InvalidInput

_TOKEN = re.compile(r"[\x21-\x7e]+")  # what a header can carry: visible ASCII


def resolve_token(ray: RayAddress, environ: Mapping[str, str]) -> str | None:
    """The token that `ray` names, the variable before the file; None where it names none.

    Raises:
        InvalidInput: it is named and not there, is no token, or its file is open to others.
    """
    if ray.token_env is not None and (ray.token_env in environ or ray.token_file is None):
        return _checked(environ.get(ray.token_env, ""), f"the environment variable {ray.token_env}")
    if ray.token_file is None:
        return None
    path = Path(ray.token_file).expanduser()
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as exc:
        raise InvalidInput(
            f"the token file {path} cannot be read: {exc.strerror}", hint="write the cluster's token there, mode 0600"
        ) from exc
    if mode & 0o077:
        raise InvalidInput(f"the token file {path} is open to others (mode {mode:04o})", hint=f"chmod 600 {path}")
    return _checked(text, f"the token file {path}")


def where_looked(ray: RayAddress) -> str:
    """Where `resolve_token` looks, in words."""
    places = [f"environment variable {ray.token_env}"] if ray.token_env else []
    places += [f"file {ray.token_file}"] if ray.token_file else []
    return " and ".join(places) or "nowhere: add token_env or token_file under ray in the cluster's file"


def _checked(text: str, place: str) -> str:
    """The token in `text`; the error never shows it."""
    token = text.strip()
    if not token:
        raise InvalidInput(f"{place} holds no token", hint="set it to the token that the cluster was started with")
    if not _TOKEN.fullmatch(token):
        raise InvalidInput(f"{place} holds something that is no token", hint="a token is one line without blanks")
    return token
