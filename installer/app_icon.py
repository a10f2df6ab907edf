"""The program's icon as files: ``app_icon.py FOLDER`` writes meninx.ico, meninx.icns and meninx-SIZE.png."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from PIL import Image

SOURCE = Path(__file__).resolve().parents[1] / "resources" / "icons" / "meninx.svg"
SIZES = (16, 24, 32, 48, 64, 128, 256)
LARGEST = 1024


def drawn(size: int) -> Image.Image:
    """Draw the icon, ``size`` pixels wide, RGBA."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QBuffer, QByteArray, QRectF, Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    renderer = QSvgRenderer(QByteArray(SOURCE.read_bytes()))
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload] # the stubs want bytes, Qt a word
    return Image.open(io.BytesIO(buffer.data().data())).convert("RGBA")


def write_ico(target: Path) -> None:
    """Write the icon for Windows, every size drawn by itself."""
    pictures = [drawn(size) for size in SIZES]
    sizes = [(size, size) for size in SIZES]
    # as bitmaps: what reads icons within executables does not know small ones packed as PNG everywhere
    pictures[-1].save(target, "ICO", sizes=sizes, append_images=pictures[:-1], bitmap_format="bmp")


def write_icns(target: Path) -> None:
    """Write the icon for macOS, every size drawn by itself."""
    sizes = (32, 64, 128, 256, 512)
    drawn(LARGEST).save(target, "ICNS", append_images=[drawn(size) for size in sizes])


def write_png(target: Path, size: int) -> None:
    """Write the icon for desktops of Linux."""
    drawn(size).save(target, "PNG")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_ico(folder / "meninx.ico")
    write_icns(folder / "meninx.icns")
    for side in (48, 64, 128, 256, 512):
        write_png(folder / f"meninx-{side}.png", side)
