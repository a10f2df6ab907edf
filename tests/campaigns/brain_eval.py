"""How good a brain starter is on real heads: figures as JSON, pictures, and its card.

    python tests/campaigns/brain_eval.py STARTER_FOLDER OUT [--three-views] [--only NAME ...]

Every head of ``strip/`` that has a mask of its own (or, named apart, one that another network made) is stripped by
the starter as ``strip`` does, and by two ways that need no network: Otsu's threshold with its largest component, and
the program's rough one. Nothing is chosen by what these heads show. ``--unseen`` leaves out the people whose heads
the starter learnt from (``model.json`` tells), ``brain_folds.py`` puts two such halves together.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from brain_card import card  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy import ndimage  # noqa: E402

from core.geometry import Geometry  # noqa: E402
from core.io import atomic  # noqa: E402
from core.io.opener import open_source, open_whole  # noqa: E402
from core.io.sniff import Format  # noqa: E402
from core.io.source import OpenScan, Source  # noqa: E402
from core.learning.runs import MODEL_FILE  # noqa: E402
from core.review.metrics import measure  # noqa: E402
from core.review.rough import classical_brain, otsu  # noqa: E402
from core.review.tidy import Ways  # noqa: E402
from core.volume import Volume  # noqa: E402
from models.loose import RunMasker  # noqa: E402

Mask = NDArray[np.bool_]
OWN: tuple[tuple[str, str, str], ...] = (
    ("oms011_flair", "FLAIR", "Ljubljana 011+012"),
    ("oms011_t1w", "T1", "Ljubljana 011+012"),
    ("oms011_t2w", "T2", "Ljubljana 011+012"),
    ("oms012_flair", "FLAIR", "Ljubljana 011+012"),
    ("oms012_t1w", "T1", "Ljubljana 011+012"),
    ("oms202_flair", "FLAIR", "Ljubljana 202"),
    ("oms202_t1w", "T1", "Ljubljana 202"),
    ("mni152_2mm_t1", "T1", "MNI152 average"),
)
"""Scan, contrast and person of what has a mask that people made or checked."""
AUTO: tuple[tuple[str, str, str], ...] = (
    ("jane_t1", "T1", "jane"),
    ("headext_t1", "T1", "headext"),
    ("chris_t1", "T1", "chris"),
)
"""The same of what only another network masked: agreement, not truth."""
OPEN = ("mni152_2mm_t1",)
"""Whose mask leaves the ventricles out, which belong to a Brain (DESIGN section 3): they are filled in it."""
UNMASKED = ("strokeT2_t2", "MNI152_T2_2mm")
RUNNERS = ("starter", "otsu", "rough")


@dataclass(frozen=True)
class Case:
    """A scan with what is known of it."""

    name: str
    contrast: str
    person: str
    kind: str
    read: Callable[[], tuple[Volume, Mask | None]]


def whole(scan: OpenScan) -> Volume:
    return replace(scan.volume, array=np.stack([scan.slice(index) for index in range(scan.shape[0])]))


def _nifti(folder: Path, name: str, mask: str) -> Callable[[], tuple[Volume, Mask | None]]:
    def read() -> tuple[Volume, Mask | None]:
        volume = whole(open_whole(folder / f"{name}.nii.gz"))
        truth = whole(open_whole(folder / mask)).array > 0 if mask else None
        return volume, with_ventricles(truth) if truth is not None and name in OPEN else truth

    return read


def with_ventricles(truth: Mask) -> Mask:
    """Fill what a mask encloses in any plane."""
    filled = truth.copy()
    for axis in range(3):
        for plane in np.moveaxis(filled, axis, 0):
            plane[...] = ndimage.binary_fill_holes(plane)
    return filled


def _picture(image: Path, mask: Path, *, filled: bool) -> Callable[[], tuple[Volume, Mask | None]]:
    def read() -> tuple[Volume, Mask | None]:
        found = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE) > 0
        if filled:
            # this set leaves CSF out, and with it the ventricles: they belong to a Brain
            found = ndimage.binary_fill_holes(found)
        array = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)[None]
        return Volume(array, Geometry.of_picture(*array.shape[1:])), found[None]

    return read


def _dicom_pair(image: Path, mask: Path) -> Callable[[], tuple[Volume, Mask | None]]:
    def read() -> tuple[Volume, Mask | None]:
        volume, found = (whole(open_source(Source(Format.DICOM, (file,), file.name))) for file in (image, mask))
        return volume, found.grey() > 0 if found.shape == volume.shape else None

    return read


def cases(data: Path) -> Iterator[Case]:
    """Yield what is measured."""
    folder = data / "strip"
    for name, contrast, person in OWN:
        mask = f"{name.removesuffix('_t1') if name.startswith('mni') else name}_mask.nii.gz"
        yield Case(name, contrast, person, "own", _nifti(folder, name, mask))
    for name, contrast, person in AUTO:
        yield Case(name, contrast, person, "auto", _nifti(folder, name, f"{name}_automask.nii.gz"))
    for name in UNMASKED:
        yield Case(name, "T2", name, "none", _nifti(folder, name, ""))
    slices = folder / "t1_2d_slices"
    for image in sorted((slices / "images").glob("*.png")):
        read = _picture(image, slices / "brain" / image.name, filled=True)
        yield Case(f"t1_2d_{image.stem}", "T1", "t1_2d_slices", "picture", read)
    for mask in sorted((folder / "flair_2d_pairs").glob("BM-*.dcm")):
        image = mask.with_name(mask.name.replace("BM-", "IM-"))
        person = f"flair_2d {mask.name[3:7]}"
        yield Case(image.stem, "FLAIR", person, "picture", _dicom_pair(image, mask))
    series = sorted((data / "ct" / "head_ct_series").glob("*.dcm"))
    if series:
        yield Case("head_ct_series", "CT", "CQ500", "none", lambda: (_series(series), None))


def _series(files: Sequence[Path]) -> Volume:
    """Return the largest series of a folder through the decoding child, as the program reads it."""
    from core.io.sandbox import Decoder
    from core.io.source import FindOptions

    with Decoder() as decoder:
        found = decoder.find([files[0].parent], FindOptions())
        return decoder.read(max(found.sources, key=lambda source: len(source.files)))


def threshold_brain(volume: Volume) -> Mask:
    """Otsu's threshold, the largest component, holes filled: the usual answer where there is no tool."""
    values = np.asarray(volume.values(volume.grey()), dtype=np.float32)
    above = values > otsu(values[np.isfinite(values)])
    pieces, count = ndimage.label(above)
    if count:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        above = pieces == sizes.argmax()
    return np.stack([ndimage.binary_fill_holes(plane) for plane in above])


