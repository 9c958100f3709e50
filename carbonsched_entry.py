"""Starts carbonsched with its own packages, whatever else on the path is called `scheduler` or `cli`.

Training repositories often hold a `scheduler.py`, a `cli.py` or a `policies/` and set ``PYTHONPATH=.``, which comes
before every installed package. So this module, whose name nobody else has, finds our packages beside itself. It does
so when it is imported and not in `main`, because the workers of `multiprocessing` import it and never call `main`.
It needs the standard library only.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

PACKAGES = ("scheduler", "intensity_sources", "policies", "cli", "cluster_configs")
HOME = Path(__file__).resolve().parent
EXIT_INSTALLATION = 78


class Siblings:
    """Finds our own packages in the folder of this module, ahead of ``sys.path``."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Where one of our top-level names lies; None leaves any other name to the finders behind."""
        return PathFinder.find_spec(name, [str(HOME)]) if name in (*PACKAGES, "carbonsched_entry") else None


def main() -> None:
    """Run the command line; exits 78 when another distribution has overwritten our files."""
    problem = damage(HOME)
    if problem:
        sys.stderr.write(f"error: carbonsched is damaged: {problem}; install it into its own virtual environment\n")
        raise SystemExit(EXIT_INSTALLATION)
    from cli.main import main as run

    run()


def damage(home: Path) -> str | None:
    """What another distribution did to our files in `home`, in one line; None where they are whole.

    An install lists its files and their sizes in RECORD; a checkout has no such list. A file that differs counts only
    when another distribution claims it: its owner may edit it.
    """
    if not (home / "cli" / "main.py").is_file():
        return f"cli/main.py is missing in {home}"
    for record in home.glob("carbonsched-*.dist-info/RECORD"):
        for path, size in _listed(record).items():
            file = home / path
            if not file.is_file():
                return f"{path} was removed, as by uninstalling a distribution that held the same file"
            if file.stat().st_size != size and (other := _claimant(home, path)):
                return f"{path} was overwritten by {other}"
    return None


def _listed(record: Path) -> dict[str, int]:
    """The files of our packages that a RECORD lists, each with its size. [bytes]"""
    rows = [line.rsplit(",", 2) for line in record.read_text("utf-8").splitlines()]
    return {path: int(size) for path, _, size in rows if size and path.split("/")[0] in PACKAGES}


def _claimant(home: Path, path: str) -> str | None:
    """The other distribution in `home` that lists `path` as its own, such as ``policies-1.0``."""
    others = (record for record in home.glob("*.dist-info/RECORD") if not record.parent.name.startswith("carbonsched-"))
    return next((record.parent.stem for record in others if path in _listed(record)), None)


def _stand_first() -> None:
    """Put the finder in front, and forget what a start-up file may already have imported under our names."""
    sys.meta_path.insert(0, Siblings)
    for package in PACKAGES:
        known = sys.modules.get(package)
        if known and getattr(known, "__file__", None) != str(HOME / package / "__init__.py"):
            for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
                del sys.modules[name]


_stand_first()

if __name__ == "__main__":
    main()
