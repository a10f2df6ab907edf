"""Interpolation between drawn slices on real masks: every third, fifth and eighth slice is kept, the others are filled.

Dice over all voxels of the slices that were filled, by shape alone and by shape and values; a slice that is empty in
the mask counts too where it lies between two kept ones.

    python tests/bench/interpolation_gaps.py [folder of real scans]

Takes a minute. Prints the table of docs/benchmarks.md.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from core.editing.tools.interpolation import drawn_pairs, fill_between  # noqa: E402 - after the path is set

GAPS = (3, 5, 8)
HEADS = (
    ("jane_t1", "jane_t1_automask"),
    ("chris_t1", "chris_t1_automask"),
    ("headext_t1", "headext_t1_automask"),
    ("mni152_2mm_t1", "mni152_2mm_mask"),
    ("oms011_t1w", "oms011_t1w_mask"),
    ("oms011_flair", "oms011_flair_mask"),
    ("oms011_t2w", "oms011_t2w_mask"),
    ("oms012_t1w", "oms012_t1w_mask"),
    ("oms012_flair", "oms012_flair_mask"),
    ("oms202_t1w", "oms202_t1w_mask"),
    ("oms202_flair", "oms202_flair_mask"),
)
LEAST_SLICES = 12
"""Tumours on fewer slices leave nothing to fill at the widest gap."""

Case = tuple[str, NDArray[np.float32], NDArray[np.bool_], tuple[float, float, float]]


def heads(folder: Path) -> Iterator[Case]:
    """Brains of whole heads, on the slices as they were scanned: name, values and mask `[z, y, x]`, spacing."""
    for scan, mask in HEADS:
        opened = nib.load(folder / "strip" / f"{scan}.nii.gz")
        x, y, z = (float(size) for size in opened.header.get_zooms()[:3])
        values = np.asarray(opened.dataobj).T.astype(np.float32)
        known = np.asarray(nib.load(folder / "strip" / f"{mask}.nii.gz").dataobj).T > 0
        yield scan, values, known, (z, y, x)


def tumours(folder: Path) -> Iterator[Case]:
    """All FLAIR stacks with a tumour on enough slices; their spacing is not known."""
    with (folder / "lgg" / "patients.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["tumour_slices"]) >= LEAST_SLICES]
    for row in rows:
        name = row["patient"]
        pictures = sorted((folder / "lgg" / name).glob("*.webp"), key=lambda path: int(path.stem.rsplit("_", 1)[1]))
        values = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in pictures]
        masks = [cv2.imread(str(path.with_name(f"{path.stem}_mask.png")), cv2.IMREAD_GRAYSCALE) for path in pictures]
        yield name, np.stack(values).astype(np.float32), np.stack(masks) > 127, (1.0, 1.0, 1.0)


def filled(case: Case, gap: int, *, by_values: bool) -> tuple[float, float]:
    """Return Dice of the filled slices and the seconds it took."""
    _name, values, mask, (step, *sizes) = case
    there = [int(place) for place in np.flatnonzero(mask.any(axis=(1, 2)))]
    kept = [place for place in range(there[0], there[-1] + 1, gap) if place in there]
    both = total = 0
    begun = time.perf_counter()
    for one, other in drawn_pairs([*kept, there[-1]]):
        found = fill_between(
            mask[one], mask[other], values[one : other + 1], (sizes[0], sizes[1]), by_values=by_values, step=step
        )
        wanted = mask[one + 1 : other]
        both += int(np.count_nonzero(found & wanted))
        total += int(np.count_nonzero(found)) + int(np.count_nonzero(wanted))
    return 2 * both / max(total, 1), time.perf_counter() - begun


def main() -> None:
    """Print a row per head, and one for the tumours together."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MENINX_DATA", ROOT.parent / "shared" / "data"))
    sys.stdout.write("| scan | " + " | ".join(f"every {gap}: shape / values" for gap in GAPS) + " |\n")
    sys.stdout.write("|---" * (len(GAPS) + 1) + "|\n")
    spent = {False: 0.0, True: 0.0}

    def measure(case: Case) -> list[tuple[float, float]]:
        found = []
        for gap in GAPS:
            pair = [filled(case, gap, by_values=by_values) for by_values in (False, True)]
            for by_values in (False, True):
                spent[by_values] += pair[by_values][1]
            found.append((pair[0][0], pair[1][0]))
        return found

    def write(name: str, found: NDArray[np.float64]) -> None:
        cells = " | ".join(f"{shape:.4f} / {values:.4f}" for shape, values in found)
        sys.stdout.write(f"| {name} | {cells} |\n")
        sys.stdout.flush()

    for case in heads(folder):
        write(case[0], np.array(measure(case)))
    every = np.array([measure(case) for case in tumours(folder)])
    write(f"tumours, {len(every)} patients, mean", every.mean(axis=0))
    better = [f"{np.count_nonzero(every[:, place, 1] > every[:, place, 0])}" for place in range(len(GAPS))]
    sys.stdout.write(f"better by values in {', '.join(better)} of {len(every)} tumours\n")
    sys.stdout.write(f"seconds: shape {spent[False]:.1f}, values {spent[True]:.1f}\n")


if __name__ == "__main__":
    main()
