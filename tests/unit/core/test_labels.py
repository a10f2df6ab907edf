from __future__ import annotations

import math
import re

import pytest

from core.errors import InputError
from core.labels import BRAIN_LAYER, DEFAULT_LAYER, PALETTE, LabelSet, layer_name


def test_brain_has_its_own_layer_and_others_share_one():
    labels = LabelSet().with_label("Brain").with_label("Tumour").with_label("Oedema")
    assert [(label.layer, label.value, label.key) for label in labels] == [
        (BRAIN_LAYER, 1, "1"),
        (DEFAULT_LAYER, 1, "2"),
        (DEFAULT_LAYER, 2, "3"),
    ]
    assert len({label.color for label in labels}) == 3
    assert labels.layers == (BRAIN_LAYER, DEFAULT_LAYER)


def test_usual_labels_have_their_usual_colour_whatever_comes_first():
    labels = LabelSet().with_label("Oedema").with_label("Tumour").with_label("Brain").with_label("Haemorrhage")
    colors = {label.name: label.color for label in labels}
    assert (colors["Brain"], colors["Tumour"], colors["Haemorrhage"]) == PALETTE[:3]
    assert colors["Oedema"] not in PALETTE[:3]
    many = LabelSet()
    for number in range(len(PALETTE)):
        many = many.with_label(f"L{number}")
    assert {label.color for label in many} == set(PALETTE)


def test_no_two_labels_of_a_project_have_one_colour():
    many = LabelSet()
    for number in range(250):
        many = many.with_label(f"Piece {number}")
    colors = [label.color for label in many]
    assert len(set(colors)) == 250
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in colors)
    # the first of them can be told apart from all before by eye, not only by their numbers
    parts = [tuple(int(color[place : place + 2], 16) for place in (1, 3, 5)) for color in colors[:20]]
    for later, one in enumerate(parts):
        assert all(math.dist(one, other) > 30 for other in parts[:later])


def test_names_are_one_whatever_their_case():
    labels = LabelSet().with_label("Tumour")
    assert labels.with_label("TUMOUR") is labels
    assert labels.named("tumour").name == "Tumour"
    with pytest.raises(InputError, match="label-unknown"):
        labels.named("Stroke")


def test_a_layer_holds_250_labels_and_no_more():
    labels = LabelSet()
    for number in range(250):
        labels = labels.with_label(f"L{number}")
    assert max(label.value for label in labels) == 250
    with pytest.raises(InputError, match="layer-full"):
        labels.with_label("one more")


def test_layer_names_are_safe_in_file_names():
    assert layer_name("Große Läsion / 2") == "grosse-l-sion-2"
    assert layer_name("...") == DEFAULT_LAYER
