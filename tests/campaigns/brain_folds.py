"""Two folds by person: what the brain starter with real heads is worth on people it never saw.

    python tests/campaigns/brain_folds.py FOLDER --begin OTHER [--steps N]

Each fold begins with what OTHER learnt of made-up heads alone, learns real heads of half of the people beside them,
and is measured on the other half and on what nobody learns from. FOLDER keeps it; what is there is not done again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from brain_eval import RUNNERS, summary  # noqa: E402

from core.io import atomic  # noqa: E402

FOLDS: tuple[tuple[str, ...], ...] = (("Ljubljana 011+012", "jane"), ("Ljubljana 202", "headext"))
"""People whose heads are left out, and measured."""
NEVER = ("MNI152 average", "chris", "MNI152_T2_2mm", "strokeT2_t2", "CQ500", "t1_2d_slices")
"""Whom neither fold learns from: the first one's figures count."""


def _run(script: str, *arguments: str) -> None:
    subprocess.run([sys.executable, str(Path(__file__).with_name(script)), *arguments], check=True)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of both folds, nothing twice."""
    rows: dict[str, dict[str, Any]] = {}
    for number in range(len(FOLDS)):
        found = json.loads((folder / f"fold{number}-eval" / "results.json").read_text("utf-8"))["rows"]
        for row in found:
            rows.setdefault(row["name"], row)
    return list(rows.values())


def main() -> None:
    parser = argparse.ArgumentParser(description="Two folds by person, with real heads.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--begin", type=Path, required=True)
    parser.add_argument("--workers", default="0")
    given = parser.parse_args()
    atomic.make_folder(given.folder)
    for number, left_out in enumerate(FOLDS):
        fold, measured = given.folder / f"fold{number}", given.folder / f"fold{number}-eval"
        if (measured / "results.json").is_file():
            continue
        _run("brain.py", str(fold), "--begin", str(given.begin), "--workers", given.workers, "--without", *left_out)
        _run("brain.py", str(fold), "--export", str(fold / "starter"))
        _run("brain_eval.py", str(fold / "starter"), str(measured), "--unseen")
    rows = rows_of(given.folder)
    told = {"rows": rows, "summary": summary(rows)}
    atomic.write_bytes(given.folder / "results.json", (json.dumps(told, indent=1) + "\n").encode())
    for kind, groups in told["summary"].items():
        for name, group in groups.items():
            for runner in RUNNERS:
                print(kind, name, runner, json.dumps(group[runner]["covered"]))  # noqa: T201


if __name__ == "__main__":
    main()
