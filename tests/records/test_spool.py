"""Long texts lie on disk and come back as they were."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.records.spool import SHORT, Spool, Spooled, whole


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=()), min_size=1))
def test_a_long_text_comes_back_to_the_letter(text: str, tmp_path: Path) -> None:
    """Whatever JSON may hold, half of a pair too; it is not in memory meanwhile."""
    long = text * (SHORT // len(text) + 1)
    kept = Spool(tmp_path).kept(long)
    assert isinstance(kept, Spooled)
    assert {"text": long, "n": 1} == whole({"text": kept, "n": 1})


def test_a_short_text_and_what_is_none_stay_where_they_are(tmp_path: Path) -> None:
    """A file each would cost more than it spares."""
    for value in ("x" * SHORT, "", None, 7, ["x" * (SHORT + 1)]):
        assert value is Spool(tmp_path).kept(value)
    assert [] == [*tmp_path.iterdir()]
