"""Words in the letters of a typeface that has few: what is drawn into pictures without Qt.

The typeface that Pillow carries, and OpenCV's, have plain letters only and draw a box, or a question
mark, for all others: there an umlaut is spelt out (Fläche, Flaeche) and an accent is left off.
"""

from __future__ import annotations

import functools
import unicodedata

_SPELT = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "ß": "ss",
        "ø": "o",
        "Ø": "O",
        "æ": "ae",
        "Æ": "Ae",
    }
    | {
        "×": "x",
        "÷": "/",
        "–": "-",
        "—": "-",
        "−": "-",
        "„": '"',
        "≤": "<=",
        "≥": ">=",
        "→": "->",
        "µ": "u",
        "…": "...",
    }
    | {"“": '"', "”": '"', "’": "'", "·": "-", "\u202f": " ", "\u2009": " ", "\u00a0": " ", "…": "..."}
)


def plain(words: str) -> str:
    """Return words in plain ASCII: umlauts spelt out, accents left off, ``?`` for what has no such letter."""
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", words).translate(_SPELT))
    letters = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return letters.encode("ascii", "replace").decode()


def for_pillow(words: str) -> str:
    """Return words with every letter that Pillow's own typeface lacks in plain ones."""
    return (
        words
        if words.isascii()
        else "".join(one if _has(one) else plain(one) for one in unicodedata.normalize("NFC", words))
    )


@functools.lru_cache(maxsize=1024)
def _has(letter: str) -> bool:
    from PIL import ImageFont

    font = ImageFont.load_default(20)
    return letter.isascii() or bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
