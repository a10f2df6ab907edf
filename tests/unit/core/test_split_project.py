import json

import numpy as np
import pytest
from exploring_support import add, head, heads_project, resaved

from core.errors import InputError, LearningError, ProjectError
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.dataset import read_training_set
from core.learning.frozen import freeze_test, frozen_patients, frozen_test, refuse_frozen, thaw_test
from core.learning.run_files import LEARNT_FILE
from core.learning.runs import Pin
from core.learning.split import Part, choose_test
from core.learning.split_file import read_assigned
from core.learning.split_project import split_for
from core.learning.survey import candidates
from core.messages import sentence
from core.project.project import Project


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "home"))
    with heads_project(tmp_path / "p.meninx", patients=8) as made:
        yield made


def config(**changes) -> TrainingConfig:
    return TrainingConfig(**{"labels": ("Spot",), "size": 64, "slices": 1, **changes})


def data_of(project, settings):
    job = read_training_set(project, settings, lambda: "")
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def split_of(project, **changes):
    settings = config(**changes)
    settings.validate()
    return split_for(project, settings, data_of(project, settings))


def key(project, number: int) -> str:
    return project.scans()[number].patient


def trained_run(project, scans: dict[str, list], parent: str | None = None):
    run = runs.create_run(project, config(parent=parent))
    runs.write_split(project, run.id, {"schema": 1, **{part: [s.id for s in mine] for part, mine in scans.items()}})
    pins = [Pin(scan.id, part, scan.sha256, {}) for part, mine in scans.items() for scan in mine]
    runs.pin_scans(project, run.id, pins)
    return run


def test_a_project_splits_by_patient(project):
    split = split_of(project)
    assert [len(split.scans[part]) for part in Part] == [6, 1, 1]
    assert not split.leaky


def test_the_frozen_are_the_test_set_of_every_run(project):
    frozen = [key(project, number) for number in (2, 5)]
    made = freeze_test(project, frozen)
    assert frozen_test(project) == made
    tested = {scan.id for scan in project.scans() if scan.patient in frozen}
    for seed in range(4):
        split = split_of(project, seed=seed)
        assert set(split.scans[Part.TEST]) == tested
        assert not tested & {*split.scans[Part.TRAIN], *split.scans[Part.VALIDATION]}
    folded = [split_of(project, folds=3, fold=fold) for fold in range(3)]
    used = [scan for split in folded for part in Part for scan in split.scans[part]]
    assert not tested & set(used)
    sliced = split_of(project, split="slice")
    assert set(sliced.scans[Part.TEST]) >= tested
    assert not tested & set(sliced.slices)


def test_freezing_is_written_once_and_told_in_the_audit(project):
    freeze_test(project, [key(project, 0)])
    with pytest.raises(LearningError, match="freeze-again"):
        freeze_test(project, [key(project, 1)])
    with Project.open(project.path, read_only=True) as other:
        assert frozen_patients(other) == {key(project, 0)}
    assert thaw_test(project)
    assert not thaw_test(project)
    assert frozen_test(project) is None
    assert [row[0] for row in project.store.rows("SELECT action FROM audit ORDER BY sequence")][-2:] == [
        "freeze-test",
        "thaw-test",
    ]


def test_nobody_everybody_and_strangers_are_not_frozen(project):
    for chosen, code in (
        ([], "freeze-nobody"),
        (["stranger"], "freeze-nobody"),
        ([key(project, number) for number in range(8)], "freeze-everybody"),
    ):
        with pytest.raises(LearningError, match=code):
            freeze_test(project, chosen)
    assert frozen_test(project) is None


def test_a_damaged_note_of_the_frozen_stops_the_training(project):
    freeze_test(project, [key(project, 0)])
    with project.store.transaction() as connection:
        connection.execute("UPDATE meta SET value = '{' WHERE key = 'frozen_test'")
    with pytest.raises(ProjectError, match="project-corrupt"):
        split_of(project)


def test_a_run_that_would_learn_from_the_frozen_is_refused_in_words(project):
    split = split_of(project)
    victim = next(scan for scan in project.scans() if scan.id in split.scans[Part.TRAIN])
    freeze_test(project, [victim.patient])
    with pytest.raises(LearningError) as caught:
        refuse_frozen(project, split)
    assert caught.value.code == "frozen-trained"
    assert victim.patient_name in sentence(caught.value)
    with pytest.raises(LearningError) as caught:
        split_of(project, assigned=(f"train {victim.patient}", f"validation {key(project, 7)}"))
    assert caught.value.code in {"split-frozen", "split-patient-twice"}
    assert victim.patient_name in sentence(caught.value)


