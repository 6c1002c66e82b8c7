#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes docs/developer/limits.md from the structs called …Limits; with --check compares it.

A limit is a member with a default; its range and reason stand in the comment above or behind it. The tests are
those that include a header of the folder and name the member: a hint where to look, not a proof.
"""

import re
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3]
PAGE = SOURCES / "docs/developer/limits.md"
STRUCT = re.compile(r"^( *)struct (\w*Limits) \{\n(.*?)^\1\};", re.MULTILINE | re.DOTALL)
MEMBER = re.compile(r"^(?:static constexpr )?[\w:<>]+ (\w+)\s*(?:=\s*(.*?)|\{(.*?)\});$")
HEAD = """<!-- Generated from the sources by tests/unit/docs/limits_page.py; do not edit. Make it again with:
     python3 tests/unit/docs/limits_page.py -->
# Limits

Whatever comes from outside meets a limit, and each limit is a member of a struct with its default, range and reason
(house style: limits). What an administrator may set is in [settings.md](../operator/settings.md); the rest is fixed here.
*In tests* names the test sources that speak of a limit.
"""


def statements(body: str):
    """Members as (declaration, comment); a declaration or a comment may go over several lines."""
    declaration, comment = "", ""
    for line in body.splitlines():
        code, _, behind = line.strip().partition("///")
        code, behind = code.strip(), behind.lstrip("<").strip()
        if not code and declaration.endswith(";"):
            if line.strip().startswith("///<"):
                comment += " " + behind
                continue
        if declaration.endswith(";"):
            yield declaration, comment
            declaration, comment = "", ""
        comment = (comment + " " + behind).strip() if behind else comment
        declaration = (declaration + " " + code).strip() if code else declaration
    if declaration:
        yield declaration, comment


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def rows_of(body: str, tests: dict[str, str]) -> list[str]:
    rows = []
    for declaration, comment in statements(body):
        member = MEMBER.match(declaration)
        if member and "(" not in declaration.split("=")[0].split("{")[0]:
            name = member.group(1)
            default = member.group(2) if member.group(2) is not None else member.group(3)
            used = ", ".join(Path(path).stem for path, text in tests.items()
                             if re.search(rf"(\.|::){name}\b", text))
            rows.append(f"| `{name}` | `{cell(default)}` | {cell(comment)} | {used} |")
    return rows


def page() -> str:
    tests = {str(file.relative_to(SOURCES)): file.read_text()
             for file in sorted((SOURCES / "tests").rglob("*.cpp"))}
    text = HEAD
    for header in sorted([*SOURCES.glob("appliance/**/*.h"), *SOURCES.glob("shared/**/*.h")]):
        where = header.relative_to(SOURCES)
        nearby = {path: source for path, source in tests.items() if f'"{where.parent}/' in source}
        for struct in STRUCT.finditer(header.read_text()):
            rows = rows_of(struct.group(3), nearby)
            if rows:
                text += (f"\n## {struct.group(2)}, {where}\n\n| limit | default | range and reason | in tests |\n"
                         "| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return text


def without_tests(text: str) -> str:
    """A new test alone does not make the page wrong."""
    return re.sub(r"[^|\n]*\|$", "", text, flags=re.MULTILINE)


def main() -> int:
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(page())
        return 0
    if without_tests(PAGE.read_text()) == without_tests(page()):
        return 0
    print(f"{PAGE.relative_to(SOURCES)} differs from the sources; make it again with: "
          "python3 tests/unit/docs/limits_page.py")
    return 1


sys.exit(main())
