"""What the tree of the import page paints, pixel by pixel; words are hidden, fonts differ from machine to machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from test_viewer_snapshots import matches

from core.errors import InputError
from core.events import Notice
from core.io.sniff import Format
from core.io.source import Found, Preview, Source
from core.phantom import make_head
from gui import theme
from gui.dialogs.importing import delegate
from gui.dialogs.importing.looker import Known, Seen
from gui.dialogs.importing.model import ImportModel
from gui.dialogs.importing.tree import FoundTree

__all__ = ["matches"]


def test_the_tree_of_what_was_found(
    qtbot: QtBot,
    qapp: QApplication,
    monkeypatch: pytest.MonkeyPatch,
    matches: Callable[[QWidget, str], None],
) -> None:
    theme.apply(qapp)
    monkeypatch.setattr(delegate, "_words", lambda *_facts: 0)
    gap = Notice("slices-missing", {"name": "a", "count": 1, "slices": "3"})
    one = Source(Format.NIFTI, (Path("/cd/a.nii"),), "a", "A", notices=(gap,))
    found = Found((one, *(replace(one, files=(Path(f"/cd/{name}.nii"),), notices=()) for name in "bc")))
    model = ImportModel()
    model.set_found(found, Known())
    volume = make_head(0, shape=(3, 96, 96)).volume
    picture = np.clip(np.asarray(volume.array)[1] / np.asarray(volume.array).max() * 255, 0, 255).astype(np.uint8)
    preview = Preview(volume, volume.shape, "<i2", picture)
    model.take_seen(Seen(model.rows[0].source.key, None, "", preview))
    model.take_seen(Seen(model.rows[1].source.key, None, "", preview))
    model.take_seen(Seen(model.rows[2].source.key, None, "", error=InputError("file-truncated", file="c")))
    model.toggle(model.index_of(model.rows[1]))
    tree = FoundTree()
    qtbot.addWidget(tree)
    tree.setModel(model)
    tree.setItemDelegate(delegate.FoundDelegate(tree))
    theme.dress(tree)
    tree.expandAll()
    tree.setCurrentIndex(model.index_of(model.rows[0]))
    tree.resize(420, 290)
    tree.show()
    matches(tree, "import-tree")
