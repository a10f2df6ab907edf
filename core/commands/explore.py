"""Count what there is to learn from: balance, where the label lies, how bright it is, who looks like whom."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.events import JobEvent
from core.learning.explore import Exploration, Explored, Histogram, explore_job
from core.messages import numeral, text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("--label", dest="labels", action="append", default=[], help=text("explore.help_label"))
    parser.add_argument("--reader", default="", help=text("learning.reader_help"))
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help=text("explore.help_output"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Explore and return the facts."""
    found: list[Exploration] = []

    def told(event: JobEvent) -> None:
        if isinstance(event, Explored):
            found.append(event.found)

    job = explore_job(
        arguments.project,
        tuple(arguments.labels),
        reader=arguments.reader,
        folder=arguments.output,
        should_stop=line.should_stop,
    )
    facts = line.follow(job, told)
    for words in told_in_words(found[0]):
        line.say(words)
    if arguments.output is not None:
        line.say(text("explore.written", count=len(facts["written"]), folder=arguments.output))
    return facts


def told_in_words(found: Exploration) -> list[str]:
    """Return what was found, line by line."""
    lines = [
        text("explore.scans", scans=found.scans, patients=found.patients, slices=found.slices),
    ]
    for size in found.sizes[:5]:
        spacing = (
            ""
            if size.spacing is None
            else text("explore.spacing", sizes=" x ".join(numeral(s, "g") for s in size.spacing[::-1]))
        )
        low, high = size.slices
        slices = str(low) if low == high else f"{low}-{high}"
        lines.append(
            text(
                "explore.size",
                columns=size.columns,
                rows=size.rows,
                slices=slices,
                spacing=spacing,
                scans=len(size.scans),
            )
        )
    if not found.labels:
        return lines
    labels = ", ".join(found.labels)
    lines.append(
        text(
            "explore.balance",
            labels=labels,
            known=found.known,
            shown=found.with_label,
            clean=found.without_label,
            patients=found.patients_with_label,
            percent=numeral(100 * found.label_share, ".3g"),
        )
    )
    if found.scribbled or found.unfinished:
        lines.append(text("explore.open", scribbled=found.scribbled, unfinished=found.unfinished))
    areas = sorted(100 * float(area) for area in found.areas)
    if areas:
        middle = areas[len(areas) // 2]
        lines.append(
            text(
                "explore.areas",
                least=numeral(areas[0], ".2g"),
                middle=numeral(middle, ".2g"),
                most=numeral(areas[-1], ".3g"),
            )
        )
    for key, histogram in (("intensity", found.intensity), ("hue", found.hue)):
        if histogram is not None:
            lines.append(_peaks(key, histogram))
    return lines


def _peaks(key: str, histogram: Histogram) -> str:
    unit = text(f"explore.unit_{histogram.unit.casefold()}")
    return text(
        f"explore.{key}",
        inside=numeral(histogram.peak_inside, ".3g"),
        outside=numeral(histogram.peak_outside, ".3g"),
        unit=unit,
    )
