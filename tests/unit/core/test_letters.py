"""Words that are drawn into pictures: no letter is a box."""

from __future__ import annotations

import pytest

from core.learning.explore_pictures import Sheet
from core.letters import for_pillow, plain


@pytest.mark.parametrize(
    ("words", "drawn"),
    [
        ("Fläche größer", "Flaeche groesser"),
        ("Fla\u0308che", "Flaeche"),
        ("Ödem", "Oedem"),
        ("Œdème résiduel", "?deme residuel"),
        ("1\u202f234 – 5", "1 234 - 5"),
        ("脑", "?"),
        ("Brain", "Brain"),
    ],
)
def test_plain_letters(words, drawn):
    assert plain(words) == drawn


def test_what_the_typeface_has_stays():
    assert for_pillow("95 % of 3°") == "95 % of 3°" or for_pillow("95 % of 3°").isascii()
    assert for_pillow("Fläche") == "Flaeche"


def test_a_picture_with_umlauts_is_the_one_with_them_spelt_out():
    pictures = [bytes(Sheet(words, height=120).content()) for words in ("Fläche", "Flaeche", "Fl?che")]
    assert pictures[0] == pictures[1]
    assert pictures[0] != pictures[2]
