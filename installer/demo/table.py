# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of the demonstration: a row a message and recipient, for a terminal of 100 columns or more."""

import shutil
import sys
import textwrap
from dataclasses import dataclass

TITLES = ("WHAT WENT IN", "FOR WHOM", "WHAT CAME OUT", "WHICH RULE DECIDED, AND WHY")
SHARES = (0.225, 0.225, 0.262, 0.288)
NARROWEST, WIDEST = 100, 160
GAP = "  "

BOLD, DIM, RED, GREEN, YELLOW, MAGENTA = "1", "2", "31", "32", "33", "35"
MARKS = {"delivered": ("✔", GREEN), "quarantined": ("◆", YELLOW), "refused": ("✘", RED),
         "bounced": ("↩", MAGENTA), "greylisted": ("◷", YELLOW)}


@dataclass
class Row:
    """One recipient of one message. `message` is empty for further recipients of the same message."""

    message: str
    origin: str
    recipient: str
    fate: str
    output: str
    rule: str
    why: str
    faults: list[str]


Line = tuple[str, str]  # text, style


def paint(text: str, style: str) -> str:
    return f"\033[{style}m{text}\033[0m" if style and sys.stdout.isatty() else text


def _wrap(text: str, width: int, style: str = "") -> list[Line]:
    words = (word if len(word) <= width else word.replace("@", " @") for word in text.split())
    lines = textwrap.wrap(" ".join(words), width, break_on_hyphens=False)
    return [(line, style) for line in lines]


def _cells(row: Row, widths: list[int]) -> list[list[Line]]:
    mark, colour = MARKS.get(row.fate, ("?", RED))
    verdict = [(f"{mark} {row.fate}", f"{BOLD};{colour}")]
    if row.faults:
        verdict = [(f"{mark} {row.fate}  WRONG", f"{BOLD};{RED}")]
    return [
        _wrap(row.message, widths[0], BOLD) + _wrap(row.origin, widths[0], DIM),
        _wrap(row.recipient, widths[1]),
        verdict + _wrap(row.output, widths[2]),
        _wrap(row.rule, widths[3], BOLD) + _wrap(row.why, widths[3]),
    ]


def _print_cells(cells: list[list[Line]], widths: list[int]) -> None:
    for index in range(max(len(cell) for cell in cells)):
        parts = []
        for cell, width in zip(cells, widths):
            text, style = cell[index] if index < len(cell) else ("", "")
            parts.append(paint(text, style) + " " * (width - len(text)))
        print(" " + GAP.join(parts).rstrip())


def print_table(rows: list[Row]) -> None:
    columns = min(max(shutil.get_terminal_size((120, 24)).columns, NARROWEST), WIDEST)
    usable = columns - 1 - len(GAP) * (len(TITLES) - 1)
    widths = [int(usable * share) for share in SHARES]
    rule = " " + "─" * (columns - 2)
    print()
    _print_cells([[(title, BOLD)] for title in TITLES], widths)
    for row in rows:
        if row.message:
            print(paint(rule, DIM))
        _print_cells(_cells(row, widths), widths)
    print(paint(rule, DIM))
    for row in rows:
        for fault in row.faults:
            print(paint(f" WRONG: {row.recipient}: {fault}", RED))
