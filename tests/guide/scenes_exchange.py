"""The picture of the guide's page of other tools: what an export of Label Studio holds."""

from __future__ import annotations

import json
import os
from pathlib import Path

from PySide6.QtGui import QPixmap
from scene import scene
from stage import Stage, make_project

from core.exchange.exporting import export_job


@scene("foreign")
def foreign(stage: Stage) -> QPixmap:
    """An export of Label Studio is looked at; one of its pictures lies elsewhere."""
    folder = Path(os.environ["MENINX_HOME"]).parent / "from-label-studio"
    list(export_job(make_project(folder.with_name("other.meninx")), "label-studio", folder, images=True))
    tasks = json.loads((folder / "label_studio.json").read_text("utf-8"))
    tasks[0]["data"] = {"image": "https://pictures.example.org/upload/1/head_01.png"}
    (folder / "label_studio.json").write_text(json.dumps(tasks), "utf-8")
    stage.open()
    asking = stage.window.commands.foreign
    asking.look(folder)
    dialog = asking.dialog
    assert dialog is not None
    stage.until(lambda: dialog.plan is not None)
    stage.settle(0.5)
    picture = dialog.grab()
    dialog.reject()
    return picture
