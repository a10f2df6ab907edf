"""What a Mac is told of the program: Info.plist, filled in with the version of the one place."""

from __future__ import annotations

import plistlib
import re
import runpy
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
IDENTIFIER = "org.meninx.Meninx"


def info_plist(version: str = "") -> dict[str, Any]:
    """Return the facts of the bundle.

    Parameters
    ----------
    version
        That of the program if empty.

    Raises
    ------
    ValueError
        If the version does not begin with three numbers: Apple takes no other.
    """
    version = version or str(runpy.run_path(str(ROOT / "core" / "version.py"))["VERSION"])
    numbers = re.match(r"\d+\.\d+\.\d+", version)
    if numbers is None:
        raise ValueError(f"a version has three numbers, not {version!r}")
    words = (HERE / "Info.plist.in").read_text(encoding="utf-8")
    facts: dict[str, Any] = plistlib.loads(
        words.replace("@VERSION@", version).replace("@NUMBERS@", numbers.group()).encode("utf-8")
    )
    return facts
