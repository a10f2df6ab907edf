"""Lower-case ULIDs: 26 characters, sortable by time, safe in every file system."""

from __future__ import annotations

import secrets
import threading
import time

_lock = threading.Lock()
_last = 0
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """Return a new lower-case ULID (48 bits of milliseconds, 80 random bits).

    Within a process each is above the one before, also in the same millisecond and where the clock goes back
    ("Monotonicity" in the specification of ULID), so that what was said first stands first.
    """
    global _last
    with _lock:
        now = int(time.time() * 1000)
        _last = number = (now << 80) | secrets.randbits(80) if now > _last >> 80 else _last + 1
    digits = []
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