def test_a_test_set_is_chosen_balanced(project):
    for number in range(4):
        array, _ = head(100 + number, spot=False)
        add(project, array, np.zeros(array.shape, bool), f"clean {number}")
    rows = candidates(project, list(project.labels()))
    chosen = choose_test(rows, 0.25)
    assert len(chosen) == 3
    shows = {row.patient: any(row.amounts) for row in rows}
    assert sorted(shows[one] for one in chosen) == [False, True, True]
    assert choose_test(rows[:3], 0.9) == choose_test(rows[:3], 0.3)
    with pytest.raises(LearningError, match="freeze-few"):
        choose_test(rows[:2], 0.5)


def test_a_childs_check_holds_nobody_its_ancestors_learnt_from(project):
    scans = project.scans()
    grandparent = trained_run(project, {"train": scans[:3], "validation": scans[3:4], "test": []})
    parent = trained_run(project, {"train": scans[4:5], "validation": [], "test": scans[5:6]}, grandparent.id)
    for seed in range(5):
        split = split_of(project, parent=parent.id, seed=seed)
        assert {scan.id for scan in (*scans[:3], scans[4])} <= set(split.scans[Part.TRAIN])
        assert "parent-trained" not in split.reasons
    # a fold leaves no choice: said, not hidden
    folded = [split_of(project, parent=parent.id, folds=4, fold=fold) for fold in range(4)]
    assert any("parent-trained" in split.reasons for split in folded)


def test_the_same_voxels_or_person_under_another_number_are_known(project):
    scans = project.scans()
    run = trained_run(project, {"train": scans[:1], "validation": [], "test": []})
    # the run learnt the same voxels in another project: only the hash is there
    pins = runs.read_pins(project, run.id)
    runs.pin_scans(project, run.id, [Pin("elsewhere", "train", pins[0].scan_sha256, {})])
    runs.write_split(project, run.id, {"schema": 1, "train": ["elsewhere"], "validation": [], "test": []})
    words = (f"train {scans[1].patient}", f"validation {scans[0].patient}")
    assert split_of(project, parent=run.id, assigned=words).reasons == ("parent-trained",)
    assert split_of(project, assigned=words).reasons == ()


def test_a_run_from_another_project_tells_what_it_learnt_there(project):
    scans = project.scans()
    run = trained_run(project, {"train": [], "validation": [], "test": []})
    rows = [{"sha256": scans[0].sha256, "part": "train"}, {"sha256": scans[2].sha256, "part": "test"}]
    file = runs.run_folder(project, run.id) / LEARNT_FILE
    file.write_text(json.dumps({"schema": 1, "name": "Run 1", "scans": rows}), "utf-8")
    for number, reasons in ((0, ("parent-trained",)), (2, ())):
        words = (f"train {scans[1].patient}", f"validation {scans[number].patient}")
        assert split_of(project, parent=run.id, assigned=words).reasons == reasons


@pytest.mark.parametrize("told", ["hash", "pin"])
def test_a_follow_up_of_whom_an_ancestor_learnt_from_stays_in_training(project, told):
    array, _ = head(50)
    first = project.scan(add(project, array, None, "someone"))
    # of the first scan nothing is learnt here: only its patient is the link
    later = project.scan(add(project, *head(51), "someone"))
    assert first.patient == later.patient
    run = trained_run(project, {"train": [first] if told == "pin" else [], "validation": [], "test": []})
    if told == "hash":
        rows = [{"sha256": first.sha256, "part": "train"}]
        file = runs.run_folder(project, run.id) / LEARNT_FILE
        file.write_text(json.dumps({"schema": 1, "name": "Run 1", "scans": rows}), "utf-8")
    for seed in range(4):
        split = split_of(project, parent=run.id, seed=seed)
        assert later.id in split.scans[Part.TRAIN]
        assert split.reasons == ()
    words = (f"train {key(project, 1)}", f"validation {later.patient}")
    assert split_of(project, parent=run.id, assigned=words).reasons == ("parent-trained",)


