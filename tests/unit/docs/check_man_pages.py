#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each program has a man page that man(1) reads without a warning and that names the options of --help."""

import re
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3]
PAGES = SOURCES / "docs/man"
PROGRAM = re.compile(r"(?:portcullis_program|add_executable)\((\S+)")
OPTION = re.compile(r"--[a-z][a-z-]*")
EVERYWHERE = {"--help", "--help-all", "--version"}


def page_of(program: str) -> tuple[str, str]:
    """The rendered page and what man complains about."""
    shown = subprocess.run(["man", "-l", "--warnings", str(PAGES / f"{program}.8")], text=True,
                           capture_output=True, check=False,
                           env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "MANWIDTH": "200", "GROFF_NO_SGR": "1"})
    return re.sub(r".\x08", "", shown.stdout), shown.stderr


def faults_of(program: Path) -> list[str]:
    if not (PAGES / f"{program.name}.8").exists():
        return [f"{program.name}: there is no docs/man/{program.name}.8"]
    page, complaints = page_of(program.name)
    help_text = subprocess.run([program, "--help"], text=True, capture_output=True, check=False,
                               stdin=subprocess.DEVNULL, timeout=20).stdout
    in_page = set(OPTION.findall(page)) - EVERYWHERE
    in_help = set(OPTION.findall(help_text)) - EVERYWHERE
    return ([f"{program.name}: {line}" for line in complaints.splitlines()]
            + [f"{program.name}: {option} is not in the man page" for option in in_help - in_page]
            + [f"{program.name}: {option} is not in --help" for option in in_page - in_help])


def main() -> int:
    folder = Path(sys.argv[1])
    names = {name for file in (SOURCES / "appliance").rglob("CMakeLists.txt")
             for name in PROGRAM.findall(file.read_text())}
    programs = [folder / name for name in sorted(names) if (folder / name).is_file()]
    if not programs or not Path("/usr/bin/man").exists():
        print("needs man(1) and the programs: build the target 'programs' first")
        return 77
    faults = [fault for program in programs for fault in faults_of(program)]
    print("\n".join(faults) if faults else f"{len(programs)} pages are in order")
    return 1 if faults else 0


sys.exit(main())
