"""Every picture of the guide: the modules named here enter theirs."""

from __future__ import annotations

import scenes_edit
import scenes_exchange
import scenes_loop
import scenes_stroke
import scenes_teams
import scenes_tools
import scenes_view
from scene import LEARNT, SCENES, SHARED, STROKE

__all__ = ["LEARNT", "SCENES", "SHARED", "STROKE"]
MODULES = (scenes_edit, scenes_exchange, scenes_loop, scenes_stroke, scenes_teams, scenes_tools, scenes_view)
