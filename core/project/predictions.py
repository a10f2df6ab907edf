"""Predicted masks of a project: kept apart from what people drew, and made again at any time.

``predictions/<run>/<scan>/`` holds ``mask.nii.gz`` (one bit per label, so that labels may
overlap: the first label is 1, the second 2, the third 4, ...), ``prob.h5`` (uint8
``[label, z, y, x]``, 255 = certain) and ``meta.json``. Nothing here is ever written over an
annotation; only Correct copies it there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError
from core.geometry import Geometry
from core.io import atomic, hdf5
from core.late import h5py
from core.project import sums
from core.project.project import Project
from core.project.records import utc_now

MASK_FILE = "mask.nii.gz"
PROBABILITY_FILE = "prob.h5"
META_FILE = "meta.json"
CLASSES_FILE = "classes.json"
SEALED = (MASK_FILE, PROBABILITY_FILE, META_FILE, CLASSES_FILE)
"""Files of a prediction, of its masks and of its classes: what is there of them has a sum."""
MOST_LABELS = 16
THRESHOLD = 128
"""A voxel belongs to a label from this probability (of 255) on."""


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """One scan predicted by one run.

    Parameters
    ----------
    run, scan
        Ids.
    created
        UTC, ISO 8601.
    file
        The mask file, relative to the project, with ``/``.
    sha256
        Of that file.
    seconds
        Time it took.
    """

    run: str
    scan: str
    created: str
    file: str
    sha256: str
    seconds: float


def prediction_folder(project: Project, run: str, scan: str) -> Path:
    """Return the folder of one prediction."""
    return project.predictions_folder / run / scan


def write_prediction(
    project: Project,
    run: str,
    scan: str,
    masks: Mapping[str, NDArray[np.uint8]],
    probabilities: Mapping[str, NDArray[np.uint8]],
    *,
    seconds: float = 0.0,
    facts: Mapping[str, Any] | None = None,
) -> PredictionRecord:
    """Store a prediction; an earlier one of the same run and scan is replaced.

    Parameters
    ----------
    masks, probabilities
        Label name to uint8 ``[z, y, x]`` in the scan's own grid: 0/1, and 0..255.
    facts
        Further plain facts for ``meta.json``.

    Raises
    ------
    StorageError
        If the disk refuses; the index then still names the earlier prediction or none.
    """
    names = list(masks)
    if len(names) > MOST_LABELS:
        raise ValueError(names)
    folder = prediction_folder(project, run, scan)
    atomic.make_folder(folder)
    packed = _packed([masks[name] for name in names])
    mask_file = folder / MASK_FILE
    _write_mask(mask_file, packed, project.geometry(scan))
    with hdf5.written(folder / PROBABILITY_FILE) as file:
        for name in names:
            array = probabilities[name]
            # lzf: a prediction is written once per scan and read slice by slice
            file.create_dataset(_dataset_name(names, name), data=array, chunks=(1, *array.shape[1:]), compression="lzf")
    digest = hashlib.sha256(mask_file.read_bytes()).hexdigest()
    meta = {"schema": 1, "labels": names, "bits": {name: 1 << n for n, name in enumerate(names)}, "sha256": digest}
    meta |= {"run": run, "scan": scan, "seconds": round(seconds, 3), **(facts or {})}
    atomic.write_bytes(folder / META_FILE, (json.dumps(meta, indent=1) + "\n").encode())
    sums.seal(folder, SEALED)
    record = PredictionRecord(
        run, scan, utc_now(), mask_file.relative_to(project.path).as_posix(), digest, round(seconds, 3)
    )
    with project.store.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO prediction (run, scan, created, file, sha256, seconds) VALUES (?, ?, ?, ?, ?, ?)",
            (record.run, record.scan, record.created, record.file, record.sha256, record.seconds),
        )
    return record


def list_predictions(project: Project, *, scan: str | None = None, run: str | None = None) -> list[PredictionRecord]:
    """Return the predictions (of one scan, of one run), newest last."""
    wanted = {name: value for name, value in (("scan", scan), ("run", run)) if value is not None}
    where = " AND ".join(f"{name} = ?" for name in wanted) or "1"
    rows = project.store.rows(
        f"SELECT run, scan, created, file, sha256, seconds FROM prediction WHERE {where} ORDER BY created, run",
        *wanted.values(),
    )
    return [PredictionRecord(*row) for row in rows]


def read_prediction(project: Project, run: str, scan: str) -> dict[str, NDArray[np.uint8]]:
    """Return the predicted masks: label name to uint8 0/1 ``[z, y, x]``.

    Raises
    ------
    LearningError
        ``prediction-missing``, or ``prediction-damaged`` if the file is not what was written.
    """
    record = _record(project, run, scan)
    file = project.path / record.file
    names = _labels(project, run, scan)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise LearningError("prediction-damaged", file=file) from error
    if hashlib.sha256(content).hexdigest() != record.sha256:
        raise LearningError("prediction-damaged", file=file)
    import nibabel as nib  # slow to load: not before it is needed

    packed = np.asarray(nib.load(file).dataobj).transpose(2, 1, 0)
    return {name: np.ascontiguousarray((packed >> number) & 1).astype(np.uint8) for number, name in enumerate(names)}


def read_probability(project: Project, run: str, scan: str, label: str) -> NDArray[np.uint8]:
    """Return one label's probability, uint8 ``[z, y, x]``, 255 = certain.

    Raises
    ------
    LearningError
        ``prediction-missing``, ``prediction-damaged``, ``probability-labels``.
    """
    _record(project, run, scan)
    names = _labels(project, run, scan)
    if label not in names:
        raise LearningError("probability-labels", name=label, known=", ".join(names))
    file = prediction_folder(project, run, scan) / PROBABILITY_FILE
    try:
        with h5py.File(file, "r") as stored:
            return np.asarray(stored[_dataset_name(names, label)][()], dtype=np.uint8)
    except (OSError, KeyError) as error:
        raise LearningError("prediction-damaged", file=file) from error


def read_meta(project: Project, run: str, scan: str) -> dict[str, Any]:
    """Return ``meta.json`` of a prediction.

    Raises
    ------
    LearningError
        ``prediction-damaged``.
    """
    file = prediction_folder(project, run, scan) / META_FILE
    try:
        data = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise LearningError("prediction-damaged", file=file) from error
    if not isinstance(data, dict):
        raise LearningError("prediction-damaged", file=file)
    return data


def _labels(project: Project, run: str, scan: str) -> list[str]:
    return [str(name) for name in read_meta(project, run, scan).get("labels", [])]


def _dataset_name(names: list[str], name: str) -> str:
    # the label's own name may hold a slash, which HDF5 takes for a group
    return f"label{names.index(name)}"


def _record(project: Project, run: str, scan: str) -> PredictionRecord:
    found = list_predictions(project, scan=scan, run=run)
    if not found:
        row = project.store.row("SELECT name FROM run WHERE id = ?", run)
        raise LearningError("prediction-missing", run=row[0] if row else run, scan=project.scan(scan).name)
    return found[0]


def _packed(masks: list[NDArray[np.uint8]]) -> NDArray[np.uint8] | NDArray[np.uint16]:
    wide = len(masks) > 8
    packed: NDArray[Any] = np.zeros(masks[0].shape, dtype=np.uint16 if wide else np.uint8)
    for number, mask in enumerate(masks):
        packed |= (mask != 0).astype(packed.dtype) << number
    return packed


def _write_mask(file: Path, packed: NDArray[Any], geometry: Geometry) -> None:
    import nibabel as nib  # slow to load: not before it is needed

    picture = nib.Nifti1Image(packed.transpose(2, 1, 0), geometry.affine)
    if geometry.spacing_known:
        picture.header.set_xyzt_units("mm")
    atomic.write_bytes(file, _compressed(picture.to_bytes()))


def _compressed(content: bytes) -> bytes:
    import gzip

    # mtime 0: the same mask gives the same file
    return gzip.compress(content, compresslevel=1, mtime=0)
