"""Secrets by name: from the environment, else from a file of mode 0600; resolved when needed and stored nowhere."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scheduler.domain.errors import InvalidInput

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFiles:
    """Where secrets are found; what it prints of itself holds none.

    Args:
        environ: looked into first.
        folder: of the files, one a secret, that only this account may read.
    """

    environ: Mapping[str, str] = field(repr=False)
    folder: Path

    def find(self, name: str) -> str | None:
        """The value of a secret, None where it is not set.

        Raises:
            InvalidInput: its file is open to others, or cannot be read.
        """
        if name in self.environ:
            return self.environ[name]
        path = self.folder / name
        if not _NAME.fullmatch(name) or not path.is_file():
            return None
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InvalidInput(f"the secret file {path} is open to others", hint=f"chmod 600 {path}")
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            # Without its cause, which quotes the bytes that could not be read.
            raise InvalidInput(f"the secret file {path} cannot be read as text", hint="write it anew") from None

    def get(self, name: str) -> str:
        """The value of a secret.

        Raises:
            InvalidInput: it is nowhere to be found, or its file is open to others.
        """
        value = self.find(name)
        if value is None:
            raise InvalidInput(f"the secret {name!r} is not set", hint=self.hint(name))
        return value

    def hint(self, name: str) -> str:
        """Where to put a secret that is not set."""
        return f"export {name} where the scheduler runs, or write it to {self.folder / name} with mode 0600"
