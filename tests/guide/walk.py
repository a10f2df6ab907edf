"""Walks the manual: what each page names lies ready on made-up heads, and its commands are run in their order.

``python tests/guide/walk.py [PAGE ...]`` runs all of them, with the shortest budgets (an epoch of two steps at 64 x 64,
the one thing that differs from what is written); the test beside it runs those that take a moment.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GUIDE = ROOT / "docs" / "guide"
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(HERE), str(HERE.parent), str(HERE.parent / "gui")]

from reader_support import write_dicom, write_nifti, write_picture  # noqa: E402

from core.commands.line import is_command, run  # noqa: E402
from core.phantom import Phantom, make_head  # noqa: E402

FENCE = re.compile(r"^( *)```([a-z]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
"""Blocks: those without a language are commands of the program, ``sh`` is for a shell, ``python`` is code."""
TORCHRUN = "torchrun --standalone --nproc-per-node 2 -- main.py "
"""What starts a command on several processes: without the two dashes it takes ``--run`` for its own."""
SHAPE = (16, 64, 56)
Mask = NDArray[np.bool_]


def lines_of(page: str) -> list[str]:
    """Return the commands of a page, in order."""
    words = (GUIDE / f"{page}.md").read_text(encoding="utf-8")
    blocks = [block for _, kind, block in FENCE.findall(words) if not kind]
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


# ------------------------------------------------------------------ what lies ready


def head(seed: int, contrast: str = "T1") -> Phantom:
    """Make a small head."""
    lesion = "haemorrhage" if contrast == "CT" else "tumour"
    return make_head(seed, shape=SHAPE, contrast=contrast, lesion=lesion)  # type: ignore[arg-type]


def nifti(path: Path, found: Phantom, mask: str = "") -> None:
    """Write a head, or one of its masks."""
    array = found.masks[mask].astype(np.uint8) if mask else found.volume.array
    write_nifti(path, array, found.volume.geometry.affine)


def scans(folder: Path, mask: str = "Brain", many: int = 6) -> None:
    """Write ``scans`` with masks beside them, ``scan.nii.gz`` and ``tumour.nii.gz``."""
    for seed in range(many):
        nifti(folder / "scans" / f"head_{seed}.nii.gz", head(seed))
        nifti(folder / "scans" / f"head_{seed}_mask.nii.gz", head(seed), mask)
    nifti(folder / "scan.nii.gz", head(40))
    nifti(folder / "tumour.nii.gz", head(0), "Tumour")


def grey(flat: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return a slice in 256 greys."""
    low, high = np.percentile(flat, (1, 99.5))
    return (np.clip((flat - low) / max(1e-6, float(high - low)), 0, 1) * 255).astype(np.uint8)


def pictures(folder: Path, ending: str = "png", mask: str = "Brain", many: int = 8, contrast: str = "T1") -> None:
    """Write a slice of each of some heads with its mask, all in one folder."""
    for seed in range(many):
        found = head(seed, contrast)
        z = int(np.argmax(found.masks[mask].sum(axis=(1, 2))))
        write_picture(folder / f"{seed:03d}.{ending}", grey(found.volume.array[z]))
        write_picture(folder / f"{seed:03d}_mask.{ending}", found.masks[mask][z].astype(np.uint8) * 255)


def per_patient(folder: Path, many: int = 6) -> None:
    """Write slices and masks in a folder per patient, as the LGG set has them."""
    for seed in range(many):
        found, name = head(seed, "FLAIR"), f"TCGA_{seed:02d}"
        for z in range(4, 11):
            colour = np.repeat(grey(found.volume.array[z])[:, :, None], 3, axis=2)
            write_picture(folder / name / f"{name}_{z}.tif", colour)
            write_picture(folder / name / f"{name}_{z}_mask.tif", found.masks["Tumour"][z].astype(np.uint8) * 255)


