"""What a carbon intensity means: two intensities of different basis are never compared or added.

A basis is signal x boundary x flow x gas; what else shapes the number (factor set, GWP set, losses,
year) is kept beside it and shown, and does not by itself make two series unequal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from scheduler.domain.errors import BasisMismatch, InvalidInput

Signal = Literal["average", "marginal"]
Boundary = Literal["lifecycle", "direct"]
Flow = Literal["consumption", "production", "n/a"]
Gas = Literal["CO2e", "CO2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The meaning of a carbon intensity [gCO2e/kWh or gCO2/kWh].

    Args:
        signal: average (all generation) or marginal (the generation that answers a change in load).
        boundary: lifecycle (construction and fuel supply included) or direct (at the stack).
        flow: consumption (with imports), production (without), or n/a for a marginal signal.
        gas: CO2e or CO2 alone.
        factor_set, gwp_set, losses, year: kept beside and shown; not part of equality.
    """

    signal: Signal = "average"
    boundary: Boundary = "lifecycle"
    flow: Flow = "consumption"
    gas: Gas = "CO2e"
    factor_set: str = field(default="", compare=False)
    gwp_set: str = field(default="", compare=False)
    losses: str = field(default="", compare=False)
    year: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Refuse words outside the four closed sets."""
        for name, allowed in (("signal", Signal), ("boundary", Boundary), ("flow", Flow), ("gas", Gas)):
            if getattr(self, name) not in get_args(allowed):
                raise InvalidInput(
                    f"basis {name} {getattr(self, name)!r} is unknown", hint=f"one of {', '.join(get_args(allowed))}"
                )

    def __str__(self) -> str:
        """The four words that tell bases apart."""
        return f"{self.signal} {self.boundary} {self.flow} {self.gas}"

    @property
    def details(self) -> tuple[str, str, str, str]:
        """What is kept beside: factor set, GWP set, losses and year."""
        return (self.factor_set, self.gwp_set, self.losses, self.year)

    def require_same(self, other: Basis) -> None:
        """Raise `BasisMismatch` unless both mean the same kind of number."""
        if self != other:
            raise BasisMismatch(
                f"an intensity on basis '{self}' cannot meet one on '{other}'",
                hint="choose one basis for the whole comparison",
            )


def parse_basis(text: str) -> Basis:
    """The basis named by up to four words in order, such as ``average lifecycle consumption CO2e``.

    ``marginal`` alone is the only kind of it that anyone publishes, direct CO2.
    """
    words = text.replace("/", " ").replace("n a", "n/a").split()
    names = ("signal", "boundary", "flow", "gas")
    if not 1 <= len(words) <= len(names):
        raise InvalidInput(f"basis {text!r} is not understood", hint="write it as 'average lifecycle consumption CO2e'")
    given = dict(zip(names, words, strict=False))
    if words == ["marginal"]:
        return MARGINAL_BASIS
    if given["signal"] == "marginal" and "flow" not in given:
        given["flow"] = "n/a"
    return Basis(**given)  # type: ignore[arg-type]  # the words are checked against the closed sets on construction


DEFAULT_BASIS = Basis()
"""Average, life-cycle, consumption-based CO2e: what a footprint is stated on unless told otherwise."""
MARGINAL_BASIS = Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2")
"""Marginal CO2 at the stack: the basis of WattTime's rates and of the yearly operating margins of UNFCCC/IFI."""
