"""What every test of a provider's requests is given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    """The only answers there are; each has to be fetched."""
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock
