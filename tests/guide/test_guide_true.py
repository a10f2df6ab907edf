"""The guide says what is so: its tools, keys, links, pictures and commands are those of the program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from keys_page import keys_page
from PIL import Image
from scenes import SCENES
from walk import FENCE, TORCHRUN

from core.commands.line import _parser, is_command
from gui import keymap
from gui.actions import ACTIONS, EDITS, words_of
from gui.annotate.rail import TOOLS
from gui.guide import pages
from gui.top_bar import WORKSPACES

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
PICTURES = GUIDE / "pictures"
WORDS = {page: (GUIDE / f"{page}.md").read_text(encoding="utf-8") for page in pages.PAGES}
HELD = {"Ctrl", "Shift", "Alt", "Enter", "Esc", "Backspace", "Delete", "Space", "~"}
"""Keys that are held, or that a tool hears while it draws: not in the keymap (see keys.md)."""
KEY = re.compile(r"<kbd>(.+?)</kbd>")
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")


def section_words(address: str) -> str:
    """Return the Markdown of a section."""
    page, _, slug = address.partition("#")
    if not slug:
        return WORDS[page]
    hidden = FENCE.sub(lambda found: " " * len(found.group()), WORDS[page])
    heads = list(re.finditer(r"^(#+) +(.+)$", hidden, re.MULTILINE))
    for number, head in enumerate(heads):
        if pages.slug_of(head.group(2)) == slug:
            after = [other.start() for other in heads[number + 1 :] if len(other.group(1)) <= len(head.group(1))]
            return WORDS[page][head.start() : after[0] if after else None]
    raise AssertionError(f"no section {address}")


def test_every_page_is_in_the_contents_and_begins_with_its_title() -> None:
    assert {path.stem for path in GUIDE.glob("*.md")} == set(pages.PAGES)
    for page in pages.PAGES:
        first, *others = pages.sections(page)
        assert (first.level, first.slug) == (1, "")
        assert all(section.level > 1 for section in others)
        slugs = [section.slug for section in others]
        assert len(slugs) == len(set(slugs)), f"{page}: two headings of one name"
    linked = {pages.target(link, "README").partition("#")[0] for _picture, link in LINK.findall(WORDS["README"])}
    assert linked >= set(pages.PAGES) - {"README"}


@pytest.mark.parametrize("name", [*TOOLS, *(f"edit_{name}" for name in EDITS)])
def test_every_tool_has_a_section_with_a_picture(name: str) -> None:
    words = section_words(pages.TOPICS[name])
    shown = [link for picture, link in LINK.findall(words) if picture]
    assert shown, f"{name}: no picture"
    assert all((GUIDE / link).is_file() for link in shown)
    for part in ("**How**", "**Tip**", "**It can't**"):
        assert part in words or name == "navigate", f"{name}: {part}"
    usual = keymap.load().keys.get(name, ())
    assert not usual or f"<kbd>{usual[0]}</kbd> {words_of(name).rstrip('…')}" in words or "or <kbd>" in words


@pytest.mark.parametrize("topic", pages.TOPICS)
def test_every_topic_leads_somewhere(topic: str) -> None:
    assert section_words(pages.TOPICS[topic])
    known = {spec.id for spec in ACTIONS} | set(TOOLS)
    panels = {"edit", "labels", "window", "finished", "classes", "second", "history"}
    assert topic in known | panels | {"import", *WORKSPACES}


def test_keys_named_for_an_action_are_the_keymaps() -> None:
    usual = keymap.load().keys
    by_words = {words_of(spec.id).rstrip("…"): usual.get(spec.id, ()) for spec in ACTIONS}
    named = 0
    for page, words in WORDS.items():
        for line in re.findall(r"^\*\*Keys\*\* (.+)$", words, re.MULTILINE):
            for item in line.split(" · "):
                found = re.fullmatch(r"((?:<kbd>[^<]+</kbd>(?: or )?)+) (.+)", item)
                assert found, f"{page}: {item}"
                keys = KEY.findall(found.group(1))
                assert found.group(2) in by_words, f"{page}: nothing is called {found.group(2)}"
                assert set(keys) <= set(by_words[found.group(2)]), f"{page}: {item}"
                assert keys[0] == by_words[found.group(2)][0], f"{page}: {item}"
                named += 1
    assert named > 30


def test_every_other_key_named_is_one_that_does_something() -> None:
    known = {key for keys in keymap.load().keys.values() for key in keys} | HELD
    for page, words in WORDS.items():
        unknown = set(KEY.findall(words)) - known
        assert not unknown, f"{page}: {unknown}"


def test_the_page_of_keys_is_the_keymap() -> None:
    assert WORDS["keys"] == keys_page(), "write it anew with make guide-pictures"


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for picture, link in LINK.findall(FENCE.sub("", WORDS[page])):
        if link.startswith("https://"):
            continue
        if picture:
            assert (GUIDE / link).is_file(), f"{page}: {link}"
            continue
        address = pages.target(link, page)
        assert address, f"{page}: {link} leads out of the guide"
        section_words(address)


def test_pictures_are_small_are_shown_and_come_from_the_script() -> None:
    found = sorted(PICTURES.glob("*.png"))
    assert {path.stem for path in found} == set(SCENES)
    shown = {link for words in WORDS.values() for picture, link in LINK.findall(words) if picture}
    assert {f"pictures/{path.name}" for path in found} <= shown
    sizes = {path.name: path.stat().st_size for path in found}
    assert max(sizes.values()) < 150_000, sizes
    assert sum(path.stat().st_size for path in GUIDE.rglob("*.png")) < 4_000_000
    for path in found:
        with Image.open(path) as picture:
            picture.load()
            assert not picture.info.keys() - {"transparency", "gamma", "dpi"}, f"{path.name} holds more than pixels"
            assert 250 < picture.width <= 1600
            assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 16, f"{path.name} shows nothing"


def commands() -> list[tuple[str, str]]:
    """Return (page, line) of every command shown."""
    lines = []
    for page, words in WORDS.items():
        blocks = "\n".join(block for _, kind, block in FENCE.findall(words) if not kind)
        lines += [(page, line.strip()) for line in blocks.splitlines() if line.strip()]
    return lines


def test_every_block_of_commands_holds_commands() -> None:
    assert len(commands()) > 25
    assert {kind for words in WORDS.values() for _, kind, _ in FENCE.findall(words)} <= {"", "sh", "python"}
    for page, line in commands():
        assert line.startswith(("python main.py", TORCHRUN)), f"{page}: {line}"


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_is_one_that_the_program_takes(page: str, line: str) -> None:
    given = shlex.split(line.replace(TORCHRUN, "python main.py "), comments=True)[2:]
    if not is_command(given):
        assert len(given) <= 1
        return
    parser, _module = _parser(given[0])
    parser.parse_args(given[1:])


def test_the_readme_shows_what_is_there_and_its_commands_are_commands() -> None:
    words = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for _picture, link in LINK.findall(FENCE.sub("", words)) if "://" not in link]
    assert sum(link.endswith((".png", ".gif")) for link in links) >= 3
    assert all((ROOT / link.partition("#")[0]).exists() for link in links), links
    with Image.open(ROOT / "docs" / "loop.gif") as film:
        assert film.n_frames > 20
    assert (ROOT / "docs" / "loop.gif").stat().st_size < 2_000_000
    for line in re.findall(r"^python main\.py (.*?)(?: {4,}.*)?$", words, re.MULTILINE):
        given = shlex.split(line)
        if is_command(given):
            _parser(given[0])[0].parse_args(given[1:])
