"""Take the pictures of the guide anew: ``python tests/guide/make_pictures.py [NAME ...]``.

Each is taken from the real window, off the screen, on made-up heads.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PICTURES = ROOT / "docs" / "guide" / "pictures"


def main(names: list[str]) -> int:
    """Take all pictures, or those named; return the exit status."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.path[:0] = [str(ROOT), str(HERE), str(HERE.parent / "gui")]
    from keys_page import keys_page
    from scenes import LEARNT, SCENES, STROKE
    from stage import Stage, make_learnt, make_project, make_stroke, packed

    from core.io import atomic

    unknown = [name for name in names if name not in SCENES]
    if unknown:
        sys.stderr.write(f"no such picture: {', '.join(unknown)}; there are: {', '.join(SCENES)}\n")
        return 2
    out = Path(os.environ.get("GUIDE_PICTURES", PICTURES))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MENINX_HOME"] = str(Path(folder) / "home")
        # those that need a training last
        wanted = sorted(names or SCENES, key=lambda name: name in LEARNT | STROKE)
        plain = make_project(Path(folder) / "plain.meninx")
        learnt: Path | None = None
        stroke: Path | None = None
        if not names:
            atomic.write_bytes(out.parent / "keys.md", keys_page().encode("utf-8"))
        for number, name in enumerate(wanted):
            os.environ["MENINX_HOME"] = str(Path(folder) / f"home{number}")
            place = Path(folder) / str(number)
            place.mkdir()
            if name in LEARNT and learnt is None:
                learnt = make_learnt(Path(folder) / "learnt.meninx")
            if name in STROKE and stroke is None:
                stroke = make_stroke(Path(folder) / "stroke.meninx")
            template = learnt if name in LEARNT else stroke if name in STROKE else plain
            stage = Stage(template or plain, place)
            content = packed(SCENES[name](stage))
            stage.close()
            atomic.write_bytes(out / f"{name}.png", content)
            sys.stdout.write(f"{name:<16} {len(content) / 1000:6.1f} kB\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
