"""Generations of a checkpoint: whatever happens while one is made, what is fetched is one that was whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.execution.agent.carbonsched_copies_v1 import Copies
from scheduler.execution.agent.carbonsched_place_v1 import Folder


class Dies(Exception):
    """The process is killed here."""


class Mortal(Folder):
    """A place whose user dies at one of the writing steps, before it or with half of the bytes written."""

    def __init__(self, root: Path, *, lives: int, half: bool = False) -> None:
        super().__init__(root)
        self.lives, self.half = lives, half

    def _step(self) -> bool:
        """Count a step; whether this is the last."""
        self.lives -= 1
        return self.lives < 0

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, which is whole or not there."""
        if self._step():
            raise Dies
        super().write(name, content)

    def put(self, local: Path, name: str) -> None:
        """Copy a file, of which a half may be there at the end."""
        if self._step():
            if self.half:
                super().write(name, local.read_bytes()[: local.stat().st_size // 2])
            raise Dies
        super().put(local, name)

    def remove(self, name: str) -> None:
        """Remove what is there, a part of it at the end."""
        if self._step():
            path = self.root / name
            if self.half and path.is_dir():
                next(file for file in path.rglob("*") if file.is_file()).unlink()
            raise Dies
        super().remove(name)


def never() -> bool:
    """No higher fence."""
    return False


def save(folder: Path, number: int) -> None:
    """A checkpoint of three files that all hold one number."""
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    for name in ("a", "b", "deep/c"):
        (folder / name).write_text(f"{number}" * 100)


def fetched(place: Folder, folder: Path, fence: int = 99) -> tuple[str | None, object]:
    """The number that a resume finds, None where there is nothing, and what was torn."""
    said = Copies(place, fence, 1).fetch(folder)
    found = {file.read_text()[0] for file in folder.rglob("*") if file.is_file()}
    assert len(found) <= 1, "a mixture of two saves"
    return next(iter(found), None), said["torn"]


@pytest.mark.parametrize("half", [False, True])
def test_a_death_at_any_step_leaves_the_last_whole_copy(tmp_path: Path, *, half: bool) -> None:
    """What was marked is found; of what was not, nothing is used, and the next copy goes on from there."""
    for lives in range(40):
        root, local = tmp_path / f"{lives}", tmp_path / f"local{lives}"
        marked, place = None, Mortal(root, lives=lives, half=half)
        copies = Copies(place, 5, 1)
        try:
            for number in range(1, 6):
                save(local, number)
                marked = str(number) if copies.copy(local, never)["marked"] else marked
        except Dies:
            pass
        found, _ = fetched(Folder(root), tmp_path / f"back{lives}")
        assert found in (marked, str(int(marked or 0) + 1)), lives
        save(local, 9)
        assert Copies(Folder(root), 6, 1).copy(local, never)["marked"]
        assert "9" == fetched(Folder(root), tmp_path / f"again{lives}")[0]
        assert len([*root.glob("*.json")]) <= 2


@pytest.mark.parametrize(
    ("how", "says"),
    [("no marker", None), ("marker cut", "its marker cannot be read"), ("marker odd", "its marker cannot be read"),
     ("file missing", "a is missing"), ("file other", "a is not what was copied"),
     ("file cut", "a is not what was copied"), ("leads out", "'../a' lies outside of the checkpoint's folder"),
     ("begins at the root", "'/a' lies outside of the checkpoint's folder")],
)  # fmt: skip
def test_a_torn_copy_is_never_used(tmp_path: Path, how: str, says: str | None) -> None:
    """The next older whole one is, and it is said which was torn; with none left it is a first start."""
    place, local = Folder(tmp_path / "far"), tmp_path / "local"
    copies = Copies(place, 5, 1)
    for number in (1, 2):
        save(local, number)
        copies.copy(local, never)
    tear(tmp_path / "far", "00000005-000002", how)
    torn = [] if says is None else [f"00000005-000002: {says}"]
    assert ("1", torn) == fetched(place, tmp_path / "back")
    tear(tmp_path / "far", "00000005-000001", "file cut")
    assert None is fetched(place, tmp_path / "back")[0]
    assert [] == [*(tmp_path / "back").iterdir()]


def tear(folder: Path, generation: str, how: str) -> None:
    """Make a generation one that was not copied whole."""
    marker, file = folder / f"{generation}.json", folder / generation / "a"
    said = json.loads(marker.read_text())
    first = next(entry for entry in said["files"] if entry["name"] == "a")
    damage: dict[str, Callable[[], object]] = {
        "no marker": marker.unlink,
        "marker cut": lambda: marker.write_text(json.dumps(said)[:-9]),
        "marker odd": lambda: marker.write_text('{"files": [1], "links": {}}'),
        "file missing": file.unlink,
        "file other": lambda: file.write_text(file.read_text().replace("2", "3")),
        "file cut": lambda: file.write_text(file.read_text()[:-1]),
        "leads out": lambda: marker.write_text(json.dumps({**said, "files": [{**first, "name": "../a"}]})),
        "begins at the root": lambda: marker.write_text(json.dumps({**said, "files": [{**first, "name": "/a"}]})),
    }
    damage[how]()


class Busy(Folder):
    """A place whose user's folder is written to while it is copied."""

    def __init__(self, root: Path, change: Callable[[], object]) -> None:
        super().__init__(root)
        self.change = change

    def put(self, local: Path, name: str) -> None:
        """Copy a file, after the change."""
        self.change()
        super().put(local, name)


@pytest.mark.parametrize("how", ["written", "added", "removed", "replaced", "vanished"])
def test_a_copy_during_which_the_folder_changed_is_not_marked(tmp_path: Path, how: str) -> None:
    """Nothing of it stays, and the next try makes a whole one."""
    local = tmp_path / "local"
    save(local, 1)

    def replaced() -> None:
        """A save beside it, renamed into place: the same size at the same time."""
        times = (local / "b").stat()
        (local / "part").write_text((local / "b").read_text())
        os.utime(local / "part", ns=(times.st_atime_ns, times.st_mtime_ns))
        (local / "part").replace(local / "b")

    changes: dict[str, Callable[[], object]] = {
        "written": lambda: (local / "b").write_text("2" * 99),
        "added": (local / "d").touch,
        "removed": partial((local / "b").unlink, missing_ok=True),
        "replaced": replaced,
        "vanished": partial(shutil.rmtree, local, ignore_errors=True),
    }
    copies = Copies(Busy(tmp_path / "far", changes[how]), 5, 1)
    assert {"marked": False, "why": "changed"} == copies.copy(local, never)
    assert ([], {}) == (Folder(tmp_path / "far").folders(), Folder(tmp_path / "far").written())
    save(local, 3)
    (local / "d").unlink(missing_ok=True)
    assert Copies(Folder(tmp_path / "far"), 5, 1).copy(local, never)["marked"]
    assert "3" == fetched(Folder(tmp_path / "far"), tmp_path / "back")[0]


def test_the_fence_is_asked_right_before_the_marker(tmp_path: Path) -> None:
    """All files are there by then; the copy of an attempt that is superseded is not marked, and goes."""
    save(tmp_path / "local", 1)
    there: list[int] = []

    def outranked() -> bool:
        """A higher fence stands."""
        there.append(len([file for file in (tmp_path / "far").rglob("*") if file.is_file()]))
        return True

    assert {"marked": False, "why": "fenced"} == Copies(Folder(tmp_path / "far"), 5, 1).copy(
        tmp_path / "local", outranked
    )
    assert [3] == there
    assert [] == [*(tmp_path / "far").rglob("*")]


@settings(max_examples=25)  # each writes some forty files
@given(saves=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=6))
def test_the_newest_of_the_highest_fence_is_used_and_older_ones_go(
    saves: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Attempts in the order of their fences, each with some copies; so many as are kept stay beside the newest."""
    root = tmp_path_factory.mktemp("far")
    for fence, (keep, times) in enumerate(saves, start=1):
        copies = Copies(Folder(root), fence, keep)
        for number in range(times):
            save(root.with_name(f"{root.name}-local"), (fence + number) % 10)
            assert copies.copy(root.with_name(f"{root.name}-local"), never)["marked"]
        assert len([*root.glob("*.json")]) <= keep + 1
        newest = max(file.stem for file in root.glob("*.json"))
        assert f"{fence:08d}-{times:06d}" == newest
        assert str((fence + times - 1) % 10) == fetched(Folder(root), root.with_name(f"{root.name}-back"))[0]


def test_links_and_times_travel(tmp_path: Path) -> None:
    """A link inside holds wherever the folder is; what a link leads to outside is copied as a file."""
    local = tmp_path / "local"
    save(local, 1)
    os.utime(local / "a", ns=(5, 1_700_000_000_123_456_789))
    (tmp_path / "vocabulary").write_text("words")
    (local / "outside").symlink_to(tmp_path / "vocabulary")
    (local / "latest").symlink_to("deep")
    (local / "absolute").symlink_to(local / "deep" / "c")
    (local / "broken").symlink_to("nothing")
    assert Copies(Folder(tmp_path / "far"), 5, 1).copy(local, never)["marked"]
    back = tmp_path / "back"
    Copies(Folder(tmp_path / "far"), 6, 1).fetch(back)
    assert 1_700_000_000_123_456_789 == (back / "a").stat().st_mtime_ns
    assert (False, "words") == ((back / "outside").is_symlink(), (back / "outside").read_text())
    assert ("deep", "deep/c", "nothing") == tuple(
        str((back / name).readlink()) for name in ("latest", "absolute", "broken")
    )
    (local / "away").symlink_to(tmp_path)
    with pytest.raises(OSError, match="the link away leads out of the checkpoint's folder, to another folder"):
        Copies(Folder(tmp_path / "far"), 7, 1).copy(local, never)


def test_what_lay_in_the_folder_before_is_not_mixed_with_what_is_fetched(tmp_path: Path) -> None:
    """It is fresh, also where there is nothing to fetch."""
    save(tmp_path / "local", 1)
    Copies(Folder(tmp_path / "far"), 5, 1).copy(tmp_path / "local", never)
    for far, found in (("far", "1"), ("empty", None)):
        (tmp_path / "back").mkdir(exist_ok=True)
        (tmp_path / "back" / "older").write_text("7")
        assert found == fetched(Folder(tmp_path / far), tmp_path / "back")[0]
