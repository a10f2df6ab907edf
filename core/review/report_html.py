"""A report as one HTML file that needs nothing beside it: for a browser, for paper, and for Qt's printing."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape

from core.messages import text
from core.review.report import Picture, Report, Section, Table

_RIGHT = ' align="right"'
PAGE_WIDTH = 660
"""Width of the text on an A4 page in px (96 to the inch)."""
_STYLE = """
body { font-family: Inter, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 10pt; color: #1b1f24; }
h1 { font-size: 20pt; font-weight: 600; margin-top: 0; margin-bottom: 2px; }
h2 { font-size: 14pt; font-weight: 600; margin-top: 20px; margin-bottom: 6px; color: #17426f; }
h3 { font-size: 11pt; font-weight: 600; margin-top: 12px; margin-bottom: 4px; }
p { margin-top: 2px; margin-bottom: 6px; }
.quiet { color: #5b6572; }
.small { color: #5b6572; font-size: 8.5pt; }
.notice { color: #17426f; font-weight: 600; }
.stamp { color: #b3261e; font-weight: 600; }
th { color: #5b6572; font-weight: 600; font-size: 8.5pt; }
td { font-size: 9pt; }
"""
_BROWSER = """
body { max-width: 900px; margin: 32px auto; padding: 0 24px; line-height: 1.45; background: #ffffff; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 8px; border-bottom: 1px solid #dde2e8; }
th { border-bottom: 1px solid #5b6572; vertical-align: bottom; }
img { max-width: 100%; height: auto; display: block; }
figure { margin: 12px 0; break-inside: avoid; }
.pair { display: flex; gap: 16px; flex-wrap: wrap; } .pair figure { flex: 1 1 380px; }
table, h2, h3 { break-inside: avoid; } h2, h3 { break-after: avoid; }
@page { size: A4; margin: 18mm; }
@media print {
  body { max-width: none; margin: 0; padding: 0; }
  .page { break-before: page; }
  thead { display: table-header-group; }
}
"""


def html(report: Report, *, for_qt: bool = False) -> str:
    """Lay a report out.

    Parameters
    ----------
    for_qt
        In the words of HTML that Qt's documents know: no flexible boxes, widths in pixels
        of a page (:data:`PAGE_WIDTH`).
    """
    parts = [f"<h1>{escape(report.title)}</h1>"]
    parts += [f'<p class="quiet">{escape(line)}</p>' for line in report.lines]
    parts.append(f'<p class="notice">{escape(text("app.research_only"))}</p>')
    parts += [f'<p class="stamp">{escape(stamp)}</p>' for stamp in report.stamps]
    parts.append(_facts(report.facts, for_qt=for_qt))
    parts += [_section(section, for_qt=for_qt) for section in report.sections]
    if report.card:
        parts.append(f"<h2>{escape(text('report.card'))}</h2>{_markdown(report.card)}")
    parts.append(f'<p class="small">{escape(text("app.research_only"))}</p>')
    style = _STYLE if for_qt else _STYLE + _BROWSER
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(report.title)}</title><style>{style}</style></head>\n<body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _section(section: Section, *, for_qt: bool) -> str:
    page = ' style="page-break-before:always"' if section.new_page and for_qt else ""
    kind = ' class="page"' if section.new_page and not for_qt else ""
    parts = [f"<h2{page}{kind}>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(words)}</p>" for words in section.words]
    parts += [_table(table, for_qt=for_qt) for table in section.tables if table.rows]
    wide = [picture for picture in section.pictures if picture.wide]
    beside = [picture for picture in section.pictures if not picture.wide]
    if beside:
        parts.append(_beside(beside, for_qt=for_qt))
    parts += [_picture(picture, PAGE_WIDTH, for_qt=for_qt) for picture in wide]
    return "\n".join(parts)


def _beside(pictures: Sequence[Picture], *, for_qt: bool) -> str:
    if not for_qt:
        return '<div class="pair">' + "".join(_picture(one, 0, for_qt=False) for one in pictures) + "</div>"
    width = PAGE_WIDTH // 2 - 6
    cells = "".join(f'<td width="50%" valign="top">{_picture(one, width, for_qt=True)}</td>' for one in pictures)
    return f'<table width="100%" cellspacing="0" cellpadding="0"><tr>{cells}</tr></table>'


def _picture(picture: Picture, width: int, *, for_qt: bool) -> str:
    source = "data:image/png;base64," + base64.b64encode(picture.content).decode("ascii")
    caption = escape(picture.caption)
    if for_qt:
        width = min(width, _width_of(picture.content))
        return f'<p><img src="{source}" width="{width}"></p><p class="small">{caption}</p>'
    return f'<figure><img src="{source}" alt="{caption}"><figcaption class="small">{caption}</figcaption></figure>'


def _width_of(png: bytes) -> int:
    # IHDR stands first in every PNG
    return int.from_bytes(png[16:20], "big")


def _facts(facts: Sequence[tuple[str, str]], *, for_qt: bool) -> str:
    rows = "".join(
        f'<tr><td width="30%" class="quiet">{escape(name)}</td><td>{escape(value)}</td></tr>' for name, value in facts
    )
    return f'<table width="100%" cellspacing="0" cellpadding="{3 if for_qt else 0}">{rows}</table>'


def _table(table: Table, *, for_qt: bool) -> str:
    page = ' style="page-break-before:always"' if table.new_page and for_qt else ""
    title = f"<h3{page}>{escape(table.title)}</h3>" if table.title else ""
    head = "".join(
        f'<th align="{"left" if number == 0 else "right"}">{escape(name)}</th>'
        for number, name in enumerate(table.header)
    )
    rows = []
    for number, row in enumerate(table.rows):
        # Qt's documents draw no line below a row: every other one is shaded instead
        shade = ' bgcolor="#f3f5f8"' if for_qt and number % 2 == 0 else ""
        cells = "".join(
            f'<td align="{"left" if place == 0 else "right"}">{_kept(value)}</td>' for place, value in enumerate(row)
        )
        rows.append(f"<tr{shade}>{cells}</tr>")
    made = f'<table width="100%" cellspacing="0" cellpadding="{4 if for_qt else 0}">'
    made += f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    note = f'<p class="small">{escape(table.note)}</p>' if table.note else ""
    return f"{title}{made}{note}"


def _kept(value: str) -> str:
    # a number and its unit stay on one line
    short = len(value) <= 16
    return escape(value).replace(" ", "&nbsp;") if short else escape(value)


def _markdown(card: str) -> str:
    """Turn a card into HTML: headings, lists, paragraphs, strong words; anything else stays as it is written."""
    parts: list[str] = []
    items: list[str] = []
    for block in re.split(r"\n\s*\n", card.strip()):
        lines = block.splitlines()
        if all(line.startswith(("- ", "  ")) for line in lines):
            for line in lines:
                if line.startswith("- "):
                    items.append(_inline(line[2:]))
                else:
                    items[-1:] = [f"{items[-1] if items else ''} {_inline(line.strip())}"]
            parts.append("<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>")
            items = []
        elif lines[0].startswith("#"):
            parts.append(f"<h3>{_inline(lines[0].lstrip('# '))}</h3>")
            parts += [f"<p>{_inline(' '.join(lines[1:]))}</p>"] if lines[1:] else []
        else:
            parts.append(f"<p>{_inline(' '.join(lines))}</p>")
    return "\n".join(parts)


def _inline(words: str) -> str:
    made = escape(words)
    made = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", made)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", made)
