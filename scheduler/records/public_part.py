"""Which part of a job's lines anybody may read, and what stands for the rest.

What may be shown is listed, never what may not: a field that is added later stays private until somebody names it
here. The private part is committed to by a hash over a secret salt, so that it can be shown later and be checked, and
cannot be guessed before; a name that figures hang on (an owner, a node) becomes the same pseudonym everywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scheduler.records.chain import canonical

Line = Mapping[str, object]
Half = dict[str, object]

WITHHELD: Final = "withheld"
"""Stands where a job needs a text that is private."""
_JOB: Final = frozenset(
    {"record", "id", "counterfactual", "state", "wanted", "progress", "failures", "interruptions", "submitted_at",
     "deadline_at", "finished_at"}
)  # fmt: skip
_SPEC: Final = frozenset(
    {"version", "name", "project", "model", "stage", "group", "launch", "gpus", "gpu", "cpus", "memory", "duration",
     "gpu_w", "deadline", "earliest_start", "default_slack", "home", "allowed", "interruptible", "elastic", "policy",
     "min_saving", "objective", "max_cost", "priority", "retries", "preempt", "exclusive"}
)  # fmt: skip
_PLAN: Final = frozenset(
    {"policy", "now", "basis", "feasible", "home", "deadline", "placement", "finish", "suspends", "emissions_kg",
     "coverage", "baseline", "saving_kg", "saving_pct", "saving_operational_kg", "saving_operational_pct",
     "saving_low_kg", "saving_high_kg", "distinguishable", "saving_band", "next_decision", "checkpoint_s", "intensity"}
)  # fmt: skip
_CLUSTER: Final = frozenset(
    {"version", "name", "zone", "country", "gpus", "simulated", "gpu", "node", "lifetime_years", "lifetime_use", "pue",
     "paused_nodes", "price_gpu_h", "walltime", "reserve", "head_w", "tenure", "wue_l_per_kwh"}
)  # fmt: skip
_SAMPLE: Final = frozenset(
    {"v", "n", "t_unix", "mono_s", "progress", "saved_unix", "energy_j", "energy_source", "gpus"}
)
_METERED: Final = frozenset({"node", "uuid", "j", "p_j", "w", "mode", "flag", "rest_w"})
_RECEIVED: Final = frozenset({"v", "not_before_unix", "not_after_unix"})
_OUTCOME: Final = frozenset(
    {"v", "sid", "fence", "started_unix", "ended_unix", "duration_s", "exit_code", "reason", "stop_received_unix",
     "progress_before", "progress", "samples", "energy_j", "energy_source", "saved_unix", "trained_unix", "trained_s",
     "saved", "storage"}
)  # fmt: skip
_TRAFFIC: Final = frozenset({"read_bytes", "read_s", "read_requests", "written_bytes", "written_s", "written_requests"})
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A name of a cluster that can be no address."""
UNREADABLE: Final = "null"
"""Stands for a line of evidence that no agent writes: it may hold anything, and reads as what it is, unreadable."""


@dataclass(frozen=True, slots=True)
class Blinder:
    """Hashes that nobody without the secret can guess the content of.

    Args:
        key: the secret of a state folder, never shown.
    """

    key: bytes

    def salt(self, job_id: str) -> str:
        """The salt of one job's private parts: shown only in a bundle that shows these, and of no use for others."""
        return hmac.new(self.key, f"salt\n{job_id}".encode(), hashlib.sha256).hexdigest()

    def pseudonym(self, kind: str, name: str) -> str:
        """The same short word for the same name of a kind, empty for an empty one."""
        if not name:
            return ""
        found = hmac.new(self.key, f"{kind}\n{name}".encode(errors="surrogateescape"), hashlib.sha256)
        return f"{kind}-{found.hexdigest()[:12]}"


def blind(salt: str, private: object) -> str:
    """What commits to a private part under a job's salt."""
    return hashlib.sha256(f"{salt}\n{canonical(private)}".encode()).hexdigest()


def halves(line: Line, blinder: Blinder) -> tuple[Half, Half]:
    """The public and the private part of a line of a job, other than its evidence."""
    kind = line["record"]
    if kind == "plan":
        return _plan(line)
    if kind == "event":
        return _event(line)
    return _job(line, blinder) if kind == "job" else _segment(line, blinder)


def joined_halves(public: Half, private: Half) -> Half:
    """The whole line again."""
    whole = dict(public)
    for name, value in private.items():
        nested = name in _NESTED and isinstance(value, dict)
        whole[name] = joined_halves(dict(_mapping(whole.get(name))), dict(_mapping(value))) if nested else value
    return whole