def test_look_alikes_on_both_sides_are_stamped(project):
    array, mask = head(40, size=128)
    first = add(project, array, mask, "someone")
    again = add(project, resaved(array), np.pad(mask, ((0, 0), (6, 2), (0, 8))), "the same one")
    first, again, other = (project.scan(ref).patient for ref in (first, again, "S0003"))
    apart = split_of(project, size=128, assigned=(f"train {first}", f"validation {again}"))
    assert apart.reasons == ("twins",)
    together = split_of(project, size=128, assigned=(f"train {first}", f"train {again}", f"validation {other}"))
    assert together.reasons == ()


def test_by_slice_only_on_demand_and_stamped(project):
    split = split_of(project, split="slice")
    assert split.reasons[0] == "by-slice"
    assert all(split.scans[part] for part in Part)
    parts = [part for mine in split.slices.values() for part in mine.values()]
    assert [parts.count(part) for part in Part] == [22, 5, 5]


# files


def write(tmp_path, name: str, content: str):
    file = tmp_path / name
    file.write_text(content, "utf-8")
    return file


def test_a_split_file_may_be_json_or_a_table(project, tmp_path):
    scans = project.scans()
    parts = ("train", "train", "validation", "test")
    wanted = tuple(sorted(f"{part} {scan.patient}" for part, scan in zip(parts, scans, strict=False)))
    names = [scan.patient_name for scan in scans]
    first, second = scans[0].name, scans[1].name
    given = {
        "a.json": json.dumps({"train": [names[0], scans[1].name], "val": ["Patient 2"], "test": [scans[3].id]}),
        "b.csv": f"patient,part\n{names[0]},train\npatient 1,training\n{names[2]},val\n{names[3]},TEST\n",
        "c.tsv": f"part\tscan\ntrain\t{first}\ntrain\t{second}\nvalid\t{scans[2].name}\ntest\t{names[3]}\n",
        "d.csv": f"\ufeff{names[0]};train\n{names[1]};train\n\n{names[2]};validation\n{names[3]};test\n",
    }
    for name, content in given.items():
        assert read_assigned(project, write(tmp_path, name, content)) == wanted, name
    split = split_of(project, assigned=wanted)
    assert [len(split.scans[part]) for part in Part] == [2, 1, 1]
    # nothing of the file or of the names is kept
    assert "atient 2" not in json.dumps([wanted, split.to_json()])


def test_who_is_not_named_is_dealt_where_nobody_was_given_to_train(project):
    split = split_of(project, assigned=(f"test {key(project, 0)}", f"test {key(project, 1)}"))
    assert len(split.scans[Part.TEST]) == 2
    assert [len(split.scans[part]) for part in (Part.TRAIN, Part.VALIDATION)] == [5, 1]


def test_given_parts_that_leave_nobody_are_refused(project):
    for words, part in (
        ([f"validation {key(project, number)}" for number in range(8)], "train"),
        ([f"train {key(project, number)}" for number in range(8)], "validation"),
    ):
        with pytest.raises(LearningError) as caught:
            split_of(project, assigned=tuple(words))
        assert caught.value.code == "split-lonely"
        assert caught.value.fields["part"] == part


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('{"train": ["P001"], "test": ["P001"]}', "split-patient-twice"),
        ('{"train": ["P001", "S0001"], "val": ["s0001"]}', "split-patient-twice"),
        ('{"train": ["P001", "nobody", "no one"]}', "split-names-unknown"),
        ('{"learn": ["P001"]}', "split-part-unknown"),
        ('{"train": "P001"}', "split-file-unreadable"),
        ('["P001"]', "split-file-unreadable"),
        ('{"train": [', "split-file-unreadable"),
        ("", "split-file-empty"),
        ('{"train": []}', "split-file-empty"),
        ("a,b,c\n1,2,3\n", "split-file-unreadable"),
        ("patient,part\nP001\n", "split-file-unreadable"),
        ("patient,part\nP001,exam\n", "split-part-unknown"),
    ],
)
def test_a_bad_split_file_is_one_plain_sentence(project, tmp_path, content, code):
    file = write(tmp_path, "split.txt", content)
    with pytest.raises(InputError) as caught:
        read_assigned(project, file)
    assert caught.value.code == code
    words = sentence(caught.value)
    assert "split.txt" in words
    assert str(tmp_path) not in words


def test_a_binary_or_missing_split_file_is_refused(project, tmp_path):
    file = tmp_path / "x.bin"
    file.write_bytes(b"\xff\xfe\x00\x80")
    for path, code in ((file, "split-file-unreadable"), (tmp_path / "none", "file-missing")):
        with pytest.raises(InputError, match=code):
            read_assigned(project, path)
