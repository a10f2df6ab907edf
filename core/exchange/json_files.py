"""JSON of other programs, and of our own manifest, within bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.exchange.incoming import Limits
from core.io.files import read_bytes


def load_json(path: Path, limits: Limits) -> Any:
    """Return the content of a JSON file of bounded length and depth.

    Raises
    ------
    InputError
        ``exchange-unreadable``, ``file-too-large``.
    """
    data = read_bytes(path, limits.text)
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError("exchange-unreadable", file=path.name) from error
