"""A file's header line by line, for the header panel; identity is hidden unless asked for."""

from __future__ import annotations

from core.io.dicom_file import load_header
from core.io.sniff import Format
from core.io.source import HeaderEntry, Source

_LONGEST = 200


def header_entries(source: Source, identity: bool) -> tuple[HeaderEntry, ...]:
    """Return the header of a source's first file.

    Parameters
    ----------
    source
        What the finder found.
    identity
        Whether values that could tell who the patient is are shown.

    Raises
    ------
    InputError
        What the format's reader says.
    """
    if source.format is not Format.DICOM:
        return ()
    return tuple(
        HeaderEntry(str(element.tag), element.name, str(element.value)[:_LONGEST])
        for element in load_header(source.files[0])
        if identity or element.tag.group not in (0x0008, 0x0010, 0x0020)
    )
