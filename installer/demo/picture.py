#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the README's picture from the demonstration's real output: a terminal's text with colours, as SVG.

  script -qec 'stty cols 120; ./quickstart --once' /dev/null | installer/demo/picture.py > docs/images/quickstart.svg
"""

import html
import re
import sys

CELL, LINE, SIZE, MARGIN = 7.23, 16.5, 12, 18  # pixels; a cell is 0.6 em wide in any monospaced font
BACKGROUND, TEXT = "#10151c", "#d4dae3"
COLOURS = {"31": "#ff7b72", "32": "#56d364", "33": "#e3b341", "35": "#d2a8ff"}
SEQUENCE = re.compile(r"\x1b\[([0-9;]*)m")
OTHER_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\r")


def table_of(output: str) -> list[str]:
    """From the titles to the closing line."""
    lines = OTHER_SEQUENCE.sub("", output).splitlines()
    first = next(i for i, line in enumerate(lines) if "WHAT WENT IN" in line)
    last = next(i for i, line in enumerate(lines) if "fates as expected" in line)
    return lines[first:last + 1]


def style_of(codes: set[str]) -> str:
    colour = next((COLOURS[code] for code in codes if code in COLOURS), TEXT)
    weight = ' font-weight="bold"' if "1" in codes else ""
    faint = ' opacity="0.6"' if "2" in codes else ""
    return f'fill="{colour}"{weight}{faint}'


def spans(line: str) -> list[tuple[int, str, set[str]]]:
    """(column, text, codes) for each run of equal style."""
    found, column, codes = [], 0, set()
    for index, piece in enumerate(SEQUENCE.split(line)):
        if index % 2:
            codes = set() if piece in ("", "0") else set(piece.split(";"))
            continue
        for word in re.finditer(r"\S+(?: \S+)*", piece):
            found.append((column + word.start(), word.group(), codes))
        column += len(piece)
    return found


def picture(lines: list[str]) -> str:
    columns = max(len(SEQUENCE.sub("", line)) for line in lines)
    width, height = MARGIN * 2 + columns * CELL, MARGIN * 2 + len(lines) * LINE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
        f'font-size="{SIZE}">',
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
    ]
    for number, line in enumerate(lines):
        y = MARGIN + (number + 0.75) * LINE
        for column, text, codes in spans(line):
            x, length = MARGIN + column * CELL, len(text) * CELL
            if set(text) == {"─"}:
                parts.append(f'<path d="M{x:.1f} {y - 4:.1f}h{length:.1f}" stroke="{TEXT}" opacity="0.25"/>')
                continue
            parts.append(f'<text x="{x:.1f}" y="{y:.1f}" textLength="{length:.1f}" {style_of(codes)}>'
                         f"{html.escape(text)}</text>")
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    sys.stdout.write(picture(table_of(sys.stdin.read())))
