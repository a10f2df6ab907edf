"""What can be done with a label, as a menu."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QColor, QIcon, QPixmap
from PySide6.QtWidgets import QMenu, QWidget

from core.labels import LabelSet, RemovedLabel, layer_name
from core.messages import text
from gui.icons import icon

if TYPE_CHECKING:
    from gui.session import Session


class LabelMenu(QMenu):
    """The menu of one label; with an empty name only what concerns all of them.

    Parameters
    ----------
    session
        Whose labels.
    name
        The label.
    """

    change_asked = Signal(str)
    add_asked = Signal()
    delete_asked = Signal(str)

    def __init__(self, session: Session, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._name = name
        self._labels = session.labels
        if self._labels.find(name) is not None:
            self._one()
            self.addSeparator()
        self._all()

    def _one(self) -> None:
        session, labels, name = self._session, self._labels, self._name
        label = labels.named(name)
        free = not session.read_only
        self._add("annotate.label_change", self._ask_change, enabled=free, picture="brush")
        self._keys()
        locked = label.locked
        self._add(
            "annotate.label_unlock_short" if locked else "annotate.label_lock_short",
            functools.partial(self._store, labels.with_changed(name, locked=not locked)),
            enabled=free,
            picture="lock-open" if locked else "lock",
        )
        shown = name not in session.hidden
        self._add(
            "annotate.label_hide_short" if shown else "annotate.label_show_short",
            functools.partial(session.show_label, name, not shown),
            picture="eye-off" if shown else "eye",
        )
        self._add("annotate.label_only", self._only, enabled=len(labels) > 1)
        self.addSeparator()
        place = labels.labels.index(label)
        for words, to in (("annotate.label_up", place - 1), ("annotate.label_down", place + 1)):
            there = free and 0 <= to < len(labels)
            self._add(words, functools.partial(self._store, labels.moved(name, to)), enabled=there)
        self.addSeparator()
        self._layers(enabled=session.can_edit and not locked)
        self._others(enabled=session.can_edit and not locked)
        self._add("annotate.label_delete", self._ask_delete, enabled=session.can_edit and not locked, picture="trash")

    def _all(self) -> None:
        session = self._session
        self._add("annotate.label_add", self.add_asked.emit, enabled=not session.read_only, picture="plus")
        self._add("annotate.label_show_all", self._show_all, enabled=bool(session.hidden))
        back = self.addMenu(text("annotate.label_back"))
        back.setEnabled(session.can_edit and bool(self._labels.removed))
        for gone in reversed(self._labels.removed[-20:]):
            became = next((one.name for one in self._labels if (one.layer, one.value) == gone.to), "")
            words = text(f"annotate.label_gone_{gone.kind}", name=gone.label.name, into=became)
            action = back.addAction(_swatch(gone.label.color), words.replace("&", "&&"))
            action.triggered.connect(functools.partial(self._bring_back, gone))

    def _keys(self) -> None:
        menu = self.addMenu(text("annotate.label_key"))
        menu.setEnabled(not self._session.read_only)
        label = self._labels.named(self._name)
        for key in (*"123456789", ""):
            taken = next((one.name for one in self._labels if key and one.key == key and one is not label), "")
            words = text("annotate.label_key_taken", key=key, name=taken) if taken else key
            action = menu.addAction((words or text("annotate.label_key_none")).replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(label.key == key)
            action.triggered.connect(functools.partial(self._store, self._labels.with_key(self._name, key)))

    def _layers(self, *, enabled: bool) -> None:
        menu = self.addMenu(text("annotate.label_move"))
        menu.setEnabled(enabled)
        label = self._labels.named(self._name)
        for layer in self._labels.layers:
            if layer != label.layer:
                names = ", ".join(one.name for one in self._labels.on_layer(layer))
                action = menu.addAction(text("annotate.label_move_to", names=names).replace("&", "&&"))
                action.triggered.connect(functools.partial(self._move, layer))
        if len(self._labels.on_layer(label.layer)) > 1:
            own = menu.addAction(text("annotate.label_move_own"))
            own.triggered.connect(functools.partial(self._move, self._own_layer()))
        menu.setEnabled(enabled and not menu.isEmpty())

    def _own_layer(self) -> str:
        stem = layer_name(self._name)
        taken = {*self._labels.layers, *(gone.label.layer for gone in self._labels.removed)}
        names = (stem, *(f"{stem[:20].rstrip('-')}-{number}" for number in range(2, 300)))
        return next(name for name in names if name not in taken)

    def _others(self, *, enabled: bool) -> None:
        menu = self.addMenu(text("annotate.label_merge"))
        for label in self._labels:
            if label.name != self._name and not label.locked:
                action = menu.addAction(_swatch(label.color), label.name.replace("&", "&&"))
                action.triggered.connect(functools.partial(self._merge, label.name))
        menu.setEnabled(enabled and not menu.isEmpty())

    def _add(self, key: str, slot: Callable[[], object], *, enabled: bool = True, picture: str = "") -> QAction:
        action = self.addAction(text(key, name=self._name.replace("&", "&&")))
        if picture:
            action.setIcon(icon(picture, "muted"))
        action.setEnabled(enabled)
        action.triggered.connect(functools.partial(_call, slot))
        return action

    def _store(self, labels: LabelSet, _checked: bool = False) -> None:
        self._session.notifier.attempt(lambda: self._session.change_labels(labels))

    def _ask_change(self) -> None:
        self.change_asked.emit(self._name)

    def _ask_delete(self) -> None:
        self.delete_asked.emit(self._name)

    def _move(self, layer: str, _checked: bool = False) -> None:
        self._session.labeller.move(self._name, layer)

    def _merge(self, into: str, _checked: bool = False) -> None:
        self._session.labeller.merge(self._name, into)

    def _bring_back(self, gone: RemovedLabel, _checked: bool = False) -> None:
        self._session.labeller.bring_back(gone)

    def _only(self) -> None:
        for label in self._labels:
            self._session.show_label(label.name, label.name == self._name)

    def _show_all(self) -> None:
        for label in self._labels:
            self._session.show_label(label.name, True)


def _call(slot: Callable[[], object], _checked: bool = False) -> None:
    slot()


def _swatch(color: str) -> QIcon:
    picture = QPixmap(14, 14)
    picture.fill(QColor(color))
    return QIcon(picture)
