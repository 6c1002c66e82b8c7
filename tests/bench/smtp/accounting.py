# SPDX-License-Identifier: GPL-2.0-or-later
"""What a system under test costs: processor time through a control group, memory by its shares (PSS).

A control group counts every process that was ever in it, also those that have ended (Postfix starts many),
to the microsecond. cgroup v1 (cpuacct) and v2 are known; both need root.
"""

import contextlib
import os
import threading
from pathlib import Path

V1 = Path("/sys/fs/cgroup/cpuacct")
V2 = Path("/sys/fs/cgroup")


class CpuGroup:
    """A control group below the root one. Use `inside()` around what starts processes."""

    def __init__(self, name: str, parent: "CpuGroup | None" = None) -> None:
        self._is_v1 = (V1 / "cpuacct.usage").exists()
        base = parent.path if parent else V1 if self._is_v1 else V2
        self._home = V1 if self._is_v1 else V2
        self.path = base / f"portcullis-bench-{os.getpid()}-{name}"
        self.path.mkdir()

    @staticmethod
    def is_available() -> bool:
        usable = V1 if (V1 / "cpuacct.usage").exists() else V2
        return os.geteuid() == 0 and os.access(usable / "cgroup.procs", os.W_OK)

    def add(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            (self.path / "cgroup.procs").write_text(str(pid))

    @contextlib.contextmanager
    def inside(self):
        """Children that are started here, and theirs, belong to the group."""
        self.add(os.getpid())
        try:
            yield
        finally:
            (self._home / "cgroup.procs").write_text(str(os.getpid()))

    def seconds(self) -> float:
        """Processor time so far, user and system, of this group and those below it."""
        if self._is_v1:
            return int((self.path / "cpuacct.usage").read_text()) / 1e9
        for line in (self.path / "cpu.stat").read_text().splitlines():
            if line.startswith("usage_usec"):
                return int(line.split()[1]) / 1e6
        raise OSError("no usage_usec in cpu.stat")

    def pids(self) -> list[int]:
        found = []
        for file in self.path.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found += [int(pid) for pid in file.read_text().split()]
        return found

    def remove(self) -> None:
        for folder in [*(each for each in self.path.glob("portcullis-bench-*")), self.path]:
            with contextlib.suppress(OSError):
                folder.rmdir()


def memory(pids: list[int]) -> int:
    """Bytes that these processes hold, what several share counted once."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


class PeakMemory:
    """The largest sum seen, looked at every second in a thread of its own."""

    def __init__(self, group: CpuGroup) -> None:
        self._group = group
        self._stop = threading.Event()
        self.peak = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, memory(self._group.pids()))
            if self._stop.wait(1.0):
                return
