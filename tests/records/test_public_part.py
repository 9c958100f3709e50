"""What may be read by all of a line: nothing that bears a mark, whatever field it stands in; together they are all."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scheduler.records.bundle_lines import event_line, job_line, plan_line, record_from, segment_line
from scheduler.records.public_part import (
    UNREADABLE,
    Blinder,
    blind,
    halves,
    joined_halves,
    public_outcome,
    public_sample,
)
from scheduler.records.rows import EventRow
from tests.records.agent_files import OUTCOME, SAMPLE
from tests.records.cases import T0, document, make_cluster, make_job, make_plan, make_row, make_segment

SPOT = "m4rked"
BLINDER = Blinder(b"k" * 32)
MARKED = st.text(max_size=20).map(lambda text: f"{SPOT}{text}{SPOT}")
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | MARKED
VALUES = st.recursive(SCALARS, lambda more: st.lists(more, max_size=3) | st.dictionaries(MARKED, more, max_size=3))


@given(command=MARKED.filter(lambda text: "\0" not in text), owner=MARKED, folder=MARKED, at=MARKED, key=MARKED)
def test_a_job_shows_no_command_folder_owner_source_or_reason(
    command: str, owner: str, folder: str, at: str, key: str
) -> None:
    """Its figures and labels remain, and make a job again."""
    job = make_job(
        entrypoint=[command], owner=owner, working_dir=folder, checkpoint={"dir": folder, "gb": 3},
        data={"size_gb": 5, "at": f"/{at}"}, secrets=[key], excludes=[folder],
    )  # fmt: skip
    row = replace(make_row(job), key=key, package=key, reason=at, intensity={"source": "csv-file", "path": folder})
    line = job_line(row)
    public, private = halves(line, BLINDER)
    assert SPOT not in json.dumps(public)
    assert line == joined_halves(public, private)
    plan, _ = halves(plan_line(make_plan([make_cluster()], [("france", 0, 1)])), BLINDER)
    shown = record_from([public, plan]).job.job
    assert (8, 3.0, 5.0, None) == (shown.gpus, shown.checkpoint.gb, shown.data.size_gb, shown.data.at)


@given(st.dictionaries(MARKED, VALUES, max_size=4), st.dictionaries(MARKED, VALUES, max_size=4))
def test_a_plan_shows_nothing_that_is_not_listed(words: dict[str, object], cluster: dict[str, object]) -> None:
    """Not of itself, and not of its clusters; what a later version adds is private."""
    said = document([make_cluster()], [("france", 0, 1)]) | words
    said["clusters"] = {"france": {**make_cluster().model_dump(mode="json"), **cluster}}
    line = plan_line(replace(make_plan([], []), document=said))
    public, private = halves(line, BLINDER)
    assert SPOT not in json.dumps(public)
    assert line == joined_halves(public, private)


@given(node=MARKED, session=MARKED, text=MARKED)
def test_a_segment_and_an_event_show_no_node_and_no_words(node: str, session: str, text: str) -> None:
    """A node becomes a pseudonym, the same each time."""
    line = segment_line(make_segment(node_id=node, session=session), 1)
    public, private = halves(line, BLINDER)
    assert SPOT not in json.dumps(public)
    assert public["node_id"] == BLINDER.pseudonym("node", node)
    assert line == joined_halves(public, private)
    told = event_line("j1", EventRow(at=T0, kind=f"failed notified:{text}", text=text))
    shown, hidden = halves(told, BLINDER)
    assert SPOT not in json.dumps(shown)
    assert told == joined_halves(shown, hidden)


@given(st.dictionaries(MARKED, VALUES, max_size=4), st.dictionaries(MARKED, VALUES, max_size=3), MARKED)
def test_evidence_shows_only_what_is_read_of_it(more: dict[str, object], gpu: dict[str, object], node: str) -> None:
    """A reading with its GPUs, an outcome without its error."""
    metered = {"node": node, "uuid": "GPU-1", "j": 5.0, **gpu}
    sample = json.dumps({**SAMPLE, **more, "gpus": [metered]})
    assert SPOT not in public_sample(sample, BLINDER)
    assert {**SAMPLE, "gpus": [{"node": BLINDER.pseudonym("node", node), "uuid": "GPU-1", "j": 5.0}]} == json.loads(
        public_sample(sample, BLINDER)
    )
    outcome = public_outcome(json.dumps({**OUTCOME, **more, "error": node, "storage": {"read_bytes": 1, **gpu}}))
    assert SPOT not in outcome
    assert {**OUTCOME, "storage": {"read_bytes": 1}} == json.loads(outcome)


@given(MARKED)
def test_what_no_agent_writes_reads_as_unreadable(text: str) -> None:
    """It may hold anything."""
    for raw in (text, f'"{SPOT}"', "[1]", '{"v":1,"t_unix":NaN}', '{"gpus":{}}', '{"gpus":[1]}'):
        assert UNREADABLE == public_sample(raw, BLINDER)
    assert UNREADABLE == public_outcome(text)


def test_nobody_without_the_secret_can_try_what_was_blinded() -> None:
    """Another secret or job, another hash; the same, the same."""
    said = {"entrypoint": "python train.py"}
    one = blind(BLINDER.salt("a"), said)
    assert one == blind(BLINDER.salt("a"), said)
    assert 3 == len({one, blind(BLINDER.salt("b"), said), blind(Blinder(b"l" * 32).salt("a"), said)})
    assert "" == BLINDER.pseudonym("owner", "")
    assert BLINDER.pseudonym("owner", "me") != BLINDER.pseudonym("node", "me")
