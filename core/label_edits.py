"""Taking back what was said of labels: one added, its name, colour, key or lock, the order they are shown in."""

from __future__ import annotations

from dataclasses import replace

from core.labels import Label, LabelSet

_FIELDS = ("name", "color", "key", "locked")


def reverted(now: LabelSet, before: LabelSet, after: LabelSet) -> LabelSet:
    """Return today's labels without what made ``after`` of ``before``.

    What was said since stays said: a field goes back only where it is still as ``after`` has it, and labels that
    the change does not concern are left alone. The other way round (``after`` and ``before`` swapped) does the
    change again.

    Parameters
    ----------
    now
        The labels as they are.
    before, after
        The labels around the change; neither removes a label with its voxels.
    """
    old, new = _by_place(before), _by_place(after)
    labels: list[Label] = []
    for label in now:
        place = (label.layer, label.value)
        if place in new and place not in old:
            # it was added
            continue
        labels.append(_field_by_field(label, old.get(place), new.get(place)))
    there = {(label.layer, label.value) for label in now}
    labels += [label for place, label in old.items() if place not in new and place not in there]
    return LabelSet(_in_order(labels, list(old), list(new)), now.removed)


def _by_place(labels: LabelSet) -> dict[tuple[str, int], Label]:
    return {(label.layer, label.value): label for label in labels}


def _field_by_field(label: Label, old: Label | None, new: Label | None) -> Label:
    if old is None or new is None:
        return label
    back = {name: getattr(old, name) for name in _FIELDS if getattr(label, name) == getattr(new, name)}
    return replace(label, **back)


def _in_order(labels: list[Label], old: list[tuple[str, int]], new: list[tuple[str, int]]) -> tuple[Label, ...]:
    places = [(label.layer, label.value) for label in labels]
    common = [place for place in old if place in new and place in places]
    if [place for place in new if place in common] == common or set(common) != set(places):
        # the order was not changed, or others came since
        return tuple(labels)
    return tuple(sorted(labels, key=lambda label: old.index((label.layer, label.value))))
