"""What the program is made of, and under which licences: of an installed copy in full, of a checkout by name."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

FILE = "THIRD-PARTY-LICENCES.txt"


def file() -> Path | None:
    """Return the text that came with an installed copy; None in a checkout."""
    program = Path(sys.executable).resolve().parent
    # a bundle of macOS may hold papers in Resources only; a Debian package has them where Debian wants them
    places = (program, program.parent / "Resources", Path("/usr/share/doc/meninx"))
    names = [place / FILE for place in places] + [places[-1] / "copyright"]
    if not getattr(sys, "frozen", False):
        return None
    return next((name for name in names if name.is_file()), None)


def licences() -> str:
    """Return the whole text of an installed copy; in a checkout one line for each package of its environment."""
    found = file()
    if found is not None:
        return found.read_text(encoding="utf-8", errors="replace")
    lines = {_line(distribution) for distribution in metadata.distributions()}
    return "\n".join(sorted(lines, key=str.casefold)) + "\n"


def _line(distribution: metadata.Distribution) -> str:
    facts = distribution.metadata
    told = [*(facts.get_all("License-Expression") or []), *(facts.get_all("License") or [])]
    words = next((one.strip().split("\n")[0] for one in told if one.strip()), "")
    if not words:
        kinds = [one for one in facts.get_all("Classifier") or [] if one.startswith("License")]
        words = ", ".join(one.split("::")[-1].strip() for one in kinds)
    return f"{facts['Name']} {distribution.version}  {' '.join(words.split())[:90]}".rstrip()
