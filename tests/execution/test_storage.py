"""The storage of a job as the scheduler reaches it: where it lies, what is read there, and the fence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import InvalidInput, StorageUnreachable
from scheduler.domain.job import Job
from scheduler.execution.agent.carbonsched_fence_v1 import Fence
from scheduler.execution.agent.carbonsched_place_v1 import Bucket, Folder, Place, place
from scheduler.execution.launching import checkpoint_dir
from scheduler.execution.storage import JobStorage, storage_of
from scheduler.problem.candidates import share_storage
from tests.execution.buckets import S3
from tests.records.cases import make_cluster, make_job


def on(storage: list[dict[str, str]], name: str = "quebec") -> Cluster:
    """A cluster with these storages."""
    return Cluster.model_validate({**make_cluster(name).model_dump(), "storage": storage})


def saving(folder: str | None = None) -> Job:
    """A job, with a checkpoint folder of its own where one is given."""
    return make_job().model_copy(update={"checkpoint": make_job().checkpoint.model_copy(update={"dir": folder})})


def where(cluster: Cluster, job: Job | None = None) -> str | None:
    """Where the storage of job 7f3a lies there."""
    found = storage_of("7f3a", job or saving(), cluster)
    assert found is None or isinstance(found, JobStorage)
    return None if found is None else found.where


def test_a_mounted_storage_is_seen_where_it_is_mounted_here(tmp_path: Path) -> None:
    """The first storage of a cluster is the one that jobs save on."""
    disks = [{"name": "nfs", "path": str(tmp_path)}, {"name": "far", "uri": "s3://bucket"}]
    assert f"{tmp_path}/7f3a/checkpoint.carbonsched" == where(on(disks))
    assert None is where(on([{"name": "nfs", "path": str(tmp_path / "not here")}]))


def test_a_folder_on_the_node_alone_is_not_seen(tmp_path: Path) -> None:
    """There may be one of the same name here, and it is another."""
    assert None is where(on([]))
    assert None is where(on([]), saving("~/checkpoints"))
    assert f"{tmp_path}/mine.carbonsched" == where(on([]), saving(f"{tmp_path}/mine"))


def test_a_uri_is_seen_from_everywhere() -> None:
    """Fence and evidence of a job lie in a folder of its own; its attempts save in folders of their own."""
    cluster = on([{"name": "far", "uri": "s3://bucket/jobs/"}])
    assert "s3://bucket/jobs/7f3a/checkpoint.carbonsched" == where(cluster)
    assert "s3://bucket/jobs/7f3a/checkpoint.carbonsched" == where(cluster, saving("/scratch/ck"))
    assert "~/.carbonsched/copied/cs-7f3a-s1-a2/checkpoint" == checkpoint_dir(
        "7f3a", saving(), cluster, "cs-7f3a-s1-a2"
    )
    assert "/scratch/ck/cs-7f3a-s1-a2/checkpoint" == checkpoint_dir(
        "7f3a", saving("/scratch/ck"), cluster, "cs-7f3a-s1-a2"
    )


@pytest.fixture(params=["folder", "file", "memory", "s3"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place of each kind; memory stands for what has no server here, such as gs."""
    if request.param == "s3":
        s3: S3 = request.getfixturevalue("s3")
        return place(s3.uri)
    names = {"folder": str(tmp_path), "file": f"file://{tmp_path}", "memory": f"memory://{tmp_path}"}
    return place(names[request.param])


def test_every_kind_of_place_keeps_files_alike(there: Place, tmp_path: Path) -> None:
    """Small ones whole, large ones by a local file, listed with when they were written, removed with their folder."""
    assert (None, {}, []) == (there.read("a.json"), there.written(), there.folders())
    there.write("a.json", b"1")
    there.write("a.json", b"22")
    (tmp_path / "local").write_bytes(b"333")
    there.put(tmp_path / "local", "deep/er/b")
    there.get("deep/er/b", tmp_path / "back")
    assert (b"22", b"333", b"333") == (there.read("a.json"), there.read("deep/er/b"), (tmp_path / "back").read_bytes())
    assert {"a.json"} == {name for name in there.written() if name not in ("local", "back")}
    assert 1.6e9 < there.written()["a.json"] < 4e9
    assert ["b"] == [*there.written("deep/er")]
    assert ["deep"] == there.folders()
    with pytest.raises(FileNotFoundError):
        there.get("deep/none", tmp_path / "none")
    there.remove("deep")
    there.remove("a.json")
    there.remove("a.json")
    assert ([], None) == (there.folders(), there.read("a.json"))


def test_what_a_bucket_was_asked_is_counted(s3: S3, tmp_path: Path) -> None:
    """Bytes both ways; a large file is several requests."""
    bucket = Bucket(s3.uri)
    bucket.write("a", b"12345")
    bucket.read("a")
    bucket.read("b")
    assert (5, 1, 5, 2) == (bucket.written_bytes, bucket.written_requests, bucket.read_bytes, bucket.read_requests)
    (tmp_path / "large").write_bytes(bytes(51 * 2**20))
    bucket.put(tmp_path / "large", "large")
    assert (51 * 2**20 + 5, 1 + 4) == (bucket.written_bytes, bucket.written_requests)


