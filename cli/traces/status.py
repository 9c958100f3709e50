"""What other systems say of how a job stands, in the three ways that a replay tells apart."""

from __future__ import annotations

from typing import Final, Literal

from scheduler.domain.errors import InvalidInput

Fate = Literal["done", "ended", "not_over"]

_DONE: Final = ("completed", "succeeded", "pass", "terminated")
"""PAI's `Terminated` is its word for done (Weng et al., MLaaS in the Wild, NSDI 2022, their trace's notes)."""
_ENDED: Final = (
    "fail", "kill", "cancel", "timeout", "time_out", "node_fail", "boot_fail", "out_of_me", "preempt", "stopped",
    "deadline", "revoked", "lost",
)  # fmt: skip
_NOT_OVER: Final = (
    "pending", "queued", "waiting", "held", "planned", "launching", "running", "suspend", "requeue", "resizing",
    "completing", "configuring", "stage_out", "signaling", "special_exit", "stopping", "cancelling",
)  # fmt: skip
"""Beginnings, in small letters, of the states of Slurm (sacct(1), JOB STATE CODES), Ray, Philly, PAI and our own."""


def fate_of(status: str) -> Fate:
    """Whether a job was done, ended by itself before it was, or is not over; one that does not say was done.

    Raises:
        InvalidInput: nobody says that of a job.
    """
    said = status.strip().lower()
    if not said or said.startswith(_DONE):
        return "done"
    if said.startswith(_NOT_OVER):
        return "not_over"
    if said.startswith(_ENDED):
        return "ended"
    raise InvalidInput(f"status is {status!r}", hint="write COMPLETED, FAILED, CANCELLED or RUNNING, or leave it blank")
