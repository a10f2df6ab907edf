"""Whether a name speaks of a side: what lies left is not what lies right, and must not be mirrored."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS: frozenset[str] = frozenset(
    """
    left right lt rt lh rh lhs rhs l r sinister dexter dx sn
    links linke linker linkes linken rechts rechte rechter rechtes rechten li re
    gauche droit droite izquierdo izquierda derecho derecha
    sinistro sinistra destro destra esquerdo esquerda direito direita
    левый левая левое слева правый правая правое справа
    """.split()  # noqa: SIM905 - a list of fifty quoted words is no easier to read
)
_SIGNS = "左右"
_STARTS = re.compile(r"(?:left|right)(?=[a-z])")
"""Of one word with what it is of: ``lefthippocampus``."""
_NOT_SIDES = re.compile(r"(?:righteous|lefto)")


def speaks_of_a_side(name: str) -> bool:
    """Whether a name says left or right, as a word of its own or a part of one (``Hippocampus_L``, ``ctx-lh-insula``).

    Taking one for a side that is none costs little: the slices are not mirrored.
    """
    apart = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", name)
    words = re.findall(r"[^\W\d_]+", apart.casefold())
    if any(sign in name for sign in _SIGNS) or any(word in _WORDS for word in words):
        return True
    return any(_STARTS.match(word) and not _NOT_SIDES.match(word) for word in words)


def sided(names: Iterable[str]) -> str:
    """Return the first name that speaks of a side, or nothing."""
    return next((name for name in names if speaks_of_a_side(name)), "")
