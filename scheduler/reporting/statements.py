"""What may be claimed of a difference: in which words, with which figure, or why with none.

One rule for every form of a report. On an average intensity emissions are allocated, and a difference of them is
`allocated emissions reduced`; only a marginal signal says what was avoided. The two never share a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from scheduler.domain.basis import DEFAULT_BASIS, Basis, Signal
from scheduler.domain.said import Said
from scheduler.records.comparison import Comparison
from scheduler.records.difference import Difference
from scheduler.records.settlement import Status
from scheduler.reporting.job_report import JobReport

Words = Literal["allocated emissions reduced", "allocated emissions added", "emissions avoided", "emissions added"]

_WORDS: Final[dict[tuple[Signal, bool], Words]] = {
    ("average", True): "allocated emissions reduced",
    ("average", False): "allocated emissions added",
    ("marginal", True): "emissions avoided",
    ("marginal", False): "emissions added",
}
NO_EFFECT: Final = Said("no distinguishable effect")
UNMOVED: Final = Said("none: it ran as it would have")
NO_CLAIM: Final = Said("no claim: against the project's own history the sign is the other one")
PROVISIONAL: Final = Said("provisional: the intensities are not settled")
SIMULATED: Final = Said("simulated: the hardware is declared and not there")
NOT_SUMMED: Final = Said("listed and not summed: it would have come about anyway")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is said of a difference.

    Args:
        words: the verdict in the words of its column.
        told: whether its figures may be shown.
        headline_kg: the figure of a headline, under 0 for what was added; None with `no_headline` saying why. [kg]
    """

    words: str
    told: bool
    headline_kg: float | None
    no_headline: str


def claim(
    difference: Difference,
    *,
    signal: Signal,
    status: Status,
    agreed: bool,
    simulated: bool = False,
    summed: bool = True,
) -> Claim:
    """What may be said of a difference on a signal.

    Args:
        difference: of a job, or of jobs together.
        signal: of the intensities that it was made on.
        status: how firm those are.
        agreed: whether the second counterfactual does not say the opposite.
        simulated: whether the hardware is not there.
        summed: whether it is the scheduler's doing.

    Notes:
        The headline is P5, the end of the interval that claims least: the least of a reduction, the most of what
        was added.
    """
    if difference.verdict == "none: it ran as it would have":
        return Claim(words=UNMOVED, told=True, headline_kg=0.0, no_headline="")
    if not difference.told:
        return Claim(words=NO_EFFECT, told=False, headline_kg=None, no_headline=NO_EFFECT)
    if not agreed:
        return Claim(words=NO_CLAIM, told=False, headline_kg=None, no_headline=NO_CLAIM)
    words = _WORDS[signal, difference.verdict == "reduced"]
    why = NOT_SUMMED if not summed else SIMULATED if simulated else PROVISIONAL if status == "provisional" else ""
    return Claim(words=words, told=True, headline_kg=None if why else difference.p5_kg, no_headline=why)


def job_claim(job: JobReport, made: Comparison, signal: Signal) -> Claim:
    """What may be said of a comparison of a job that was made on a signal."""
    return claim(
        made.difference,
        signal=signal,
        status=job.marginal_status if made is job.marginal else job.status,
        agreed=made.agreed,
        simulated=job.simulated,
        summed=job.summed,
    )


def signal_of(basis: Basis | None) -> Signal:
    """The signal of a report or a job; that of the default where nothing ran."""
    return DEFAULT_BASIS.signal if basis is None else basis.signal
