"""The example of each kind of launch in the document for training scripts."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "training_scripts.md"


def example(kind: str) -> str:
    """The training script that stands under the heading of a kind."""
    section = re.split(r"^##+ ", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(f"{kind}\n"))
    found = re.search(r"^```python\n(# train\.py.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert found is not None, f"no script under {kind}"
    return found[1]