def dicom(folder: Path, seeds: Sequence[int] = (3, 4), contrast: str = "CT") -> None:
    """Write a series for each of some heads."""
    for seed in seeds:
        found = head(seed, contrast)
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ found.volume.geometry.affine
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        facts = {
            "SeriesInstanceUID": f"1.2.826.0.1.3680043.10.{seed}.1",
            "StudyInstanceUID": f"1.2.826.0.1.3680043.10.{seed}.2",
            "FrameOfReferenceUID": f"1.2.826.0.1.3680043.10.{seed}.3",
            "PatientID": f"person {seed}",
            "Modality": "CT" if contrast == "CT" else "MR",
            "ImageOrientationPatient": [*(affine[:3, 0] / spacing[0]), *(affine[:3, 1] / spacing[1])],
            "PixelSpacing": [float(spacing[1]), float(spacing[0])],
        }
        for z, flat in enumerate(np.round(found.volume.array).astype(np.int16)):
            where = [float(value) for value in affine[:3, 3] + z * affine[:3, 2]]
            more = {"ImagePositionPatient": where, "InstanceNumber": z + 1}
            write_dicom(folder / f"{seed}" / f"IM{z:03d}.dcm", flat, **facts, **more)


def stroke(folder: Path) -> None:
    """Write what the page on stroke names: DICOM, pictures with a table of yes and no, masks."""
    dicom(folder / "dicom")
    rows = ["file,patient,ich"]
    for seed in range(10, 20):
        found = make_head(seed, shape=SHAPE, contrast="CT", lesion="haemorrhage" if seed % 2 else None)
        blood = found.masks.get("Haemorrhage", np.zeros(SHAPE, dtype=bool))
        for z in range(4, 11):
            name = f"p{seed}_{z}.png"
            write_picture(folder / "pictures" / f"p{seed}" / name, grey(found.volume.array[z]))
            rows.append(f"{name},p{seed},{int(blood[z].any())}")
            write_picture(folder / "masks" / name, grey(found.volume.array[z]))
            write_picture(folder / "masks" / f"p{seed}_{z}_mask.png", blood[z].astype(np.uint8) * 255)
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8")


def do(*commands: str) -> None:
    """Run commands that no page shows, to lay something ready."""
    for line in commands:
        status, told = run_line(f"python main.py {line}")
        if status:
            raise RuntimeError(f"{line}: {told}")


def pilot(folder: Path, runs: int = 0, *, tumour: bool = False) -> None:
    """Make ``pilot.meninx`` of the scans, with so many runs."""
    scans(folder)
    do("import pilot.meninx scans --label Brain")
    if tumour:
        do("labels pilot.meninx --add Tumour")
        for seed in range(6):
            nifti(folder / f"t{seed}.nii.gz", head(seed), "Tumour")
            do(f"masks pilot.meninx S000{seed + 1} t{seed}.nii.gz --label Tumour")
    for _ in range(runs):
        do(short("train pilot.meninx --label Brain --network unet_light --epochs 1"))


def for_train(folder: Path) -> None:
    """Two runs more than the page makes, and a project that takes one in."""
    pilot(folder, runs=2)
    do("import other.meninx scan.nii.gz")


def for_review(folder: Path) -> None:
    """Runs that draw, one that says yes or no, and a DICOM series."""
    pilot(folder)
    says_yes_or_no(folder)
    do(short("train pilot.meninx --label Brain --network unet_light --epochs 1"))
    # scans that nobody has drawn on: the next best slices are theirs
    for seed in (20, 21):
        nifti(folder / "more" / f"head_{seed}.nii.gz", head(seed))
        nifti(folder / "ct-scans" / f"head_{seed}.nii.gz", head(seed, "CT"))
    do("import pilot.meninx more")
    dicom(folder / "series", (5,), "T1")


def for_teams(folder: Path) -> None:
    """Six scans without masks, and the label that is to be drawn."""
    for seed in range(6):
        nifti(folder / "plain" / f"head_{seed}.nii.gz", head(seed))
        nifti(folder / f"t{seed}.nii.gz", head(seed), "Tumour")
    do("import pilot.meninx plain", "labels pilot.meninx --add Tumour")