def figures(truth: Mask, mask: Mask, volume: Volume) -> dict[str, Any]:
    """Return the figures of one mask: over all slices, and over those that the truth covers."""
    covered = np.flatnonzero(truth.any(axis=(1, 2)))
    told: dict[str, Any] = {}
    parts = {"all": slice(None)}
    if covered.size:
        parts["covered"] = slice(int(covered[0]), int(covered[-1]) + 1)
    for name, part in parts.items():
        cut = truth[part]
        found = measure(cut, mask[part], Geometry(cut.shape, volume.geometry.affine, volume.geometry.spacing_known))
        told[name] = {
            "dice": found.dice,
            "hd95": found.hd95,
            "sensitivity": found.sensitivity,
            "precision": found.precision,
            "unit": found.unit,
        }
    return told


def measured(case: Case, masker: RunMasker, folder: Path) -> dict[str, Any]:
    """Strip one case in every way and measure."""
    volume, truth = case.read()
    began = time.process_time()
    mask = np.asarray(masker.masks(volume, lambda: "")["Brain"]) > 0
    seconds = time.process_time() - began
    told: dict[str, Any] = {"name": case.name, "contrast": case.contrast, "person": case.person, "kind": case.kind}
    told |= {"shape": list(volume.shape), "cpu_seconds": round(seconds, 2)}
    told["check"] = masker.check.to_json() if masker.check else None
    if truth is not None:
        told["starter"] = figures(truth, mask, volume)
        told["otsu"] = figures(truth, threshold_brain(volume), volume)
        told["rough"] = figures(truth, classical_brain(volume) > 0, volume)
    atomic.write_bytes(folder / f"{case.name}.png", picture(volume, mask, truth))
    return told


