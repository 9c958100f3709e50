"""What is written down with a job so that its intensities are found again: sources by zone, options and basis.

Two forms: one source that answers for every zone, as a table of the user's own, with its options beside it; or the
chains of the settings, with options named ``source.option``. Where a provider is reached is no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from intensity_sources.chains import DEFAULT, Chains, parse_chains
from scheduler.domain.basis import DEFAULT_BASIS, Basis, parse_basis

NOT_KEPT: Final = frozenset({"base_url"})
"""Options that say where a provider is reached, and not what it says: those in force count, not the old ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where a job's intensities come from.

    Args:
        chains: the sources of each zone.
        options: by source.
        basis: what the numbers mean.
    """

    chains: Chains
    options: Mapping[str, Mapping[str, str]]
    basis: Basis = DEFAULT_BASIS

    @property
    def names(self) -> tuple[str, ...]:
        """Every source that is named."""
        return self.chains.names()

    @property
    def alone(self) -> bool:
        """Whether one source answers for every zone."""
        return set(self.chains.by_zone) == {DEFAULT} and len(self.names) == 1

    def text(self) -> dict[str, str]:
        """As it is written down."""
        basis = {} if self.basis == DEFAULT_BASIS else {"basis": str(self.basis)}
        if self.alone and "basis" not in self._kept(self.names[0]):
            return {"source": self.names[0], **self._kept(self.names[0]), **basis}
        kept = {f"{name}.{option}": text for name in self.names for option, text in self._kept(name).items()}
        return {"sources": str(self.chains), **kept, **basis}

    def _kept(self, name: str) -> dict[str, str]:
        """The options of a source that are written down."""
        return {option: text for option, text in self.options.get(name, {}).items() if option not in NOT_KEPT}


def one_source(name: str, options: Mapping[str, str], basis: Basis = DEFAULT_BASIS) -> Reference:
    """One source for every zone."""
    return Reference(chains=Chains(by_zone={DEFAULT: (name,)}), options={name: options}, basis=basis)


def parse_reference(text: Mapping[str, str]) -> Reference:
    """What was written down with a job."""
    basis = parse_basis(text["basis"]) if "basis" in text else DEFAULT_BASIS
    if "source" in text:
        options = {name: value for name, value in text.items() if name not in ("source", "basis")}
        return one_source(text["source"], options, basis)
    options_by_source: dict[str, dict[str, str]] = {}
    for key, value in text.items():
        source, dot, option = key.rpartition(".")
        if dot:
            options_by_source.setdefault(source, {})[option] = value
    return Reference(chains=parse_chains(text["sources"]), options=options_by_source, basis=basis)
