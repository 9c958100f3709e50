"""Job and cluster files from disk: what they say, what is put over them, and every way they can be wrong."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from cli.files import MAX_BYTES, load_clusters, load_job, overridden, read_text
from scheduler.domain.errors import InvalidInput

JOB = "version: 1\nname: train\nentrypoint: python train.py\ngpus: 8\nduration: 4h\n"
CLUSTER = """
zone: {zone}
gpus: 16
source: a test
gpu: {{model: A100, tdp_w: 400, idle_w: 63, embodied_kg: 150}}
node: {{gpus: 8, host_w: 1600, idle_w: 1000, embodied_kg: 2500}}
"""


def cluster_text(name: str, zone: str = "FR") -> str:
    """A cluster file."""
    return f"name: {name}{CLUSTER.format(zone=zone)}"


def written(path: Path, text: str | bytes) -> Path:
    """A file with that content."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problem(path: Path) -> InvalidInput:
    """What is wrong with reading a file."""
    with pytest.raises(InvalidInput) as caught:
        read_text(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value


def test_text_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Editors of Windows put one; it is no part of the text."""
    assert "name: a" == read_text(written(tmp_path / "a.yaml", b"\xef\xbb\xbfname: a"))


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    """A misspelt name is found beside what is there."""
    written(tmp_path / "job.yaml", JOB)
    found = problem(tmp_path / "jbo.yaml")
    assert "there is no file" in found.message
    assert f"in {tmp_path} there are: job.yaml" == found.hint
    assert f"there is no YAML file in {tmp_path / 'empty'}" == _in_empty(tmp_path).hint
    assert f"there is no folder {tmp_path / 'nowhere'} either" == problem(tmp_path / "nowhere" / "a.yaml").hint


def _in_empty(tmp_path: Path) -> InvalidInput:
    """What is wrong with a file of an empty folder."""
    (tmp_path / "empty").mkdir()
    return problem(tmp_path / "empty" / "a.yaml")


def test_what_is_no_readable_text_is_refused(tmp_path: Path) -> None:
    """A folder, bytes, and a file that is far too large, each by name."""
    assert "is a folder" in problem(tmp_path).message
    assert "is not UTF-8 text: byte 5" in problem(written(tmp_path / "latin", b"name:\xe9")).message
    assert "is larger than 1 MiB" in problem(written(tmp_path / "large", b"a" * (MAX_BYTES + 1))).message
    assert MAX_BYTES == len(read_text(written(tmp_path / "just", b"a" * MAX_BYTES)))
    assert "cannot be read: Not a directory" in problem(written(tmp_path / "f", "x") / "a.yaml").message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """Permissions are named as the cause."""
    path = written(tmp_path / "job.yaml", JOB)
    path.chmod(0)
    assert "may not be read" in problem(path).message


def test_values_put_over_a_job(tmp_path: Path) -> None:
    """Numbers, durations, lists, inner keys, texts with anything in them, and a key that goes."""
    path = written(tmp_path / "job.yaml", JOB + "project: old\ninterruptible: true\n")
    job = load_job(
        path,
        [
            "gpus=4",
            "duration = 90m",
            "allowed=[a, b]",
            "interruptible.restart=10m",
            "entrypoint=python train.py --lr: 3 # fast",
            "env.ANSWER='42'",
            "data.countries=[NO]",
            "project=",
            "exclusive=true",
            "group=a=b",
        ],
    )
    assert (4, timedelta(minutes=90), ("a", "b")) == (job.gpus, job.duration, job.allowed)
    assert job.interruptible is not None
    assert timedelta(minutes=10) == job.interruptible.restart
    assert "python train.py --lr: 3 # fast" == job.entrypoint
    assert ({"ANSWER": "42"}, ("NO",), "", True) == (job.env, job.data.countries, job.project, job.exclusive)
    assert "a=b" == job.group


def test_the_file_itself_stays_as_it_was() -> None:
    """The mapping handed in is not changed."""
    data: dict[str, object] = {"data": {"size_gb": 1}}
    assert {"data": {"size_gb": 5}} == overridden(data, ["data.size_gb=5"])
    assert {"data": {"size_gb": 1}} == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpus", "--set 'gpus' is not key=value"),
        ("=4", "is not key=value"),
        ("data..at=x", "is not key=value"),
        ("gpuz=4", "unknown key 'gpuz'"),
        ("gpus.more=4", "gpus is 8, not a mapping"),
        ("gpus=many", "gpus: 'many'"),
        ("duration=3", "3 has no unit"),
        ("data.sise_gb=3", "unknown key 'data.sise_gb'"),
        ("allowed=[a", "--set 'allowed=[a'"),
        ("name=---", "name: '---'"),
    ],
)
def test_values_that_cannot_be_meant(tmp_path: Path, text: str, message: str) -> None:
    """Each names the text or the key."""
    path = written(tmp_path / "job.yaml", JOB)
    with pytest.raises(InvalidInput) as caught:
        load_job(path, [text])
    assert message in caught.value.message


def test_a_folder_of_clusters_in_order_of_name(tmp_path: Path) -> None:
    """Every YAML file right inside it; hidden files, other files and folders are left alone."""
    written(tmp_path / "b.yaml", cluster_text("beta"))
    written(tmp_path / "a.yml", cluster_text("alpha"))
    written(tmp_path / ".c.yaml", "nonsense")
    written(tmp_path / "README.md", "nonsense")
    (tmp_path / "manifests").mkdir()
    written(tmp_path / "manifests" / "d.yaml", "nonsense")
    assert ["alpha", "beta"] == [cluster.name for cluster in load_clusters(tmp_path)]


def test_a_file_of_one_or_several_clusters(tmp_path: Path) -> None:
    """A single mapping, or a list under clusters."""
    one = written(tmp_path / "one.yaml", cluster_text("alpha"))
    assert ["alpha"] == [cluster.name for cluster in load_clusters(one)]
    inner = [f"- {cluster_text(name).strip().replace(chr(10), chr(10) + '  ')}" for name in ("alpha", "beta")]
    several = written(tmp_path / "several.yaml", "version: 1\nclusters:\n" + "\n".join(inner))
    assert ["alpha", "beta"] == [cluster.name for cluster in load_clusters(several)]


def test_a_name_given_twice_is_refused_with_both_files(tmp_path: Path) -> None:
    """Two clusters of one name could never be told apart."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    written(first, cluster_text("alpha"))
    written(second, cluster_text("alpha", "DE"))
    with pytest.raises(InvalidInput, match=f"'alpha' is in {first} and {second}"):
        load_clusters(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clusters: []", "clusters is not a list of clusters"),
        ("clusters: alpha", "clusters is not a list of clusters"),
        ("clusters: [alpha]", "cluster 1 is not a mapping"),
        ("clusters: [{name: a}]", "cluster 1: the key 'zone' is missing"),
        ("clusters: [{name: a}]\nclustres: []", "unknown key 'clustres' beside clusters"),
        ("- alpha", "holds no mapping"),
        ("", "holds no mapping"),
    ],
)
def test_a_cluster_file_that_cannot_be_meant(tmp_path: Path, text: str, message: str) -> None:
    """Each names the file and what is wrong in it."""
    path = written(tmp_path / "c.yaml", text)
    with pytest.raises(InvalidInput) as caught:
        load_clusters(path)
    assert f"{path}" in caught.value.message
    assert message in caught.value.message


def test_no_cluster_at_all_is_refused(tmp_path: Path) -> None:
    """An empty folder, or a path that is not there."""
    with pytest.raises(InvalidInput, match="holds no cluster file"):
        load_clusters(tmp_path)
    with pytest.raises(InvalidInput, match="there is no file"):
        load_clusters(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="cannot be read: File name too long"):
        load_clusters(Path("a" * 5000))