def picture(volume: Volume, mask: Mask, truth: Mask | None) -> bytes:
    """Return eight slices with what was found in yellow and what is true in blue."""
    values = np.asarray(volume.values(volume.grey()), dtype=np.float32)
    low, high = (0, 80) if volume.modality == "CT" else np.percentile(values, (1, 99.5))
    count = values.shape[0]
    chosen = np.unique(np.linspace(count * 0.1, count * 0.92, 8).astype(int)) if count > 1 else [0]
    tiles = []
    for index in chosen:
        grey = (np.clip((values[index] - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
        _, tall, wide = volume.geometry.spacing
        scale = 240 / max(grey.shape[0] * tall, grey.shape[1] * wide)
        size = (max(1, round(grey.shape[1] * wide * scale)), max(1, round(grey.shape[0] * tall * scale)))
        tile = cv2.cvtColor(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
        for one, colour in ((truth, (255, 140, 0)), (mask, (0, 220, 255))):
            if one is not None:
                drawn = cv2.resize(one[index].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
                edges, _ = cv2.findContours(drawn, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
                cv2.drawContours(tile, edges, -1, colour, 1)
        canvas = np.zeros((240, 240, 3), dtype=np.uint8)
        canvas[: tile.shape[0], : tile.shape[1]] = tile[:240, :240]
        tiles.append(canvas)
    return bytes(cv2.imencode(".png", np.hstack(tiles))[1].tobytes())


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return means, worst values and bootstrapped intervals, over all heads with masks of their own and by contrast."""
    told: dict[str, Any] = {}
    for kind in ("own", "auto", "picture"):
        chosen = [row for row in rows if row["kind"] == kind and "starter" in row]
        groups = {"all": chosen}
        groups |= {
            name: [r for r in chosen if r["contrast"] == name] for name in sorted({r["contrast"] for r in chosen})
        }
        told[kind] = {
            name: {runner: {part: _of(group, runner, part) for part in ("all", "covered")} for runner in RUNNERS}
            for name, group in groups.items()
        }
    return told


def _of(rows: Sequence[dict[str, Any]], runner: str, part: str) -> dict[str, Any]:
    scored = [row for row in rows if part in row[runner] and row[runner][part]["dice"] is not None]
    dices = np.array([row[runner][part]["dice"] for row in scored])
    far = np.array([row[runner][part]["hd95"] for row in scored if row[runner][part]["hd95"] is not None])
    if not dices.size:
        return {"scans": 0}
    # people, not scans, are drawn again: scans of one person are alike
    people = sorted({row["person"] for row in scored})
    of = {one: dices[[row["person"] == one for row in scored]] for one in people}
    random = np.random.default_rng(0)
    means = [
        np.concatenate([of[people[n]] for n in random.integers(len(people), size=len(people))]).mean()
        for _ in range(2000)
    ]
    return {
        "scans": len(scored),
        "people": len(people),
        "dice": float(dices.mean()),
        "dice_ci95": [float(value) for value in np.quantile(means, (0.025, 0.975))],
        "dice_worst": float(dices.min()),
        "worst": scored[int(dices.argmin())]["name"],
        "hd95": float(far.mean()) if far.size else None,
        "hd95_worst": float(far.max()) if far.size else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the brain starter on real heads and write its card.")
    parser.add_argument("starter", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--three-views", action="store_true")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--unseen", action="store_true", help="leave out people that the starter learnt from")
    parser.add_argument("--folds", type=Path, help="results.json of brain_folds.py: the card tells of it")
    parser.add_argument("--before", type=Path, help="results.json of the network before it learnt from real heads")
    given = parser.parse_args()
    data = Path(os.environ.get("MENINX_DATA", ROOT.parent / "shared" / "data"))
    masker = RunMasker(given.starter, Ways(three_views=given.three_views))
    atomic.make_folder(given.out)
    rows = []
    model = json.loads((given.starter / MODEL_FILE).read_text("utf-8"))
    seen = {head["person"] for head in model.get("real_heads", ())} if given.unseen else set()
    for case in cases(data):
        if case.person in seen or (given.only and not any(word in case.name for word in given.only)):
            continue
        rows.append(measured(case, masker, given.out))
        dice = rows[-1].get("starter", {}).get("all", {}).get("dice")
        check = rows[-1]["check"]
        print(case.name, "-" if dice is None else round(dice, 4), check and check["reasons"], flush=True)  # noqa: T201
    result = {"model": model, "three_views": given.three_views, "rows": rows, "summary": summary(rows)}
    if given.folds:
        result["folds"] = json.loads(given.folds.read_text("utf-8"))["summary"]
    if given.before:
        result["before"] = json.loads(given.before.read_text("utf-8"))["summary"]
    result["at"] = time.strftime("%Y-%m-%d", time.gmtime())
    atomic.write_bytes(given.out / "results.json", (json.dumps(result, indent=1) + "\n").encode())
    atomic.write_bytes(given.out / "card.md", card(result).encode())


if __name__ == "__main__":
    main()
