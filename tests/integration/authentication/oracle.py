# SPDX-License-Identifier: GPL-2.0-or-later
"""DKIM by somebody else's code (python3-dkim), for tests that sign as a stranger or verify what we signed."""

import importlib
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "smtp-peers")]

import peers  # noqa: E402,F401 (makes the harness importable)
import harness  # noqa: E402


def load_dkim():
    """The module, also where python3 is not Debian's own. Skips the test file if it is not installed."""
    for extra in ([], ["/usr/lib/python3/dist-packages"]):
        sys.path += extra
        try:
            return importlib.import_module("dkim")
        except ModuleNotFoundError:
            continue
    return harness.skip_whole_file("python3-dkim is not installed")


dkim = load_dkim()


class Key:
    """An RSA key of a sender."""

    def __init__(self, folder: Path, name: str = "key") -> None:
        file = folder / f"{name}.pem"
        self._openssl("genrsa", "-traditional", "-out", str(file), "2048")
        self.pem = file.read_bytes()
        public = self._openssl("rsa", "-in", str(file), "-pubout")
        self.record = "v=DKIM1; k=rsa; p=" + "".join(public.splitlines()[1:-1])

    @staticmethod
    def _openssl(*arguments: str) -> str:
        return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True,
                              timeout=60).stdout

    def sign(self, message: bytes, domain: str, selector: str = "s1") -> bytes:
        field = dkim.sign(message, selector.encode(), domain.encode(), self.pem,
                          canonicalize=(b"relaxed", b"relaxed"))
        return field + message

    def seal(self, message: bytes, domain: str, selector: str = "s1") -> bytes:
        """An ARC set that says what the message's Authentication-Results field of that domain says."""
        fields = dkim.arc_sign(message, selector.encode(), domain.encode(), self.pem, domain.encode())
        return b"".join(fields) + message


def txt(text: str) -> str:
    """As character-strings of a zone file."""
    return " ".join(f'"{text[at:at + 200]}"' for at in range(0, len(text), 200))


def verifies(message: bytes, record: str) -> bool:
    """Whether the first signature of a message verifies with that key record."""
    return dkim.verify(message, dnsfunc=lambda name, timeout=5: record.encode())
