"""Every DICOM file of pydicom's wheel and of the real data ends as it is known to end: a volume or one sentence.

``dicom_outcomes.txt`` says how each file ends. Whoever changes a reader sees every
file that it changes; a volume that SimpleITK can read too has its values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest
import SimpleITK
from numpy.typing import NDArray

from core.errors import InputError
from core.io.sandbox import Decoder
from core.io.source import FindOptions, Source
from core.messages import sentence
from core.volume import Volume

OUTCOMES = Path(__file__).with_name("dicom_outcomes.txt")
WHEEL = Path(pydicom.data.__file__).parent
NO_DATA = (".py", ".pyc", ".json")
ONCE = FindOptions(pair_masks=False, volume=0)
# gdcm puts the bytes of coloured numbers of several bytes in the wrong order; SC_rgb_16bit is their plain twin
SECOND_OPINION_WRONG = ("SC_rgb_rle_16bit", "SC_rgb_rle_32bit")


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as opened:
        yield opened


def known(title: str) -> dict[str, str]:
    part = OUTCOMES.read_text(encoding="utf-8").split(f"[{title}]\n")[1].split("\n[")[0]
    return dict(line.split(" | ") for line in part.splitlines() if line)


def files_below(root: Path) -> dict[str, Path]:
    """Files by a short name: those with long names (numbers of a scanner) by their place."""
    found: dict[str, Path] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file() and path.suffix not in NO_DATA):
        place = path.relative_to(root)
        count = sum(1 for name in found if name.startswith(f"{place.parent.as_posix()}/"))
        found[place.as_posix() if len(path.name) < 44 else f"{place.parent.as_posix()}/#{count}"] = path
    return found


def outcome(decoder: Decoder, path: Path) -> str:
    found = decoder.find([path], ONCE)
    errors = [one.error for one in found.passed]
    ends: Counter[str] = Counter()
    for source in found.sources:
        try:
            volume = decoder.read(source)
        except InputError as error:
            errors.append(error)
        else:
            ends[f"{'x'.join(map(str, volume.array.shape))} {volume.array.dtype}"] += 1
            if len(found.sources) == 1:
                same_as_simpleitk(path, source, volume)
    for error in errors:
        assert error.code not in ("file-killed-decoder", "file-decoder-slow"), path
        assert "\n" not in sentence(error)
        ends[error.code] += 1
    return ", ".join(f"{count} of {end}" if count > 1 else end for end, count in sorted(ends.items()))


def simpleitk(path: Path) -> NDArray[Any] | None:
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    except RuntimeError:
        return None


def same_as_simpleitk(path: Path, source: Source, volume: Volume) -> None:
    theirs = simpleitk(path)
    values = volume.array if volume.channels else volume.values(volume.array)
    if theirs is None or theirs.shape != values.shape or path.stem.startswith(SECOND_OPINION_WRONG):
        return
    if volume.inverted:
        # it turns MONOCHROME1 round; we leave what was measured
        whole = theirs.astype(float) + values
        assert np.ptp(whole) < 1e-3 * whole.max(), path
        return
    np.testing.assert_allclose(values, theirs, rtol=1e-5, atol=1e-3, err_msg=source.name)


def test_every_file_of_the_wheel(decoder: Decoder) -> None:
    ends = {name: outcome(decoder, path) for name, path in files_below(WHEEL).items()}
    assert ends == known("wheel")
    assert sum("int" in end for end in ends.values()) > 100


@pytest.mark.real
def test_every_real_file(decoder: Decoder, data_root: Path) -> None:
    files = files_below(data_root / "dicom")
    ends = {name: outcome(decoder, path) for name, path in files.items() if not name.startswith("real_mr/")}
    assert ends == known("real")


@pytest.mark.real
def test_coloured_numbers_of_several_bytes_are_those_of_their_plain_twin(decoder: Decoder, data_root: Path) -> None:
    for kind in ("16bit", "16bit_2frame", "32bit"):
        packed = read(decoder, WHEEL / "test_files" / f"SC_rgb_rle_{kind}.dcm")
        plain = read(decoder, data_root / "dicom" / "pydicom_data" / f"SC_rgb_{kind}.dcm")
        np.testing.assert_array_equal(packed.array, plain.array)


def read(decoder: Decoder, path: Path) -> Volume:
    (source,) = decoder.find([path], ONCE).sources
    return decoder.read(source)
