"""Make the tumour starter: train on all LGG patients and write it with its card; after tests/campaigns/lgg.py.

    python tests/campaigns/tumour.py FOLDER [--out FOLDER]

FOLDER is that campaign's: the card's figures are those of its folds, people that the network of the fold never saw.
The starter itself learns the same way from everybody but the few patients that choose its epoch, so that nobody
is left to test it: what the folds say is all that is known of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import lgg  # noqa: E402
from lgg_data import FOLDS, Sides, summary  # noqa: E402
from lgg_table import BARS  # noqa: E402

from core.learning import runs  # noqa: E402
from models.run_starter import starter_of_run  # noqa: E402

NAME = "tumour"


class Starter(lgg.Campaign):
    """The starter, in the project of the campaign."""

    def made(self, out: Path) -> float:
        """Train it, and write it; return the largest difference that 16 bits make."""
        everybody = Sides.of([name for fold in self.folds for name in fold], ())
        run = self.trained(NAME, lgg.LONG, everybody.split(self.scans))
        folds = [found for fold in range(FOLDS) if (found := self.result(f"fold{fold}-long")) is not None]
        facts = {"made_up": False, "modalities": ["MR"], "non_commercial": True, "commit": _commit()}
        facts["core_hours"] = round(run.seconds / 3600, 2)
        model = runs.read_model_facts(self.project, run.id) | facts
        return starter_of_run(self.project, run, out, NAME, card(model, folds, everybody), facts)


def card(model: Mapping[str, Any], folds: list[dict[str, Any]], sides: Sides) -> str:
    """Return the card as Markdown: no figure in it stands anywhere else."""
    rows = {name: row for fold in folds for name, row in fold["plain"].items()}
    lines = [
        "# Tumour",
        "",
        "Finds lower-grade glioma, all of what is bright on FLAIR, on axial slices of MR. It knows no other tumour, no",
        "other contrast, no healthy person and no head after an operation, and says nothing of grade or kind.",
        "**Research use only, not for diagnosis. The weights are for non-commercial use only**: they were learnt",
        "from masks that are under CC BY-NC-SA 4.0.",
        "",
        "## How it was made",
        "",
        f"- Network: {model['network']}, {model['parameters']:,} numbers kept in 16 bits; three neighbouring slices of",
        f"  {model['preparation']['size']} pixels in. It began as the brain starter.",
        f"- Learnt from {len(sides.train)} patients of the LGG set of TCGA (The Cancer Imaging Archive; Buda 2019,",
        f"  Mazurowski 2017), the FLAIR channel; {len(sides.check)} more chose the epoch. Hashes of the scans:",
        "  `learnt.json`.",
        f"- Spent: {model['epochs']} epochs, {model['core_hours']} hours on one core. Again from nothing:",
        f"  `make campaign-lgg`, then `tests/campaigns/tumour.py` (commit {model['commit'][:12]}).",
        "",
        "## People it never saw",
        "",
    ]
    if not rows:
        return "\n".join([*lines, "Not measured.", ""])
    found = summary(rows)
    dice, interval = found["dice"], found["dice"].ci95
    between = f" (95 % interval, patients drawn again: {interval[0]:.3f}-{interval[1]:.3f})" if interval else ""
    poor = sorted(rows, key=lambda name: rows[name]["dice"])[:5]
    quiet = found["quiet"].mean
    verdicts = ", ".join(
        f"{what} {BARS[what]:.2f} {'reached' if value >= BARS[what] else '**missed**'}"
        for what, value in (("mean", dice.mean), ("median", dice.median))
    )
    lines += [
        f"{len(folds)} of {FOLDS} folds by patient, each trained the same way without them: {len(rows)} patients.",
        "",
        f"- Dice of the whole stack: mean {dice.mean:.3f}{between}, median {dice.median:.3f}. Two expert readers",
        f"  agree at 0.84 on this set (Buda 2019). The bars of the project: {verdicts}.",
        f"- IoU {found['iou'].mean:.3f}; slices without tumour left empty: {'-' if quiet is None else f'{quiet:.1%}'}.",
        f"- Accuracy {found['accuracy'].mean:.2%}, which says nothing: an empty mask has {found['baseline'].mean:.2%}.",
        "- **It fails**: the five worst have Dice " + ", ".join(f"{rows[name]['dice']:.2f}" for name in poor) + ".",
        "  Two of them were looked at: a grey part of a tumour missed beside its bright part, and a faint rim taken in",
        "  where the reader drew the bright core alone.",
        "",
        "All its scans are of one collection of five hospitals, as 8-bit pictures. On scans of your own it may be much",
        "worse: correct some slices and train on from it.",
        "",
    ]
    return "\n".join(lines)


def _commit() -> str:
    asked = ["git", "rev-parse", "HEAD"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Train, write, and say by how much 16 bits change it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="that of the LGG campaign")
    parser.add_argument("--out", type=Path, default=ROOT / "resources" / "starters" / NAME, help="where to")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    (folder / "results").mkdir(parents=True, exist_ok=True)
    lgg.take_recorded("lgg", folder / "results")
    os.environ["MENINX_HOME"] = str(folder / "home")
    campaign = Starter(folder)
    try:
        apart = campaign.made(arguments.out.resolve())
    finally:
        campaign.project.close()
    print(json.dumps({"written": str(arguments.out), "largest difference": apart}))  # noqa: T201


if __name__ == "__main__":
    main()
