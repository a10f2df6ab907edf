"""The window: PySide6 and pyqtgraph over core; no torch."""