def anna_draws(_folder: Path) -> None:
    """What Anna draws in her copy, Ben in his; he hands it back as well."""
    for number in (1, 2):
        do(f"masks annas.meninx S000{number} t{number - 1}.nii.gz --label Tumour --reader Anna")
    do("merge bens.meninx for-ben.mnxbundle")
    for number in (1, 2):
        do(f"masks bens.meninx S000{number} t{number - 1}.nii.gz --label Tumour --reader Ben")
        do(f"assign bens.meninx S000{number} --reader Ben --done")
    do("bundle bens.meninx from-ben.mnxbundle --masks-only")


def for_exchange(folder: Path) -> None:
    """A project with masks of scans that are done, and a mask to go on with."""
    pilot(folder)
    do(*(f"status pilot.meninx S000{number} --to done" for number in range(1, 7)))


def for_label_studio(folder: Path) -> None:
    """An export of Label Studio."""
    pictures(folder / "some", many=4)
    do("import some.meninx some --label Tumour --as pictures --patient-from none")
    do("export some.meninx --format label-studio --images -o from-label-studio")


def for_skulls(folder: Path) -> None:
    """Pictures with masks in one folder, new ones, and some volumes."""
    scans(folder, many=2)
    pictures(folder / "pictures")
    pictures(folder / "new-pictures", many=2)
    for path in (folder / "new-pictures").glob("*_mask.png"):
        path.unlink()


def for_lgg(folder: Path) -> None:
    """Slices in a folder per patient, and a picture that somebody dropped."""
    per_patient(folder / "lgg-mri")
    write_picture(folder / "dropped.png", grey(head(50, "FLAIR").volume.array[7]))


def for_tumours(folder: Path) -> None:
    """The same, taken in already for what its first part does, and scans that nobody has drawn on."""
    for_lgg(folder)
    for seed in (30, 31):
        nifti(folder / "scans" / f"head_{seed}.nii.gz", head(seed, "FLAIR"))
    do("import lgg.meninx lgg-mri --label Tumour --patient-from folder")


def for_pretrained(folder: Path) -> None:
    """The same, and weights of an encoder."""
    import torch

    from models.pretrained import build_encoder

    for_lgg(folder)
    torch.save(build_encoder("vgg16_unet", 3).state_dict(), folder / "vgg16.pth")


def for_attention(folder: Path) -> None:
    """A project with tumours."""
    pilot(folder, tumour=True)


def for_commands(folder: Path) -> None:
    """Scans, a mask, labels of Label Studio, a second run; truth and predictions."""
    scans(folder)
    # two that nobody has drawn on: the next best slices are theirs
    for seed in (20, 21):
        nifti(folder / "scans" / f"new_{seed}.nii.gz", head(seed))
    view = '<View><Image name="i" value="$image"/><BrushLabels name="l" toName="i">'
    (folder / "label-studio.xml").write_text(f'{view}<Label value="Oedema"/></BrushLabels></View>', encoding="utf-8")
    for seed in range(2):
        nifti(folder / "truth" / f"head_{seed}.nii.gz", head(seed), "Brain")
        nifti(folder / "masks" / f"head_{seed}.nii.gz", head(seed), "Brain")


def done_and_twice(_folder: Path) -> None:
    """A second run, and scans that are done."""
    do(short("train pilot.meninx --label Brain --network unet_light --epochs 1"))
    do(*(f"status pilot.meninx S000{number} --to done" for number in range(1, 7)))


def says_yes_or_no(_folder: Path) -> None:
    """A run that says yes or no of slices."""
    do("classes pilot.meninx --scans S0001 S0002 S0003 S0004 S0005 S0006 --slices 1-7 --set seen yes")
    do("classes pilot.meninx --scans S0001 S0002 S0003 S0004 S0005 S0006 --slices 8-16 --set seen no")
    do(short("train pilot.meninx --class seen --network cnn_light --epochs 1"))


