"""What a training is asked to do: one frozen record that is stored with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from core.errors import LearningError
from core.learning.prepare_steps import DEFAULT_STEPS, GREY, canonical, check, check_channels
from core.learning.sides import sided

TASKS = ("segment", "classify")
LEVELS = ("slice", "scan")
CLASSIFIERS = ("cnn_light", "vgg16", "vgg16_bn")
"""Networks that say yes or no of a whole slice."""
ENCODER_NETWORKS = ("vgg16_unet", "resnet18_unet", "resnet34_unet")
"""Networks that draw whose encoder takes weights from a file."""
ENCODER_CLASSIFIERS = ("vgg16", "vgg16_bn")
"""The same of those that say yes or no."""
NETWORKS = ("unet", "unet_light", "unet_large", "attention_unet", *ENCODER_NETWORKS)
"""Networks that draw."""
CLASS_LOSSES = ("bce", "focal")
CLASS_DEFAULTS: Mapping[str, Any] = {
    "labels": (),
    "network": "cnn_light",
    "loss": "bce",
    "augment": "classify",
    "size": 224,
    "foreground": 0.5,
}
"""What is usual where a class is learnt, and otherwise where a label is."""
LOSSES = ("dice_ce", "bce", "dice", "focal", "tversky", "dice_focal")
FREEZES = ("none", "encoder")
SPLITS = ("patient", "slice")
SLICES = (1, 3, 5)
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")
AUGMENTATIONS = ("segment", "few", "classify", "none")
CLASS_AUGMENTATIONS = ("classify", "none")
"""Those of a class: a class that depends on form is not stretched."""
MIRRORS = ("auto", "yes", "no")
_RENAMED = {"augment": {"standard": "segment"}}
"""Words of older files, and what they are now."""
MOST_FOLDS = 20
SIZE_STEP = 32
"""Slice sizes are multiples of this: five halvings must come out even."""
DEFAULT_EPOCHS = 30
LOW_SIZE, HIGH_SIZE = 32, 1024


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Settings of one training.

    Parameters
    ----------
    labels
        Names of the labels to learn; each gets a sigmoid channel of its own, so they may overlap.
    channels
        Input channels of a slice; ``("grey",)`` is the luminance (:mod:`core.learning.prepare_steps`).
    network, loss
        One of :data:`NETWORKS`, :data:`LOSSES`.
    size
        Rows and columns of a prepared slice, a multiple of :data:`SIZE_STEP`.
    slices
        1, 3 or 5: the slice with its neighbours.
    epochs
        How many; ignored where ``minutes`` is set.
    minutes
        Time budget instead of a number of epochs; 0 for none.
    batch
        Slices per step; 0 leaves it to the device (8 on a CPU, 16 on a GPU).
    steps
        Steps per epoch; 0 shows every slice about once, but takes at least 10 steps, and at
        most 60 on a CPU or 250 on a GPU, so that the first curves appear soon on a large project.
    learning_rate
        Highest rate; 0 picks 3e-4 from a run that knows all labels, or the class, else 1e-3.
    seed
        Everything random follows from it.
    device, precision
        ``auto`` or one of :data:`DEVICES` / :data:`PRECISIONS`.
    augment
        One of :data:`AUGMENTATIONS`: for masks, for masks from few slices (stronger), for yes or no
        of a whole slice (lighter), or none.
    parent
        Id of the run whose weights are taken as the start, or None.
    validation_fraction, test_fraction
        Parts of the patients held out.
    reader
        Whose masks; empty takes, for each scan, the annotation changed last.
    foreground
        Part of each batch that is forced to show a label.
    encoder_weights
        File on this computer with the weights of a pretrained encoder (torchvision's names);
        empty for none. Only for networks that have such an encoder.
    freeze
        ``encoder`` leaves the encoder's weights as they were given (by a file or a parent).
    split
        ``patient``, or ``slice``, whose numbers are stamped as leaky.
    folds, fold
        With ``folds`` above 1, patients are dealt into so many folds by a hash of their key, and
        number ``fold`` (from 0) is kept for the test.
    prepare
        Steps that a slice is prepared by (:data:`core.learning.prepare_steps.ORDER`).
    scribbles
        Whether slices that are not finished count where background was scribbled beside the label:
        then what nobody marked is unknown, and ignored.
    assigned
        Patients whose part is given (by a file): ``"train KEY"``, ``"validation KEY"``, ``"test KEY"``.
        Where nobody is given to train, all others are split as usual; else they are left out.
    mirror
        Whether slices are mirrored left to right at random: ``auto`` does not where a name speaks of a side
        (:mod:`core.learning.sides`). A run keeps what was done, ``yes`` or ``no``.
    patience
        Epochs without a better validation Dice (of a class: AUC) after which the training ends; 0 never
        ends it early.
    task
        ``segment`` draws labels; ``classify`` says of each slice whether it is of a class.
    class_name
        Name of the class that is learnt; ``labels`` is empty then.
    class_yes
        Its values that count as yes; empty leaves it to their words (``no``, ``0``, ``no-stroke`` are no).
    level
        Of what the class was said: ``slice``, or ``scan``, whose slices all count as the scan does.
    approved
        Learns only from scans that a reviewer approved.
    smoothing
        Of the yes and no that a classifier learns: 0.05 teaches 0.975 and 0.025.
    """

    labels: tuple[str, ...]
    channels: tuple[str, ...] = GREY
    network: str = "unet"
    loss: str = "dice_ce"
    size: int = 256
    slices: int = 3
    epochs: int = DEFAULT_EPOCHS
    minutes: float = 0.0
    batch: int = 0
    steps: int = 0
    learning_rate: float = 0.0
    weight_decay: float = 1e-4
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    augment: str = "segment"
    parent: str | None = None
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    reader: str = ""
    foreground: float = 1 / 3
    encoder_weights: str = ""
    freeze: str = "none"
    split: str = "patient"
    folds: int = 0
    fold: int = 0
    prepare: tuple[str, ...] = DEFAULT_STEPS
    scribbles: bool = True
    assigned: tuple[str, ...] = ()
    patience: int = 0
    task: str = "segment"
    class_name: str = ""
    class_yes: tuple[str, ...] = ()
    level: str = "slice"
    smoothing: float = 0.05
    mirror: str = "auto"
    approved: bool = False

    @classmethod
    def for_class(cls, name: str, **values: Any) -> TrainingConfig:
        """Return what is usual for learning a class, with some settings changed."""
        return cls(**{**CLASS_DEFAULTS, "task": "classify", "class_name": name, **values})

    @property
    def classifies(self) -> bool:
        """Whether a class is learnt instead of labels."""
        return self.task == "classify"

    @property
    def meanings(self) -> tuple[str, ...]:
        """What each output of the network means, to be compared with those of another run: a label, or yes of a class.

        Of a class it is its name with the values that count as yes. The case of names does not count, as nowhere else.
        """
        if not self.classifies:
            return tuple(name.casefold() for name in self.labels)
        return ("\n".join([self.class_name.casefold(), *sorted(value.casefold() for value in self.class_yes)]),)

    @property
    def sided(self) -> str:
        """A label, or the class or a value of it, whose name speaks of a side; empty where none does."""
        return sided([*self.labels, self.class_name, *self.class_yes])

    @property
    def mirrors(self) -> bool:
        """Whether slices are mirrored."""
        return self.mirror == "yes" or (self.mirror == "auto" and not self.sided)

    def validate(self) -> None:
        """Check every setting.

        Raises
        ------
        LearningError
            ``setting-bad`` naming the setting and what it may be, ``labels-none`` without a label, ``class-name-none``,
            ``prepare-unknown``, ``prepare-value``, ``prepare-both``, ``prepare-centre``, ``channels-bad``.
        """
        _check("task", self.task in TASKS, ", ".join(TASKS))
        if self.classifies:
            self._validate_class()
        elif not self.labels or any(not name.strip() for name in self.labels):
            raise LearningError("labels-none")
        folded = [name.casefold() for name in self.labels]
        _check("labels", len(set(folded)) == len(folded), "each label once")
        check_channels(self.channels)
        check(self.prepare, segment=not self.classifies)
        if not self.classifies:
            _check("network", self.network in NETWORKS, ", ".join(NETWORKS))
            _check("loss", self.loss in LOSSES, ", ".join(LOSSES))
        in_range = LOW_SIZE <= self.size <= HIGH_SIZE and self.size % SIZE_STEP == 0
        _check("size", in_range, f"a multiple of {SIZE_STEP} from {LOW_SIZE} to {HIGH_SIZE}")
        _check("slices", self.slices in SLICES, "1, 3 or 5")
        _check("epochs", self.minutes > 0 or 1 <= self.epochs <= 10_000, "1 to 10000")
        _check("minutes", 0 <= self.minutes <= 7 * 24 * 60, "0 to 10080")
        _check("batch", 0 <= self.batch <= 1024, "1 to 1024, or 0 to leave it to the device")
        _check("steps", 0 <= self.steps <= 100_000, "1 to 100000, or 0 to leave it to the device")
        _check("learning_rate", 0 <= self.learning_rate <= 1, "above 0 and at most 1, or 0 to leave it open")
        _check("weight_decay", 0 <= self.weight_decay <= 1, "0 to 1")
        _check("seed", 0 <= self.seed < 2**31, "0 to 2147483647")
        _check("device", self.device in DEVICES, ", ".join(DEVICES))
        _check("precision", self.precision in PRECISIONS, ", ".join(PRECISIONS))
        _check("augment", self.augment in AUGMENTATIONS, ", ".join(AUGMENTATIONS))
        _check("mirror", self.mirror in MIRRORS, ", ".join(MIRRORS))
        held_out = self.validation_fraction + self.test_fraction
        fractions = self.validation_fraction > 0 and self.test_fraction >= 0 and held_out < 1
        _check("validation_fraction", fractions, "above 0, and below 1 together with the test part")
        _check("foreground", 0 <= self.foreground <= 1, "0 to 1")
        takers = ENCODER_CLASSIFIERS if self.classifies else ENCODER_NETWORKS
        takes = not self.encoder_weights or self.network in takers
        _check("encoder_weights", takes, f"empty for this network; {', '.join(takers)} take a file")
        _check("freeze", self.freeze in FREEZES, ", ".join(FREEZES))
        _check("split", self.split in SPLITS, ", ".join(SPLITS))
        _check("folds", self.folds == 0 or 2 <= self.folds <= MOST_FOLDS, f"2 to {MOST_FOLDS}, or 0 for none")
        _check("fold", 0 <= self.fold < max(1, self.folds), "from 0, below the number of folds")
        _check("scribbles", isinstance(self.scribbles, bool), "true, false")
        _check("approved", isinstance(self.approved, bool), "true, false")
        _check("assigned", all(_is_assignment(word) for word in self.assigned), "train, validation or test, and a key")
        _check("assigned", not (self.assigned and (self.folds or self.split != "patient")), "empty, or no folds")
        _check("patience", 0 <= self.patience <= 10_000, "1 to 10000 epochs, or 0 for never")

    def _validate_class(self) -> None:
        if not self.class_name.strip():
            raise LearningError("class-name-none")
        _check("labels", not self.labels, "none where a class is learnt")
        _check("network", self.network in CLASSIFIERS, ", ".join(CLASSIFIERS))
        _check("loss", self.loss in CLASS_LOSSES, ", ".join(CLASS_LOSSES))
        _check("augment", self.augment in CLASS_AUGMENTATIONS, ", ".join(CLASS_AUGMENTATIONS))
        _check("level", self.level in LEVELS, ", ".join(LEVELS))
        _check("smoothing", 0 <= self.smoothing < 0.5, "0, or below 0.5")

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain data (tuples become lists)."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def of_run(cls, data: Mapping[str, Any]) -> TrainingConfig:
        """Read the settings of a run; before it was a setting, every run mirrored."""
        return cls.from_json({"mirror": "yes", **data})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainingConfig:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        LearningError
            ``setting-unknown`` for a name this version does not know, ``setting-bad`` for a value of
            the wrong kind.
        """
        known = {field.name for field in fields(cls)}
        for name in data:
            if name not in known:
                raise LearningError("setting-unknown", name=name)
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        for name, usual in CLASS_DEFAULTS.items() if values.get("task") == "classify" else ():
            values.setdefault(name, usual)
        values.setdefault("labels", ())
        for name, words in _RENAMED.items():
            if isinstance(values.get(name), str):
                values[name] = words.get(values[name], values[name])
        if isinstance(values.get("prepare"), tuple):
            values["prepare"] = canonical(values["prepare"])
        try:
            config = cls(**values)
            config.validate()
        except TypeError as error:
            raise LearningError("setting-bad", name="config", allowed="numbers, words and lists of words") from error
        return config


def _is_assignment(word: str) -> bool:
    part, _, key = word.partition(" ")
    return part in {"train", "validation", "test"} and bool(key.strip())


def _check(name: str, good: bool, allowed: str) -> None:
    if not good:
        raise LearningError("setting-bad", name=name, allowed=allowed)
