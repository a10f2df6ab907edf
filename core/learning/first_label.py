"""Which label is meant where nobody has chosen one: one that has finished slices."""

from __future__ import annotations

from collections.abc import Iterable

from core.labels import Label
from core.project.project import Project


def first_label(project: Project, labels: Iterable[Label], scan: str = "") -> Label | None:
    """Return the first label that is drawn and has finished slices; where none has, the first of all.

    Parameters
    ----------
    project
        Read only.
    labels
        In the order they are shown.
    scan
        Id of the one scan that counts; empty for all.

    Returns
    -------
    Label or None
        None without labels. Before a label that is drawn nowhere comes one that is, on a layer that is finished.
    """
    known = list(labels)
    words = (
        "SELECT DISTINCT s.layer FROM slice_state s JOIN annotation a ON a.id = s.annotation "
        "WHERE s.finished AND (a.scan = ? OR ? = '')"
    )
    layers = {str(row[0]) for row in project.store.rows(words, scan, scan)}
    finished = [label for label in known if label.layer in layers]
    drawn = (label for label in finished if len(finished) == 1 or project.scans_with_label(label))
    return next(drawn, None) or next(iter([*finished, *known]), None)
