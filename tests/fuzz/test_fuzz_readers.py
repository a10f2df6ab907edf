"""Broken files of every kind through the decoding child: a volume or one sentence, nothing else.

Every case is made from a seed number, so a failure names what to run again.
"""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless
from reader_support import AXIAL, noise, picture_bytes, write_dicom

from core.errors import InputError
from core.io.reading import Source
from core.io.sandbox import Decoder
from core.io.sniff import sniff
from core.messages import sentence

MUTANTS = 300
SOAK = 20_000


def seeds(folder: Path) -> dict[str, bytes]:
    """Small whole files of every kind that is read."""
    folder.mkdir(parents=True, exist_ok=True)
    result: dict[str, bytes] = {}
    pixels = noise((48, 40), top=4096, dtype="uint16")
    place = {
        "ImagePositionPatient": [0.0, 0.0, 0.0],
        "ImageOrientationPatient": list(AXIAL),
        "PixelSpacing": [1.0, 1.0],
    }
    write_dicom(folder / "plain.dcm", pixels, **place)
    for name, syntax in (("rle", RLELossless), ("j2k", JPEG2000Lossless), ("jls", JPEGLSLossless)):
        packed = write_dicom(folder / f"{name}.dcm", pixels, **place)
        packed.compress(syntax, generate_instance_uid=False)
        packed.save_as(folder / f"{name}.dcm")
    write_dicom(folder / "colour.dcm", noise((24, 20, 3)))
    write_dicom(folder / "frames.dcm", noise((3, 24, 20)))
    for path in folder.iterdir():
        result[path.name] = path.read_bytes()
    array = noise((5, 6, 7), top=900, dtype="int16")
    for name, kind in (("one.nii", nibabel.Nifti1Image), ("two.nii", nibabel.Nifti2Image)):
        result[name] = kind(array.T, np.diag([1.0, 2.0, 3.0, 1.0])).to_bytes()
    packer = zlib.compressobj(wbits=31)
    result["packed.nii.gz"] = packer.compress(result["one.nii"]) + packer.flush()
    grey, colour = noise((24, 20)), noise((24, 20, 3))
    for kind in ("PNG", "TIFF", "BMP", "WEBP", "JPEG"):
        result[f"grey.{kind.lower()}"] = picture_bytes(grey, kind)
        result[f"colour.{kind.lower()}"] = picture_bytes(colour, kind)
    pages = io.BytesIO()
    Image.fromarray(grey).save(pages, "TIFF", save_all=True, append_images=[Image.fromarray(grey)] * 2)
    result["pages.tiff"] = pages.getvalue()
    return result


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Break a file the way disks, transfers and bad programs do."""
    broken = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        way = chance.randrange(6)
        # most of what matters stands at the front
        at = chance.randrange(max(1, min(len(broken), 600 if chance.random() < 0.7 else len(broken))))
        if way == 0:
            broken[at : at + 1] = bytes([chance.randrange(256)])
        elif way == 1:
            broken[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
        elif way == 2:
            del broken[at : at + chance.randrange(1, 64)]
        elif way == 3:
            broken[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 32)))
        elif way == 4:
            del broken[chance.randrange(1, len(broken) + 1) :]
        else:
            other = chance.randrange(max(1, len(broken)))
            broken[at : at + 16] = broken[other : other + 16]
        if not broken:
            broken = bytearray(b"\0")
    return bytes(broken)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(patience=20.0) as opened:
        yield opened


def run(decoder: Decoder, folder: Path, first: int, count: int) -> dict[str, int]:
    """Read mutants; return how often each outcome was seen."""
    whole = seeds(folder / "seeds")
    names = sorted(whole)
    outcomes: dict[str, int] = {}
    for seed in range(first, first + count):
        chance = random.Random(seed)
        name = names[seed % len(names)]
        path = folder / f"{seed}-{name}"
        path.write_bytes(mutate(whole[name], chance))
        try:
            kind = sniff(path)
            found = decoder.find([path])
            for source in found.sources:
                volume = decoder.read(source)
                assert volume.array.shape[:3] == volume.shape, (seed, name)
            if kind is not None:
                # a mask is read by another way
                decoder.read_masks(Source(kind, (path,), name, masks=(path,)))
            outcome = "read" if found.sources else found.passed[0].error.code
        except InputError as error:
            outcome, words = error.code, sentence(error)
        else:
            words = "a volume"
        assert words, (seed, name)
        path.unlink()
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def test_whole_seeds_are_all_read(decoder: Decoder, tmp_path: Path) -> None:
    for name, data in seeds(tmp_path / "seeds").items():
        path = tmp_path / name
        path.write_bytes(data)
        (source,) = decoder.find([path]).sources
        assert decoder.read(source).array.size > 0, name


def test_mutants_end_in_a_volume_or_one_sentence(decoder: Decoder, tmp_path: Path) -> None:
    outcomes = run(decoder, tmp_path, 0, MUTANTS)
    assert sum(outcomes.values()) == MUTANTS
    # the mutants are neither all harmless nor all hopeless, or this would test nothing
    assert 0.1 < outcomes["read"] / MUTANTS < 0.9
    assert outcomes.get("file-killed-decoder", 0) == 0
    assert outcomes.get("file-decoder-slow", 0) == 0


@pytest.mark.soak
def test_many_mutants(decoder: Decoder, tmp_path: Path) -> None:
    outcomes = run(decoder, tmp_path, 1_000_000, SOAK)
    assert outcomes.get("file-decoder-slow", 0) == 0