READY: dict[str, Callable[[Path], None]] = {
    "train": for_train,
    "review": for_review,
    "teams": for_teams,
    "formats": scans,
    "exchange": for_exchange,
    "coming-from-label-studio": for_label_studio,
    "data": pilot,
    "skull-stripping": for_skulls,
    "tumour-unet": for_tumours,
    "stroke-on-ct": stroke,
    "explore-and-pretrained": for_pretrained,
    "attention-unet": for_attention,
    "commands": for_commands,
    "it": pilot,
}
"""What lies in the folder before the first line of a page."""
MEANWHILE: dict[tuple[str, str], Callable[[Path], None]] = {
    ("teams", "assign annas.meninx S0001 S0002 --reader Anna --done"): anna_draws,
    ("skull-stripping", "train skulls.meninx --label Brain --parent brain"): lambda _folder: do(
        "import skulls.meninx scans --label Brain"
    ),
    ("commands", "explore"): done_and_twice,
    ("commands", "predict pilot.meninx --run 1 --gate"): says_yes_or_no,
}
"""What happens before a line, because somebody draws or another does something in the story of a page."""
REFUSED = {
    ("data", "versions pilot.meninx S0001 --restore"): "nothing is damaged",
}
"""Lines that end with 1 by what the page itself says."""


# ------------------------------------------------------------------------- walking


def short(line: str) -> str:
    """Return a line with the shortest budget there is."""
    if not re.search(r"(^| )train ", line):
        return line
    line = re.sub(r" --(minutes|epochs) \d+", "", line)
    line = re.sub(r" --size \d+", "", line)
    # from another run or a starter the size is theirs
    size = "" if "--parent" in line else " --size 64"
    return f"{line} --epochs 1 --steps 2{size} --device cpu"


def run_line(line: str) -> tuple[int, str]:
    """Run a line in the folder one is in; return the exit status and what was said."""
    if line.startswith(TORCHRUN):
        python = Path(sys.executable)
        given = line.replace(TORCHRUN, f"{python.parent}/torchrun --standalone --nproc-per-node 2 -- {ROOT}/main.py ")
        ended = subprocess.run(shlex.split(given), capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout + ended.stderr
    given = shlex.split(line, comments=True)[2:]
    assert is_command(given), line
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        status = run(given)
    return status, out.getvalue() + error.getvalue()


@dataclass(frozen=True)
class Walked:
    """A line that was run."""

    page: str
    line: str
    status: int
    told: str
    seconds: float

    @property
    def right(self) -> bool:
        """Whether it ended as the page says."""
        wanted = any(self.page == page and start in self.line for page, start in REFUSED)
        return self.status in ((0, 1) if wanted else (0,))


def walk(page: str, folder: Path, chosen: Callable[[str], bool] = lambda line: True) -> Iterator[Walked]:
    """Run the commands of a page in a folder, in order; those that are not chosen are passed over."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        READY.get(page, lambda _folder: None)(folder)
        for line in lines_of(page):
            if not chosen(line):
                continue
            for (where, start), happens in MEANWHILE.items():
                if where == page and line.startswith(f"python main.py {start}"):
                    happens(folder)
            begun = time.process_time()
            status, told = run_line(short(line))
            yield Walked(page, line, status, told, time.process_time() - begun)


def main(wanted: list[str]) -> int:
    """Walk all pages, or those named; return how many lines did not end as they should."""
    import tempfile

    from gui.guide import pages

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        os.environ["MENINX_HOME"] = f"{name}/home"
        for page in wanted or [page for page in pages.PAGES if lines_of(page)]:
            for one in walk(page, Path(name) / page):
                wrong += not one.right
                sign = "ok   " if one.right else "WRONG"
                sys.stdout.write(f"{sign} {one.seconds:6.1f} s  {one.page}: {one.line}\n")
                if not one.right:
                    sys.stdout.write(f"{one.told}\n")
                sys.stdout.flush()
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