def test_evidence_is_read_from_a_storage_behind_a_uri(s3: S3) -> None:
    """As the agent wrote it there."""
    place(f"{s3.uri}/7f3a/checkpoint.carbonsched").write("carbonsched-cs-7f3a-s1-a1.outcome.json", b"{}")
    found = storage_of("7f3a", saving(), on([{"name": "far", "uri": s3.uri}]))
    assert found is not None
    assert b"{}" == found.read("carbonsched-cs-7f3a-s1-a1.outcome.json")
    assert None is found.read("carbonsched-cs-7f3a-s2-a1.outcome.json")
    assert (True, True, False) == (found.raise_fence(3), found.raise_fence(4), found.raise_fence(3))


@pytest.mark.parametrize("state", ["held", "released"])
def test_a_raised_fence_stops_lower_attempts_and_none_of_its_own_number(tmp_path: Path, state: str) -> None:
    """The next attempt may well get that number; what it wrote there stays."""
    storage = JobStorage(name="nfs", where=str(tmp_path))
    lower, same = (Fence(Folder(tmp_path), number, 1.0) for number in (5, 6))
    assert lower.renew()
    assert storage.raise_fence(6)
    assert not lower.renew()
    lower.release()
    assert same.renew()
    assert not same.blocked()
    if state == "released":
        same.release()
    assert storage.raise_fence(6)
    assert state == json.loads((tmp_path / "carbonsched-fence.6").read_text())["state"]


@given(numbers=st.lists(st.integers(1, 9), max_size=8))
def test_a_fence_is_only_ever_raised(numbers: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever asks in whatever order, the highest number stands."""
    folder = tmp_path_factory.mktemp("fence")
    storage, highest = JobStorage(name="nfs", where=str(folder)), 0
    for number in numbers:
        assert (number >= highest) == storage.raise_fence(number)
        highest = max(highest, number)
        assert [above > highest - 1 for above in (highest - 1, highest)] == [
            Fence(Folder(folder), above, 1.0).renew() for above in (highest - 1, highest)
        ]


def test_a_storage_that_does_not_answer_is_named(s3: S3) -> None:
    """It says nothing of what lies there; the hint says what may be missing."""
    found = storage_of("7f3a", saving(), on([{"name": "far", "uri": s3.uri}]))
    assert found is not None
    s3.wire.set_cut(cut=True)
    with pytest.raises(StorageUnreachable, match="the storage 'far' does not answer: s3://") as caught:
        found.raise_fence(3)
    assert "pip install 'carbonsched[s3]'" in caught.value.hint


def test_a_uri_that_nothing_reaches_is_named() -> None:
    """Whatever it may be."""
    found = storage_of("7f3a", saving(), on([{"name": "far", "uri": "nowhere://bucket"}]))
    assert found is not None
    with pytest.raises(StorageUnreachable, match="fsspec knows no nowhere://"):
        found.read("x")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    found = storage_of("7f3a", saving(), on([{"name": "far", "uri": "gs://bucket"}]))
    assert found is not None
    with pytest.raises(StorageUnreachable, match="needs the Python package fsspec and gcsfs") as caught:
        found.read("x")
    assert "pip install 'carbonsched[gs]'" in caught.value.hint


def test_only_clusters_that_save_on_a_storage_of_one_name_share_checkpoints() -> None:
    """By URI as by path; one that is mounted but not saved on shares nothing."""
    far, mounted = {"name": "far", "uri": "s3://bucket"}, {"name": "nfs", "path": "/nfs"}
    assert share_storage(on([far]), on([far], "paris"))
    assert share_storage(on([mounted, far]), on([mounted], "paris"))
    assert not share_storage(on([far, mounted]), on([mounted], "paris"))
    assert not share_storage(on([{**far, "name": "other"}]), on([far], "paris"))
    assert not share_storage(on([]), on([], "paris"))
    assert share_storage(on([]), on([]))


@pytest.mark.parametrize(
    ("uri", "says"),
    [("/mnt/far", "is no URI"), ("s3:bucket", "is no URI"), ("s3://a b", "is no URI"), ("S3://bucket", "is no URI"),
     ("sftp://me:hush@host/x", "its uri names an account"), ("sftp://me@host", "its uri names an account")],
)  # fmt: skip
def test_a_uri_that_cannot_be_meant_is_refused(uri: str, says: str) -> None:
    """Least of all one with a password: it would stand in logs."""
    with pytest.raises(InvalidInput, match=says) as caught:
        make_cluster(storage=[{"name": "far", "uri": uri}])
    assert "hush" not in caught.value.message


@pytest.mark.parametrize("uri", ["s3://bucket", "gs://bucket/jobs/", "file:///mnt/far", "memory://x"])
def test_a_uri_of_any_scheme_is_taken(uri: str) -> None:
    """What reaches it is looked for when it is asked."""
    assert uri == make_cluster(storage=[{"name": "far", "uri": uri}]).storage[0].uri
