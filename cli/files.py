"""Job and cluster files from disk: whatever can go wrong with one names the file and the way out."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.domain.job import Job
from scheduler.domain.yaml_text import parse_mapping, parse_yaml

MAX_BYTES: Final = 1 << 20
"""A job or cluster file is text written by hand; a larger one is something else."""
_SUFFIXES: Final = (".yaml", ".yml")
_LINES: Final = ".jsonl"
_WORD: Final = re.compile(r"[\w.+~-]+")
_OPENING: Final = ("[", "{", "'", '"')


def read_text(path: Path) -> str:
    """The text of a UTF-8 file of at most `MAX_BYTES`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise InvalidInput(f"there is no file {path}", hint=_beside(path)) from exc
    except IsADirectoryError as exc:
        raise InvalidInput(f"{path} is a folder", hint="name a file in it") from exc
    except PermissionError as exc:
        raise InvalidInput(f"{path} may not be read", hint="check its permissions") from exc
    except OSError as exc:
        raise InvalidInput(f"{path} cannot be read: {exc.strerror or exc}", hint="check the path") from exc
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"{path} is larger than 1 MiB", hint="is it the right file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{path} is not UTF-8 text: byte {exc.start}", hint="save it as UTF-8") from exc


def load_job(path: Path, sets: Iterable[str] = ()) -> Job:
    """The job that the file says, with each ``key=value`` of `sets` put over it in order."""
    return Job.from_mapping(overridden(parse_mapping(read_text(path), what=str(path)), sets), what=str(path))


def load_jobs(path: Path, sets: Iterable[str] = ()) -> list[tuple[str, Job]]:
    """The jobs of a file, each with where it was written: one of a job file, one a line of a ``.jsonl`` file."""
    if path.suffix != _LINES:
        return [(str(path), load_job(path, sets))]
    sets, found = list(sets), []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            what = f"{path}:{number}"
            found.append((what, Job.from_mapping(overridden(parse_mapping(line, what=what), sets), what=what)))
    if not found:
        raise InvalidInput(f"{path} holds no job", hint="write a job a line, as a JSON object")
    return found


def overridden(data: dict[str, object], sets: Iterable[str]) -> dict[str, object]:
    """A job's mapping with each dotted ``key=value`` of `sets` put over it in order; `data` stays as it is."""
    changed = copy.deepcopy(data)
    for text in sets:
        _put(changed, text)
    return changed


def load_clusters(path: Path) -> list[Cluster]:
    """The clusters of a file, or of every YAML file right inside a folder, in order of file name.

    A file holds one cluster, or several as a list under ``clusters``.
    """
    files = _yaml_files(path) if _is_folder(path) else [path]
    found: list[Cluster] = []
    origin: dict[str, Path] = {}
    for file in files:
        for cluster in _clusters_in(file):
            if cluster.name in origin:
                where = f"twice in {file}" if origin[cluster.name] == file else f"in {origin[cluster.name]} and {file}"
                raise InvalidInput(f"the cluster {cluster.name!r} is {where}", hint="give each cluster its own name")
            origin[cluster.name] = file
            found.append(cluster)
    return found


def _is_folder(path: Path) -> bool:
    """Whether `path` is a folder; one that cannot be looked at is refused."""
    try:
        return path.is_dir()
    except OSError as exc:
        raise InvalidInput(f"{path} cannot be read: {exc.strerror or exc}", hint="check the path") from exc


def _yaml_files(folder: Path) -> list[Path]:
    """The YAML files right inside a folder, hidden ones left out; a folder without any is refused."""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES and file.name[0] != ".")
    except OSError as exc:
        raise InvalidInput(f"{folder} cannot be listed: {exc.strerror or exc}", hint="check its permissions") from exc
    if not files:
        raise InvalidInput(f"the folder {folder} holds no cluster file", hint="put a YAML file for each cluster there")
    return files


def _clusters_in(file: Path) -> Sequence[Cluster]:
    """The clusters of one file."""
    data = parse_mapping(read_text(file), what=str(file))
    if "clusters" not in data:
        return [Cluster.from_mapping(data, what=str(file))]
    items = data["clusters"]
    unknown = sorted(set(data) - {"clusters", "version"})
    if unknown:
        raise InvalidInput(f"{file}: unknown key {unknown[0]!r} beside clusters", hint="known: clusters, version")
    if not isinstance(items, list) or not items:
        raise InvalidInput(f"{file}: clusters is not a list of clusters", hint="write each after a dash")
    found = []
    for number, item in enumerate(items, start=1):
        what = f"{file}: cluster {number}"
        if not isinstance(item, dict):
            raise InvalidInput(f"{what} is not a mapping", hint="write '- name: ...' and its keys below")
        found.append(Cluster.from_mapping(item, what=what))
    return found


def _put(data: dict[str, object], text: str) -> None:
    """Set one dotted ``key=value`` in a mapping; without a value the key goes, and its default stands."""
    key, equals, value = text.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise InvalidInput(f"--set {text!r} is not key=value", hint="write it as --set duration=12h")
    if path[0] not in Job.model_fields:
        unknown = UnknownName("key", path[0], Job.model_fields)
        raise InvalidInput(f"--set {text!r}: {unknown.message}", hint=unknown.hint)
    inner = data
    for step in path[:-1]:
        below = inner.get(step)
        if below is None or below is True:  # `interruptible: true` is that mapping with every default
            below = inner[step] = {}
        if not isinstance(below, dict):
            raise InvalidInput(f"--set {text!r}: {step} is {below!r}, not a mapping", hint=f"set {step} as a whole")
        inner = below
    if value.strip():
        inner[path[-1]] = _value(value.strip(), text)
    else:
        inner.pop(path[-1], None)


def _value(value: str, text: str) -> object:
    """A value from the command line: a word or a quoted or bracketed text is read as YAML, all else is text."""
    if value.startswith(_OPENING):
        return parse_yaml(value, what=f"--set {text!r}")
    if not _WORD.fullmatch(value) or value.strip("-.") == "":
        return value
    return parse_yaml(value, what=f"--set {text!r}")


def _beside(path: Path) -> str:
    """The way out of a missing file: the YAML files that are there."""
    folder = path.parent
    try:
        names = sorted(file.name for file in folder.iterdir() if file.suffix in _SUFFIXES)[:5]
    except OSError:
        return f"there is no folder {folder} either"
    return f"in {folder} there are: {', '.join(names)}" if names else f"there is no YAML file in {folder}"
