"""What runs on a node of a Ray cluster: whether replays can be made there, and one replay.

It is loaded there before anything is known of the node, so it needs the standard library only.
"""

from __future__ import annotations

import importlib.metadata
import pickle
import platform
import re
from typing import Final

NEEDED: Final = {"numpy": (2,), "pydantic": (2, 10), "pyyaml": (6,)}
"""Packages that a replay imports, and the first version of each that does."""


def versions() -> dict[str, str]:
    """The version of each needed package and of Python, none where a package is not there."""
    found = {"python": platform.python_version()}
    for name in NEEDED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ""
    return found


def misfits(found: dict[str, str]) -> list[str]:
    """What of the needed packages is missing or too old, for a person."""
    wrong = []
    for name, least in NEEDED.items():
        has = found[name]
        if not has or tuple(int(part) for part in re.findall(r"\d+", has)[: len(least)]) < least:
            wrong.append(f"{name}>={'.'.join(map(str, least))} ({f'it has {has}' if has else 'missing'})")
    return wrong


def made(work: bytes, policy: bytes, perfect: bool) -> bytes:
    """One replay, pickled, or the error that it ended with.

    Args:
        work: of the case, pickled once for all of its replays; policy: pickled too.
        perfect: whether it is told perfectly.
    """
    from scheduler.domain.errors import CarbonschedError, ClusterRefused

    try:
        from cli.replays.work import Order

        order = Order(work=pickle.loads(work), policy=pickle.loads(policy), perfect=perfect)  # noqa: S301  # our own
        found: object = order.made(lambda _jobs, _took_s: None)
    except CarbonschedError as exc:
        found = exc
    except ModuleNotFoundError as exc:
        found = ClusterRefused(f"a node of the cluster has no module {exc.name!r}", hint="install there what it is of")
    return pickle.dumps(found)
