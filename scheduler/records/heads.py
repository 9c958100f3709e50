"""The head over all jobs' chains: one hash that pins every entry of every job, chained to the head before.

A head lists the jobs whose chains grew since the one before it, and its root is over all jobs there are: so a job that
is taken away later shows, and so does an entry. Whoever seals a head outside has sealed all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scheduler.domain.instant import format_instant, parse_instant
from scheduler.records.chain import BadChain, Chain, canonical, digest, loaded

FORMAT: Final = "carbonsched-heads-1"
FIRST: Final = digest(FORMAT)
"""What stands before the first head."""

Tips = Mapping[str, tuple[int, str]]
"""By job: how many entries its chain has, and the hash of the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One head.

    Args:
        n: from 1 on; at: when it was made.
        grown: the chains that grew since the head before.
        issues: hashes of the period issues there are, in order.
        jobs: how many there are in all; root: the hash over all their tips and the issues.
    """

    n: int
    at: datetime
    grown: Tips
    issues: tuple[str, ...]
    jobs: int
    root: str
    prev: str
    hash: str

    @property
    def text(self) -> str:
        """What is to be sealed outside: a few lines that a tag can carry or an authority stamp."""
        return (
            f"carbonsched evidence head {self.n}\n"
            f"day {format_instant(self.at)[:10]}\n"
            f"jobs {self.jobs}\n"
            f"root {self.root}\n"
            f"seal {self.hash}\n"
        )


def tips_of(chains: Iterable[Chain]) -> dict[str, tuple[int, str]]:
    """The tips of chains that have an entry."""
    return {chain.job_id: (len(chain.entries), chain.tip) for chain in chains if chain.entries}


def root_of(tips: Tips, issues: Iterable[str]) -> str:
    """The hash over the tips of all jobs, in order of their ids, and over the issues."""
    lines = [f"{job_id} {n} {tip}" for job_id, (n, tip) in sorted(tips.items())]
    return digest("\n".join([*lines, *(f"issue {each}" for each in issues)]))


def standing(heads: Iterable[Head]) -> dict[str, tuple[int, str]]:
    """The tips of all jobs as the last of these heads pins them."""
    return {job_id: tip for head in heads for job_id, tip in head.grown.items()}


def next_head(heads: tuple[Head, ...], tips: Tips, issues: tuple[str, ...], at: datetime) -> Head | None:
    """The head that follows; None where nothing has changed since the last, on the same day."""
    before = standing(heads)
    grown = {job_id: tip for job_id, tip in tips.items() if before.get(job_id) != tip}
    last = heads[-1] if heads else None
    if last is not None and not grown and issues == last.issues and last.at.date() == at.date():
        return None
    return _sealed(
        n=len(heads) + 1,
        at=at,
        grown=grown,
        issues=issues,
        jobs=len(before | grown),
        root=root_of(before | grown, issues),
        prev=last.hash if last else FIRST,
    )


def line_of(head: Head) -> str:
    """A head as it stands in the file, without the end of the line."""
    return canonical(_said(head) | {"hash": head.hash})


def heads_from(lines: Iterable[str]) -> tuple[Head, ...]:
    """The heads of whole lines, each checked against those before.

    Raises:
        BadChain: one is not as it was written, or takes something back.
    """
    found: list[Head] = []
    tips: dict[str, tuple[int, str]] = {}
    for n, line in enumerate(lines, 1):
        head = _head(line, f"head {n}")
        if head.n != n or head.prev != (found[-1].hash if found else FIRST):
            raise BadChain(f"head {n} does not follow the one before it", hint=_HINT)
        shrunk = next((job for job, (length, _) in head.grown.items() if length <= tips.get(job, (0, ""))[0]), None)
        if shrunk is not None:
            raise BadChain(f"head {n} holds less of job {shrunk} than one before it", hint=_HINT)
        tips |= head.grown
        if head.jobs != len(tips) or head.root != root_of(tips, head.issues):
            raise BadChain(f"head {n}: its root is not the one of its jobs", hint=_HINT)
        found.append(head)
    return tuple(found)


def check_pinned(heads: Iterable[Head], chains: Mapping[str, Chain]) -> None:
    """Refuse chains that lack what a head pins.

    Raises:
        BadChain: names the first job that is missing, or the entry that is another.
    """
    for head in heads:
        for job_id, (n, tip) in sorted(head.grown.items()):
            day = format_instant(head.at)[:10]
            if job_id not in chains:
                raise BadChain(f"job {job_id} is missing: head {head.n} of {day} holds it", hint=_HINT)
            entries = chains[job_id].entries
            if len(entries) < n:
                raise BadChain(
                    f"the chain of job {job_id} was cut: head {head.n} of {day} holds {n} entries of it", hint=_HINT
                )
            if entries[n - 1].hash != tip:
                raise BadChain(
                    f"entry {n} of the chain of job {job_id} is not the one that head {head.n} of {day} holds",
                    hint=_HINT,
                )


_HINT: Final = "put back the copy that was kept elsewhere; nothing can mend it"


def _said(head: Head) -> dict[str, object]:
    """A head without its hash."""
    return {
        "n": head.n,
        "at": format_instant(head.at),
        "grown": {job_id: list(tip) for job_id, tip in head.grown.items()},
        "issues": list(head.issues),
        "jobs": head.jobs,
        "root": head.root,
        "prev": head.prev,
    }


def _sealed(*, n: int, at: datetime, grown: Tips, issues: tuple[str, ...], jobs: int, root: str, prev: str) -> Head:
    """The head of these, with its hash."""
    bare = Head(n=n, at=at, grown=grown, issues=issues, jobs=jobs, root=root, prev=prev, hash="")
    return Head(
        n=n,
        at=at,
        grown=grown,
        issues=issues,
        jobs=jobs,
        root=root,
        prev=prev,
        hash=digest(canonical(_said(bare))),
    )


def _head(line: str, what: str) -> Head:
    """One head, its hash recomputed."""
    said = loaded(line, what)
    try:
        grown = said["grown"]
        issues = said["issues"]
        if not isinstance(grown, dict) or not isinstance(issues, list):
            raise BadChain(f"{what} is no head", hint=_HINT)
        head = _sealed(
            n=int(str(said["n"])),
            at=parse_instant(str(said["at"])),
            grown={job_id: (int(n), str(tip)) for job_id, (n, tip) in grown.items()},
            issues=tuple(map(str, issues)),
            jobs=int(str(said["jobs"])),
            root=str(said["root"]),
            prev=str(said["prev"]),
        )
    except (KeyError, ValueError, TypeError) as exc:
        raise BadChain(f"{what} is no head: {exc}", hint=_HINT) from exc
    if line_of(head) != line:
        raise BadChain(f"{what} was changed: its hash is another", hint=_HINT)
    return head
