# SPDX-License-Identifier: GPL-2.0-or-later
"""A Razor catalogue server on loopback, as far as Razor's own agents need one."""

import socketserver
import threading
from pathlib import Path


class Catalogue:
    """Knows every fingerprint with the confidence `confidence`; None: none of them. `asked` counts queries."""

    def __init__(self) -> None:
        self.confidence: int | None = 95
        self.asked = 0
        outer = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer._serve(self.rfile, self.wfile)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def write_home(self, folder: Path) -> None:
        """The files by which Razor's agents find this server and no other."""
        folder.mkdir(parents=True)
        folder.joinpath("razor-agent.conf").write_text(
            "debuglevel = 0\nlogfile = /dev/null\nlogic_method = 4\nturn_off_discovery = 1\n")
        # Known well enough not to be asked for its state, which would make agents look for others.
        folder.joinpath("server.127.0.0.1.conf").write_text(
            "ac=21\nbql=4\nbqs=128\ndre=4\nep4=7542-10\nlm=4\nse=88\nsrl=100\nzone=test\n")
        for kind in ("catalogue", "nomination", "discovery"):
            folder.joinpath(f"servers.{kind}.lst").write_text(
                f"127.0.0.1:{self._server.server_address[1]}\n")

    def _serve(self, source, sink) -> None:
        sink.write(b"sn=C&srl=100&a=l&a=cg\r\n")
        while line := source.readline():
            if line.startswith(b"a=q"):
                return
            if line.startswith(b"a=g"):
                sink.write(b"-ep4=7542-10\r\nac=21\r\nbqs=128\r\nbql=4\r\nse=88\r\ndre=4\r\nzone=test\r\n"
                           b"lm=4\r\n.\r\n")
            elif line.startswith(b"a=c"):  # One query alone is no batch.
                self.asked += 1
                sink.write(self._answer())
            elif line.startswith(b"-a=c"):
                queries = 1
                while (more := source.readline()) and more != b".\r\n":
                    queries += 1
                self.asked += 1
                sink.write(b"-" + self._answer() * queries + b".\r\n")

    def _answer(self) -> bytes:
        return b"p=0\r\n" if self.confidence is None else b"p=1&cf=%d\r\n" % self.confidence
