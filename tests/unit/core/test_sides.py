import pytest

from core.errors import LearningError
from core.learning.config import TrainingConfig
from core.learning.sides import sided, speaks_of_a_side


@pytest.mark.parametrize(
    "name",
    [
        "left hippocampus",
        "Hippocampus_L",
        "L Thalamus",
        "ctx-lh-insula",
        "RightAmygdala",
        "lefthippocampus",
        "Hippocampus (rechts)",
        "Hippocampe gauche",
        "Putamen.R",
        "Левый желудочек",
        "左海马",
        "Stroke RIGHT",
    ],
)
def test_a_name_of_a_side(name):
    assert speaks_of_a_side(name)


@pytest.mark.parametrize(
    "name", ["Tumour", "Brain", "Bright spot", "Cleft", "Lesion 3", "Liver", "WML", "", "Hippocampus", "Righteous"]
)
def test_a_name_of_no_side(name):
    assert not speaks_of_a_side(name)


def test_the_first_of_several_is_told():
    assert sided(["Brain", "Putamen L", "Putamen R"]) == "Putamen L"
    assert sided(["Brain"]) == ""


def test_slices_are_mirrored_unless_a_label_or_a_class_has_a_side():
    assert TrainingConfig(("Tumour",)).mirrors
    assert not TrainingConfig(("Tumour", "left hippocampus")).mirrors
    assert TrainingConfig(("left hippocampus",), mirror="yes").mirrors
    assert not TrainingConfig(("Tumour",), mirror="no").mirrors
    assert not TrainingConfig.for_class("Side", class_yes=("left",)).mirrors
    assert TrainingConfig.for_class("Stroke").mirrors
    with pytest.raises(LearningError, match="setting-bad"):
        TrainingConfig(("Tumour",), mirror="sometimes").validate()


def test_a_run_of_before_it_was_a_setting_was_mirrored():
    old = TrainingConfig(("left hippocampus",)).to_json()
    del old["mirror"]
    assert TrainingConfig.of_run(old).mirrors
    # whoever trains anew by the same file gets what is right
    assert not TrainingConfig.from_json(old).mirrors