_NESTED: Final = frozenset({"job", "document"})


def _job(line: Line, blinder: Blinder) -> tuple[Half, Half]:
    """A job: its figures and labels; its command, folders, owner, source and reason are private."""
    spec = _mapping(line["job"])
    public, private = _cut(line, _JOB)
    shown, hidden = _cut(spec, _SPEC)
    shown |= {"entrypoint": WITHHELD, "owner": blinder.pseudonym("owner", str(spec.get("owner", "")))}
    if "checkpoint" in spec:
        shown["checkpoint"] = {k: v for k, v in _mapping(spec["checkpoint"]).items() if k in ("gb", "keep")}
    if "data" in spec:
        data = _mapping(spec["data"])
        at = str(data.get("at") or "")
        shown["data"] = {k: v for k, v in data.items() if k != "at"} | ({"at": at} if _LABEL.fullmatch(at) else {})
    reference = blinder.pseudonym("reference", canonical(line["intensity"]))
    public |= {"job": shown, "key": None, "package": None, "reason": "", "spec_sha256": "0" * 64}
    public["intensity"] = {"reference": reference}
    return public, {**private, "job": hidden}


def _plan(line: Line) -> tuple[Half, Half]:
    """A plan: where, when and how much; its words are private, and how its clusters are reached."""
    document = _mapping(line["document"])
    shown, hidden = _cut(document, _PLAN)
    declared = _mapping(document.get("clusters", {}))
    shown["clusters"] = {name: _cut(_mapping(each), _CLUSTER)[0] for name, each in declared.items()}
    public = {name: value for name, value in line.items() if name != "document"} | {"document": shown}
    return public, {"document": hidden}


def _segment(line: Line, blinder: Blinder) -> tuple[Half, Half]:
    """A segment: all but its node and its cluster's session."""
    node, session = str(line["node_id"]), line.get("session", "")
    return (
        dict(line) | {"node_id": blinder.pseudonym("node", node), "session": ""},
        {"node_id": node, "session": session},
    )


def _event(line: Line) -> tuple[Half, Half]:
    """An event: its kind and its time; a notice's kind names an address."""
    kind = str(line["kind"])
    shown = kind if _LABEL.fullmatch(kind) else WITHHELD
    return dict(line) | {"text": "", "kind": shown}, {"text": line["text"], "kind": kind}


def public_sample(raw: str, blinder: Blinder) -> str:
    """A line of samples as anybody may read it."""
    data = _agents(raw)
    if data is None:
        return UNREADABLE
    shown = _shown(data, _SAMPLE)
    if "gpus" in shown:
        gpus = shown["gpus"]
        if not isinstance(gpus, list) or not all(isinstance(each, dict) for each in gpus):
            return UNREADABLE
        shown["gpus"] = [_metered(each, blinder) for each in gpus]
    return _written(shown)


def public_received(raw: str) -> str:
    """A line of when samples reached us, as anybody may read it."""
    data = _agents(raw)
    return UNREADABLE if data is None else _written(_shown(data, _RECEIVED))


def public_outcome(raw: str) -> str:
    """An outcome as anybody may read it: all but its error's text."""
    data = _agents(raw)
    if data is None:
        return UNREADABLE
    shown = _shown(data, _OUTCOME)
    if isinstance(shown.get("storage"), dict):
        shown["storage"] = _shown(_mapping(shown["storage"]), _TRAFFIC)
    return _written(shown | {"error": ""})


def _metered(gpu: Mapping[str, object], blinder: Blinder) -> Half:
    """What was read of one GPU, its node by a pseudonym."""
    shown = _shown(gpu, _METERED)
    return shown | ({"node": blinder.pseudonym("node", str(gpu["node"]))} if "node" in gpu else {})


def _agents(raw: str) -> Half | None:
    """The object that an agent wrote; None where it is none."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _written(shown: Half) -> str:
    """Canonical JSON; what has a figure that is none is unreadable."""
    try:
        return canonical(shown)
    except ValueError:
        return UNREADABLE


def _cut(line: Mapping[str, object], public: frozenset[str]) -> tuple[Half, Half]:
    """The fields that may be shown, and the others."""
    return _shown(line, public), {name: value for name, value in line.items() if name not in public}


def _shown(line: Mapping[str, object], public: frozenset[str]) -> Half:
    """The fields that may be shown."""
    return {name: value for name, value in line.items() if name in public}


def _mapping(value: object) -> Mapping[str, object]:
    """A value as the mapping that it is."""
    return value if isinstance(value, Mapping) else {}
