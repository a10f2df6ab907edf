"""Labels that the pieces of a split label became: they go when it is undone and come back when it is done again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.editing.orders import Operation
from core.editing.steps import Step, flipped
from core.errors import MeninxError
from core.labels import Label, LabelSet
from core.project.label_table import held_beside
from core.project.records import utc_now

if TYPE_CHECKING:
    from gui.session import Session

ACTION = Operation.SPLIT.value


class SplitLabels:
    """Keeps the labels of the project in step with the history of the scan shown."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def undone(self, step: Step) -> None:
        """Take away the labels of a step that was taken back, unless another mask holds them."""
        session = self._session
        project, scan = session.project, session.scan
        if project is None or scan is None or not session.can_edit:
            return
        chosen, labels = session.label, session.labels
        annotation = project.annotation(scan.id, session.reader)
        if annotation is None:
            return
        held = held_beside(project.store, step.layer, annotation.id)
        for label in _made(step, labels):
            if label.value not in held:
                # remembered, so that no other label ever gets its value: the history still holds it
                labels = labels.without(label.name, "delete", None, utc_now())
        if labels == session.labels or not self._change(labels) or chosen in session.labels.labels:
            return
        # on with the label that was split
        for label in session.labels.on_layer(step.layer):
            if label.value == step.label_value:
                session.choose_label(label.name)

    def again(self, step: Step) -> bool:
        """Bring the labels of a step back before it is done again; False if they cannot be."""
        labels = self._session.labels
        values = _values(step)
        for gone in labels.removed:
            if gone.label.layer == step.layer and gone.label.value in values:
                labels = labels.brought_back(gone)
        return labels == self._session.labels or self._change(labels)

    def _change(self, labels: LabelSet) -> bool:
        try:
            self._session.labeller.change(labels)
        except MeninxError as error:
            self._session.notifier.error(error)
            return False
        return True


def _made(step: Step, labels: LabelSet) -> list[Label]:
    values = _values(step)
    return [label for label in labels.on_layer(step.layer) if label.value in values]


def _values(step: Step) -> set[int]:
    """Return the values that the pieces got: all that changes is the label's own voxels."""
    return {value ^ step.label_value for part in step.parts for value in flipped(part)}
