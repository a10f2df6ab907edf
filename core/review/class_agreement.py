"""How well readers agree on classes: the values that two of them gave the same scans and slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from core.messages import numeral, text
from core.project.project import Project
from core.team.assignments import blind_scans
from core.team.readers import kind_of


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """Two readers and one class.

    Parameters
    ----------
    name
        Of the class.
    first, second
        Readers, by name.
    whole
        Whether values of whole scans are compared, not of slices.
    count, alike
        How many scans or slices both gave a value, and on how many it was the same one.
    kappa
        Cohen's kappa over all the values; None where both gave the same one value throughout.
    """

    name: str
    first: str
    second: str
    whole: bool
    count: int
    alike: int
    kappa: float | None

    def facts(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def kappa_of_values(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Return Cohen's kappa of two lists of values in one order; None where both are one value throughout."""
    total = len(first)
    if not total:
        return None
    alike = sum(one == other for one, other in zip(first, second, strict=True))
    here, there = Counter(first), Counter(second)
    by_chance = sum(here[value] * there[value] for value in here)
    # whole numbers until the end: agreement that is all chance has no kappa
    rest = total * total - by_chance
    return None if rest == 0 else (total * alike - by_chance) / rest


def class_agreements(project: Project, readers: Sequence[str] = ()) -> list[ClassAgreement]:
    """Compare every two readers on every class, whole scans and slices apart.

    Scans that somebody still reads blind are left out.

    Parameters
    ----------
    readers
        Names; empty compares all persons.
    """
    blind = blind_scans(project)
    said: dict[tuple[str, bool], dict[str, dict[tuple[str, int | None], str]]] = {}
    for one in project.classes.all():
        wanted = one.reader in readers if readers else kind_of(one.reader) == "reading"
        if wanted and one.scan not in blind:
            of_class = said.setdefault((one.name, one.slice is None), {})
            of_class.setdefault(one.reader, {})[one.scan, one.slice] = one.value
    found = []
    for (name, whole), by_reader in sorted(said.items()):
        for first, second in combinations(sorted(by_reader), 2):
            here, there = by_reader[first], by_reader[second]
            both = sorted(here.keys() & there.keys(), key=str)
            if both:
                values = [here[place] for place in both], [there[place] for place in both]
                alike = sum(here[place] == there[place] for place in both)
                kappa = kappa_of_values(*values)
                found.append(ClassAgreement(name, first, second, whole, len(both), alike, kappa))
    return found


def class_words(found: ClassAgreement) -> str:
    """Word one of them as a line."""
    facts = {name: getattr(found, name) for name in ("name", "first", "second", "count", "alike")}
    kappa = "-" if found.kappa is None else numeral(found.kappa, ".3f")
    return text("team.class_agreement_scans" if found.whole else "team.class_agreement_slices", kappa=kappa, **facts)
