"""The people who read: the names they go by, and names that are no person's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import InputError
from core.project import audit
from core.project.project import Project
from core.project.records import utc_now

LONGEST = 60
CONSENSUS_MAJORITY = "consensus (majority)"
CONSENSUS_STAPLE = "consensus (STAPLE)"
_CONSENSUS = frozenset({CONSENSUS_MAJORITY, CONSENSUS_STAPLE})
_ADJUDICATION = " (adjudication)"
_COPY = re.compile(r" \([2-9]\d*\)$")


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads; not ``active``: is given no more work."""

    name: str
    active: bool = True


def check_name(name: str) -> str:
    """Return a person's name without blanks around it.

    Raises
    ------
    InputError
        ``reader-name`` if it is empty, too long, not printable, or means something else
        (a consensus, an adjudication, a copy that a merge kept).
    """
    name = " ".join(name.split()) if name.isprintable() else ""
    if not name or len(name) > LONGEST or kind_of(name) != "reading":
        raise InputError("reader-name", most=LONGEST)
    return name


def kind_of(reader: str) -> str:
    """Say what the annotations of a reader's name are: ``reading``, ``adjudication``, ``consensus`` or ``copy``."""
    if reader in _CONSENSUS:
        return "consensus"
    if reader.endswith(_ADJUDICATION):
        return "adjudication"
    return "copy" if _COPY.search(reader) else "reading"


def adjudication_reader(name: str) -> str:
    """Return the name under which somebody decides between readers, beside what he reads himself."""
    return name if name.endswith(_ADJUDICATION) else f"{name}{_ADJUDICATION}"


def person(reader: str) -> str:
    """Return whose an annotation is: without what says that it is an adjudication, or a copy that a merge kept."""
    return _COPY.sub("", reader).removesuffix(_ADJUDICATION)


def rank(reader: str) -> int:
    """Say how much an annotation counts where nobody is named: adjudications most, then a consensus, then readings."""
    return {"adjudication": 2, "consensus": 1}.get(kind_of(reader), 0)


def known_readers(project: Project) -> list[Reader]:
    """Return everybody who was added, was given work or drew, by name; no consensus and no adjudication."""
    rows = project.store.rows(
        "SELECT name, max(active) FROM (SELECT name, active FROM reader "
        "UNION ALL SELECT reader, NULL FROM annotation UNION ALL SELECT reader, NULL FROM assignment) "
        "GROUP BY name ORDER BY name COLLATE NOCASE"
    )
    # whoever was never added is there because he drew
    return [Reader(str(name), active is None or bool(active)) for name, active in rows if kind_of(name) == "reading"]


def add_reader(project: Project, name: str, *, by: str) -> Reader:
    """Add somebody, or let him be given work again.

    Raises
    ------
    InputError
        ``reader-name``; ``reader-alike`` if somebody's name differs in case alone.
    """
    name = check_name(name)
    for known in known_readers(project):
        if known.name != name and known.name.casefold() == name.casefold():
            raise InputError("reader-alike", name=name, known=known.name)
    _set(project, name, active=True, by=by)
    return Reader(name)


def retire_reader(project: Project, name: str, *, by: str) -> None:
    """Give somebody no more work; what he drew stays.

    Raises
    ------
    InputError
        ``reader-nobody`` if nobody has the name.
    """
    if name not in {known.name for known in known_readers(project)}:
        raise InputError("reader-nobody", name=name)
    _set(project, name, active=False, by=by)


def _set(project: Project, name: str, *, active: bool, by: str) -> None:
    with project.store.transaction() as connection:
        row = connection.execute("SELECT active FROM reader WHERE name = ?", (name,)).fetchone()
        if row is not None and bool(row[0]) == active:
            return
        connection.execute(
            "INSERT INTO reader (name, created, active) VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET active = excluded.active",
            (name, utc_now(), int(active)),
        )
        audit.append(connection, by, "reader", {"reader": name, "active": active}, touched=[("reader", name)])
