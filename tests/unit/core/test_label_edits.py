"""Edits of labels are taken back one by one, whatever else was said of labels since."""

from __future__ import annotations

from core.label_edits import reverted
from core.labels import LabelSet


def labels(*names: str) -> LabelSet:
    made = LabelSet()
    for name in names:
        made = made.with_label(name, layer="lesions")
    return made


def test_name_and_colour_go_back_and_come_again() -> None:
    before = labels("One", "Two")
    after = before.with_changed("One", new_name="Uno", color="#123456")
    since = after.with_changed("Two", locked=True).with_label("Three", layer="lesions")
    back = reverted(since, before, after)
    assert [(one.name, one.color) for one in back][:1] == [("One", before.named("One").color)]
    assert back.named("Two").locked
    assert back.find("Three") is not None
    assert reverted(back, after, before) == since


def test_what_was_said_since_of_the_same_field_stays() -> None:
    before = labels("One")
    after = before.with_changed("One", new_name="Uno", color="#123456")
    since = after.with_changed("Uno", color="#654321")
    assert [(one.name, one.color) for one in reverted(since, before, after)] == [("One", "#654321")]


def test_a_label_that_was_added_goes_and_comes_again_with_its_value() -> None:
    before = labels("One", "Two")
    after = before.with_label("Three", layer="lesions")
    assert reverted(after, before, after) == before
    assert reverted(before, after, before) == after


def test_keys_that_changed_places_go_back() -> None:
    before = labels("One", "Two")
    after = before.with_key("One", "2")
    assert [one.key for one in reverted(after, before, after)] == ["1", "2"]


def test_the_order_goes_back_unless_other_labels_came() -> None:
    before = labels("One", "Two", "Three")
    after = before.moved("Three", 0)
    assert [one.name for one in reverted(after, before, after)] == ["One", "Two", "Three"]
    more = after.with_label("Four", layer="lesions")
    assert [one.name for one in reverted(more, before, after)] == ["Three", "One", "Two", "Four"]
    assert reverted(before, after, before) == after
