"""What there is to learn a class from: counts of yes and no, without reading a scan."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import LearningError
from core.learning.class_set import find_class_sources
from core.learning.config import TrainingConfig
from core.messages import sentence
from core.project.project import Project


@dataclass(frozen=True)
class ClassSurvey:
    """Counts for a class.

    Parameters
    ----------
    scans, patients, patients_unknown
        Scans of which something is known, their patients, and scans among them whose patient nobody named.
    patients_yes
        Patients with at least one slice that is yes.
    yes, no
        Slices.
    unknown
        Slices of the project of which nobody said what they are.
    refused
        Why nothing can be learnt, in a sentence; empty if it can.
    """

    scans: int = 0
    patients: int = 0
    patients_unknown: int = 0
    patients_yes: int = 0
    yes: int = 0
    no: int = 0
    unknown: int = 0
    refused: str = ""

    @property
    def slices(self) -> int:
        """Slices that can be learnt from."""
        return self.yes + self.no

    @property
    def ready(self) -> bool:
        """Whether a training could learn anything."""
        return not self.refused and self.yes > 0 and self.no > 0


def survey_class(project: Project, config: TrainingConfig) -> ClassSurvey:
    """Count what a training of a class would see."""
    try:
        sources = find_class_sources(project, config)
    except LearningError as error:
        return ClassSurvey(refused=sentence(error))
    yes = sum(sum(source.said.values()) for source in sources)
    used = sum(len(source.said) for source in sources)
    return ClassSurvey(
        scans=len(sources),
        patients=len({source.scan.patient for source in sources}),
        patients_unknown=sum(not source.scan.patient_known for source in sources),
        patients_yes=len({source.scan.patient for source in sources if any(source.said.values())}),
        yes=yes,
        no=used - yes,
        unknown=sum(scan.shape[0] for scan in project.scans()) - used,
    )
