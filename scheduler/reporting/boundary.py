"""Which stages of a model's life cycle a report counts, in part or not at all, and why.

The stages are those of Luccioni, Viguier and Ligozat, "Estimating the Carbon Footprint of BLOOM" (JMLR 24, 2023),
figure 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Counted = Literal["counted", "part", "not"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of the life cycle, how far it is counted, and why."""

    name: str
    counted: Counted
    why: str


STAGES: Final = (
    Stage(
        name="Raw materials",
        counted="part",
        why="What the makers of GPUs and servers state for them includes extraction as far as they followed it; "
        "minerals and water are not stated by themselves.",
    ),
    Stage(
        name="Hardware manufacturing",
        counted="counted",
        why="GPUs and their servers, spread over the hours that were reserved, held ones included: the line embodied.",
    ),
    Stage(
        name="Equipment manufacturing",
        counted="not",
        why="Networks, storage, cooling, power supply and buildings: no cluster file states a figure for them.",
    ),
    Stage(
        name="Model training",
        counted="counted",
        why="The electricity of every attempt, failed and repeated ones too: computing, idling, held nodes, "
        "boots, the facility's share by its PUE, and copies of data.",
    ),
    Stage(
        name="Model deployment",
        counted="not",
        why="What a model draws when it is used is not part of the job that trained it, and is stated apart.",
    ),
    Stage(
        name="End of life",
        counted="not",
        why="Recycling and disposal: the makers' figures used here end at the factory gate.",
    ),
)
"""The six stages, in their order."""

COUNTED_WORDS: Final[dict[Counted, str]] = {"counted": "counted", "part": "in part", "not": "not counted"}
