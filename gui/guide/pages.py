"""The pages of the guide as files: their sections, what a search finds, and which section is about what."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.messages import RESOURCES

GUIDE = RESOURCES.parent / "docs" / "guide"
"""Where the pages and their pictures are: beside the resources, in a checkout and in an installed copy."""
PAGES = ("README", "install", "first-scan", "annotate", "tools", "edit-mask", "view", "train", "review", "teams",
         "import", "formats", "exchange", "coming-from-label-studio", "data", "troubleshooting", "skull-stripping",
         "tumour-unet", "stroke-on-ct", "explore-and-pretrained", "attention-unet", "keys", "commands", "it",
         "developers")  # fmt: skip
"""File names without ``.md``, in the order of reading."""
START = "README"

_FENCE = re.compile(r"^( *)```.*?^\1```\s*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,3}) +(.+?)\s*$", re.MULTILINE)
_PLAIN = re.compile(r"<[^>]+>|!?\[([^\[\]]*)\]\([^)]*\)|[*`_|#>]")

TOPICS: Mapping[str, str] = {
    **{name: f"tools#{name}" for name in ("brush", "erase", "polygon", "lasso", "scissors", "fill", "wand")},
    **{name: f"tools#{name}" for name in ("threshold", "navigate")},
    "level": "tools#trace",
    "background": "tools#outside",
    "suggestions": "edit-mask#suggestions",
    "edit_clear_scribbles": "tools#outside",
    "limit": "tools#draw-only-within-a-range-of-values",
    "limit_invert": "tools#draw-only-within-a-range-of-values",
    "ruler": "tools#measure",
    "edit": "edit-mask",
    "edit_interpolate": "edit-mask#interpolate-between-slices",
    "edit_seeds": "edit-mask#grow-from-seeds",
    "edit_smooth": "edit-mask#smooth",
    "edit_grow": "edit-mask#grow-and-shrink",
    "edit_shrink": "edit-mask#grow-and-shrink",
    "edit_fill_holes": "edit-mask#fill-holes",
    **{f"edit_{name}": "edit-mask#islands" for name in ("keep_largest", "remove_small", "split_islands")},
    **{f"edit_island_{name}": "edit-mask#islands" for name in ("keep", "delete")},
    **{f"edit_{name}": "edit-mask#two-labels" for name in ("unite", "subtract", "intersect")},
    **{
        f"edit_{name}": "edit-mask#copy-paste-and-move"
        for name in ("copy", "copy_next", "copy_previous", "paste", "move")
    },
    "edit_suggest": "edit-mask#suggestions",
    "edit_suggest_region": "edit-mask#suggestions",
    "labels": "view#labels",
    "window": "view#grey-levels",
    "finished": "view#finished-slices",
    "classes": "view#classes",
    "second": "view#a-second-scan",
    "surface": "view#surface",
    "history": "view#history-and-saved-versions",
    "strip_now": "skull-stripping#without-drawing-anything",
    "import": "import",
    "train": "train",
    "review": "review",
    "reader": "teams#who-reads-here",
}
"""What a person may ask about (ids of actions, names of panels and workspaces): page and section."""


@dataclass(frozen=True)
class Section:
    """A part of a page from one heading to the next.

    Parameters
    ----------
    page
        File name without ``.md``.
    title, level
        The heading: its words, and 1 for the page's own.
    slug
        Name of the place, as in links; empty for the top of the page.
    words
        All that stands there, plain, for the search.
    """

    page: str
    title: str
    level: int
    slug: str
    words: str

    @property
    def address(self) -> str:
        """``page#slug``, or the page alone."""
        return f"{self.page}#{self.slug}" if self.slug else self.page


def slug_of(title: str) -> str:
    """Return the name of a heading's place, as code hosts make it."""
    kept = re.sub(r"[^\w\- ]", "", title.casefold())
    return kept.replace(" ", "-")


@functools.cache
def read(page: str) -> str:
    """Return the Markdown of a page.

    Raises
    ------
    OSError
        If it is not there.
    """
    return (GUIDE / f"{page}.md").read_text(encoding="utf-8")


@functools.cache
def sections(page: str) -> tuple[Section, ...]:
    """Return the sections of a page, in order."""
    markdown = read(page)
    # a "#" in a block of commands is no heading
    hidden = _FENCE.sub(lambda found: " " * len(found.group()), markdown)
    found = list(_HEADING.finditer(hidden))
    ends = [*(match.start() for match in found[1:]), len(markdown)]
    made = []
    for match, end in zip(found, ends, strict=True):
        level, title = len(match.group(1)), _plain(match.group(2))
        slug = "" if level == 1 else slug_of(title)
        made.append(Section(page, title, level, slug, _plain(markdown[match.start() : end])))
    return tuple(made)


def _plain(markdown: str) -> str:
    return " ".join(_PLAIN.sub(lambda found: found.group(1) or "", markdown).split())


def search(typed: str) -> list[Section]:
    """Return the sections that hold every word typed, those that say it in their heading first."""
    wanted = typed.casefold().split()
    found = [
        section
        for page in PAGES
        for section in sections(page)
        if all(word in section.words.casefold() for word in wanted)
    ]
    found.sort(key=lambda section: not all(word in section.title.casefold() for word in wanted))
    return found if wanted else []


def target(link: str, page: str) -> str:
    """Return the address (``page#slug``) that a link on a page leads to; empty if it leads out of the guide.

    >>> target("tools.md#brush", "README")
    'tools#brush'
    >>> target("#brush", "tools")
    'tools#brush'
    """
    file, _, slug = link.partition("#")
    name = file.removesuffix(".md") if file else page
    if name not in PAGES or (file and not file.endswith(".md")):
        return ""
    return f"{name}#{slug}" if slug else name
