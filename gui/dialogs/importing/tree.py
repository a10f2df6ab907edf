"""The tree that shows what was found."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QAbstractItemView, QFrame, QTreeView

from core.messages import text


class FoundTree(QTreeView):
    """A tree without decoration of its own: the delegate draws all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setMouseTracking(True)
        self.setExpandsOnDoubleClick(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.AnyKeyPressed)
        self.setAccessibleName(text("importing.tree"))
        self.setFrameShape(QFrame.Shape.NoFrame)

    def drawBranches(self, painter: object, rect: QRect, index: object) -> None:
        """Draw nothing: groups have a sign of their own."""
