"""Stands in for the Python that runs `ray start`: the same flags and answers, none of the weight.

Run as that interpreter would be. FAKE_RAY says which clusters misbehave, by the letter their folder ends in:
``q=dies``, ``f=hangs`` (never ready), ``f=stubborn`` (ignores SIGTERM and leaves an orphan), ``q=busy`` (has a job
that ends when stopped), ``q=clings`` (has one that never ends) or ``q=deaf`` (fails when asked for jobs).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FLAGS = dict(word.removeprefix("--").split("=", 1) for word in sys.argv if "=" in word)
TEMP = Path(FLAGS["temp-dir"])
MANNER = dict(pair.split("=") for pair in os.environ.get("FAKE_RAY", "").split(",") if pair).get(TEMP.name, "")
ANSWERS: dict[str, object] = {
    "/api/version": {"ray_version": "fake", "session_name": "session_fake"},
    "/nodes": {
        "data": {
            "summary": [{"raylet": {"nodeId": "n", "state": "ALIVE", "resourcesTotal": {"GPU": 8.0}}}],
            "nodeLogicalResources": {"n": "0.0/8.0 GPU"},
        }
    },
    "/api/jobs/": [{"submission_id": "a", "status": "RUNNING"}] if MANNER in ("busy", "clings") else [],
    "/api/local_raylet_healthz": "success",
}


class Dashboard(BaseHTTPRequestHandler):
    """Answers whoever has the token."""

    def do_GET(self) -> None:
        """One of the known answers."""
        token = Path(os.environ["RAY_AUTH_TOKEN_PATH"]).read_text().strip()
        known = self.headers["Authorization"] == f"Bearer {token}"
        fails = MANNER == "hangs" or (MANNER == "deaf" and self.path == "/api/jobs/")
        self.send_response((503 if fails else 200) if known else 401)
        self.end_headers()
        self.wfile.write(json.dumps(ANSWERS[self.path.partition("?")[0]]).encode())

    def do_POST(self) -> None:
        """A stop, the only thing that is asked for."""
        if MANNER == "busy" and self.path == "/api/jobs/a/stop":
            ANSWERS["/api/jobs/"] = [{"submission_id": "a", "status": "STOPPED"}]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def main() -> None:
    """Serve until stopped."""
    (TEMP / "seen.json").write_text(json.dumps({"argv": sys.argv, "environ": dict(os.environ), "cwd": str(Path.cwd())}))
    sys.stderr.write("\033[36mfake ray\033[39m says hello\n")
    if MANNER == "dies":
        sys.exit("no room for me here")
    if MANNER == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["/bin/sh", "-c", "trap '' TERM; sleep 600; true"], start_new_session=True)
    for flag in ("dashboard-port", "dashboard-agent-listen-port"):
        server = ThreadingHTTPServer(("127.0.0.1", int(FLAGS[flag])), Dashboard)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        time.sleep(60)


main()
