"""Take the pictures of the guide anew: ``python tests/guide/make_pictures.py [NAME ...]``.

Each is taken from the real window, off the screen, on made-up heads. ``loop`` is the animated picture of the README.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PICTURES = ROOT / "docs" / "guide" / "pictures"
FILM = "loop"
LEAST = 5_000
"""Bytes; a picture of fewer shows nothing."""


def main(names: list[str]) -> int:
    """Take all pictures, or those named; return the exit status."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # whoever takes them, wherever
    os.environ.update(LOGNAME="reader", TZ="UTC")
    sys.path[:0] = [str(ROOT), str(HERE), str(HERE.parent / "gui")]
    from film import loop
    from keys_page import keys_page
    from scenes import LEARNT, SCENES, SHARED, STROKE
    from stage import Stage, fix_clock, make_learnt, make_project, make_stroke, packed

    from core.errors import MeninxError
    from core.io import atomic

    unknown = [name for name in names if name not in SCENES and name != FILM]
    if unknown:
        sys.stderr.write(f"no such picture: {', '.join(unknown)}; there are: {', '.join([*SCENES, FILM])}\n")
        return 2
    out = Path(os.environ.get("GUIDE_PICTURES", PICTURES))
    out.mkdir(parents=True, exist_ok=True)
    # windows that were closed are swept up by Stage.close, never in a thread of another
    gc.disable()
    failed: list[str] = []
    faults: list[BaseException] = []
    sys.excepthook = lambda _kind, fault, _trace: faults.append(fault)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MENINX_HOME"] = str(Path(folder) / "home")
        makers = {"plain": make_project, "learnt": make_learnt, "stroke": make_stroke}
        made: dict[str, Path] = {}
        if not names:
            atomic.write_bytes(out.parent / "keys.md", keys_page().encode("utf-8"))
        stage, place = None, ""
        # those that need a training last, those that share a window one after the other
        order = sorted(
            names or [*SCENES, FILM], key=lambda name: (name == FILM, name in LEARNT | STROKE, SHARED.get(name, ""))
        )
        for number, name in enumerate(order):
            kind = "learnt" if name in LEARNT or name == FILM else "stroke" if name in STROKE else "plain"
            if kind not in made:
                fix_clock(19)
                made[kind] = makers[kind](Path(folder) / f"{kind}.meninx")
            wanted = SHARED.get(name, str(number))
            if stage is None or wanted != place:
                if stage is not None:
                    stage.close()
                place = wanted
                os.environ["MENINX_HOME"] = str(Path(folder) / f"home{number}")
                (Path(folder) / str(number)).mkdir()
                stage = Stage(made[kind], Path(folder) / str(number))
            faults.clear()
            try:
                content = loop(stage) if name == FILM else packed(SCENES[name](stage))
                if faults:
                    # a window in which something failed shows half of what it should
                    raise RuntimeError(f"{name}: {faults[0]!r}")
            except (MeninxError, TimeoutError, AssertionError, AttributeError, LookupError, RuntimeError):
                # the others are still wanted
                failed.append(name)
                traceback.print_exc()
                continue
            if len(content) < LEAST:
                failed.append(name)
                sys.stderr.write(f"{name} shows nothing\n")
                continue
            atomic.write_bytes(out.parents[1] / f"{name}.gif" if name == FILM else out / f"{name}.png", content)
            sys.stdout.write(f"{name:<16} {len(content) / 1000:6.1f} kB\n")
            sys.stdout.flush()
        if stage is not None:
            stage.close()
    if failed:
        sys.stderr.write(f"not taken: {', '.join(failed)}\n")
    return min(len(failed), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
