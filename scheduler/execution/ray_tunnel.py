"""An ssh tunnel to a dashboard: opened when it is first needed, opened again when it fell, ended with this process.

The system's own ssh is used, so that keys, agents, jump hosts and known hosts are those of the user. It runs in a
process group with a shell that ends the group once our end of a pipe is gone: even a `kill -9` leaves no tunnel open.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import weakref
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO, Final

from scheduler.domain.errors import ClusterUnreachable
from scheduler.execution.ray_via import Bastion
from scheduler.ports import Clock

PATIENCE_S: Final = 6.0
"""How long a request waits for a tunnel that is opening; a later one finds it open, or waits again. [s]"""
_OPENS_WITHIN_S: Final = 30.0
_LONGEST_PAUSE_S: Final = 60.0
_STEADY_S: Final = 30.0
"""A tunnel that stood so long is opened again at once when it falls. [s]"""
_LOOK: Final = timedelta(seconds=0.05)
_ENDS_WITHIN_S: Final = 3.0
_SHOWN: Final = 200
_TIED: Final = '"$@" </dev/null & exec >/dev/null 2>&1; read word; kill 0'
_OPTIONS: Final = {
    "BatchMode": "yes",  # nobody is there to type a password
    "ExitOnForwardFailure": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
    "ControlMaster": "no",  # a shared connection would outlive us, and keep the forward
    "ControlPath": "none",
    "ForwardAgent": "no",
}


@dataclass(slots=True, kw_only=True)
class _Line:
    """One ssh that runs, in a process group of its own.

    Args:
        process: the shell that leads the group.
        tie: our end of the pipe that holds it all; ear: ends when ssh does; talk: what ssh writes.
    """

    process: subprocess.Popen[bytes]
    tie: IO[bytes]
    ear: IO[bytes]
    talk: IO[bytes]
    port: int
    begun_s: float
    open: bool = False

    @property
    def ended(self) -> bool:
        """Whether ssh is gone: it alone holds the pipe that this looks at."""
        return bool(select.select([self.ear], [], [], 0)[0])

    @property
    def said(self) -> str:
        """The last line that ssh wrote."""
        self.talk.seek(0)
        lines = [line for line in self.talk.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip()[:_SHOWN] if lines else "ssh ended without a word"

    def answers(self) -> bool:
        """Whether its near end takes connections."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@dataclass(slots=True, kw_only=True, weakref_slot=True)
class Tunnel:
    """The way to one dashboard through a machine that ssh leads to.

    Args:
        cluster: its name, for errors.
        bastion: where ssh logs in.
        target: host and port of the dashboard, as seen from there.
    """

    cluster: str
    bastion: Bastion
    target: str
    clock: Clock
    _line: _Line | None = None
    _end: weakref.finalize[[_Line], Tunnel] | None = field(default=None, repr=False)
    _falls: int = 0
    _not_before_s: float = 0.0
    _said: str = ""

    def port(self) -> int:
        """The port of this machine that leads to the dashboard; opens the tunnel where it is not open.

        Raises:
            ClusterUnreachable: it is not open, or not yet.
        """
        line = self._line
        if line is not None and (line.ended or self._is_slow(line)):
            self._fell(line)
            line = None
        line = line or self._dialled()
        give_up_s = self.clock.monotonic_s() + PATIENCE_S
        while not line.open:
            line.open = not line.ended and line.answers()
            if line.ended:
                self._fell(line)
                raise self._closed()
            if not line.open and self.clock.monotonic_s() >= give_up_s:
                self._said = "ssh is still at it"
                raise self._closed()
            if not line.open:
                self.clock.sleep(_LOOK)
        return line.port

    def close(self) -> None:
        """End ssh, if it runs."""
        if self._end is not None:
            self._end()
        self._line = self._end = None

    def command(self, port: int) -> list[str]:
        """The command line of ssh."""
        options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-N", "-L", f"127.0.0.1:{port}:{self.target}", *options, *self.bastion.words]

    def _dialled(self) -> _Line:
        """A new ssh, unless the last one fell a moment ago."""
        now_s = self.clock.monotonic_s()
        if now_s < self._not_before_s:
            raise self._closed()
        if shutil.which("ssh") is None:
            self._said = "there is no ssh on the PATH"
            raise self._closed()
        port, talk = _free_port(), tempfile.TemporaryFile()  # noqa: SIM115  # open as long as ssh is
        process = subprocess.Popen(
            ["/bin/sh", "-c", _TIED, "sh", *self.command(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=talk, start_new_session=True,
        )  # fmt: skip
        tie, ear = process.stdin, process.stdout
        if tie is None or ear is None:
            raise AssertionError("Popen gives what it was asked for")  # for the types alone
        self._line = _Line(process=process, tie=tie, ear=ear, talk=talk, port=port, begun_s=now_s)
        self._end = weakref.finalize(self, _hang_up, self._line)
        return self._line

    def _is_slow(self, line: _Line) -> bool:
        """Whether it should have been open long ago."""
        return not line.open and self.clock.monotonic_s() - line.begun_s > _OPENS_WITHIN_S

    def _fell(self, line: _Line) -> None:
        """Note why, clean up, and leave a pause before the next try, longer each time."""
        now_s = self.clock.monotonic_s()
        self._said = line.said if line.ended else f"not open within {_OPENS_WITHIN_S:g} s"
        steady = line.open and now_s - line.begun_s >= _STEADY_S
        self._falls = 0 if steady else self._falls + 1
        self._not_before_s = now_s + (0.0 if steady else min(_LONGEST_PAUSE_S, 2.0 ** (self._falls - 1)))
        self.close()

    def _closed(self) -> ClusterUnreachable:
        """The error for a tunnel that is not open."""
        where = self.bastion.words[-1]
        return ClusterUnreachable(
            f"cluster {self.cluster!r}: the ssh tunnel through {where} is not open: {self._said}",
            hint=f"see that this works: ssh -o BatchMode=yes {' '.join(self.bastion.words)} true",
        )


def _free_port() -> int:
    """A port of this machine that nobody listens on; should another take it first, ssh ends and is started again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _hang_up(line: _Line) -> None:
    """End the group of one ssh, and leave nothing of it."""
    line.tie.close()
    try:
        line.process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(line.process.pid, signal.SIGKILL)
        line.process.wait()
    line.ear.close()
    line.talk.close()
