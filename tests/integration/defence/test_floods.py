#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""S14, S15: hundreds of slow clients and a flood of connections, while others are served."""

import concurrent.futures
import contextlib
import socket
import threading
import time

import defence
import harness
from defence import DefenceCase, Dialogue, stranger

GOOD = "203.0.113.250"
ATTACKER = "203.0.113.251"


class FloodTest(DefenceCase):
    mail = {"greet_wait": 1, "conn_count_limit": 20, "command_timeout": 5, "data_timeout": 5, "max_smtpd_in": 100}

    def setUp(self) -> None:
        self.daemon = self.gateway.pids("pmg-smtpd")

    def tearDown(self) -> None:
        self.assertEqual(self.gateway.pids("pmg-smtpd"), self.daemon, self.gateway.stderr()[-2000:])

    def deliver(self, client: str, patience: float = 60) -> str:
        """Sends one mail as a mail server would: comes again when told to come later."""
        deadline = time.monotonic() + patience
        while True:
            with contextlib.suppress(OSError):
                attempt = defence.converse(self.gateway.external, client, "a@outside.test")
                if attempt.is_taken:
                    return attempt.ident
                self.assertRegex(attempt.last, r"^(421|4\d\d)|^$", attempt)
            self.assertLess(time.monotonic(), deadline, "the good client was never served")
            time.sleep(0.2)

    def hold(self, clients: list[str], stack: contextlib.ExitStack) -> list[socket.socket]:
        """Sockets that have become the clients and say no more than one octet now and then."""
        sockets = []
        for client in clients:
            with contextlib.suppress(OSError):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", self.gateway.external), 10))
                if not self.heard(connection).startswith(b"220"):
                    continue  # no place; like any client it may try again
                connection.sendall(b"EHLO proxy.test\r\n")
                self.heard(connection)
                connection.sendall(f"XCLIENT ADDR={client} NAME=[UNAVAILABLE]\r\n".encode())
                sockets.append(connection)
        return sockets

    @staticmethod
    def heard(connection: socket.socket) -> bytes:
        connection.settimeout(10)
        return connection.recv(4096)

    def test_S14_hundreds_of_slow_sockets_of_one_client_take_only_its_share(self):
        served = []
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                held = self.hold([ATTACKER] * 100, stack)
                self.trickle(held)
                served.append(self.deliver(GOOD))
        for ident in served:
            self.sink.wait_for(ident)

    def test_S14_slow_sockets_of_hundreds_of_clients_lose_their_places(self):
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                held = self.hold([stranger() for _ in range(80)], stack)
                self.trickle(held)
                self.sink.wait_for(self.deliver(GOOD))

    @staticmethod
    def trickle(sockets: list[socket.socket]) -> None:
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.sendall(b"E")

    def test_S14_slow_content_loses_its_place(self):
        with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(60) as pool:
            def begin(client: str) -> None:
                with contextlib.suppress(OSError, harness.HarnessError):
                    session = stack.enter_context(Dialogue(self.gateway.external, as_client=client))
                    session.ehlo()
                    session.envelope()
                    session.ask("DATA")
                    session.send(b"Subject: slow\r\n")
            list(pool.map(begin, [stranger() for _ in range(90)]))
            self.sink.wait_for(self.deliver(GOOD))

    def test_S15_flood_of_connections_while_a_good_client_is_served(self):
        end = time.monotonic() + 8
        counts = {"greeted": 0, "refused": 0}
        def flood() -> None:
            while time.monotonic() < end:
                with contextlib.suppress(OSError):
                    with socket.create_connection(("127.0.0.1", self.gateway.external), 5) as connection:
                        counts["greeted" if connection.recv(100).startswith(b"220") else "refused"] += 1
        threads = [threading.Thread(target=flood) for _ in range(30)]
        for thread in threads:
            thread.start()
        idents = []
        while time.monotonic() < end:
            idents.append(self.deliver(GOOD))
        for thread in threads:
            thread.join()
        self.assertGreater(counts["greeted"], 100)
        self.assertGreater(len(idents), 0)
        for ident in idents:
            self.sink.wait_for(ident)

    def test_S15_flood_of_refused_strangers_while_a_good_client_is_served(self):
        end = time.monotonic() + 8
        def flood(client: str) -> None:
            while time.monotonic() < end:
                with contextlib.suppress(OSError):
                    defence.converse(self.gateway.external, client, "a@outside.test", "x@elsewhere.test")
        threads = [threading.Thread(target=flood, args=(stranger(),)) for _ in range(20)]
        for thread in threads:
            thread.start()
        idents = []
        while time.monotonic() < end:
            idents.append(self.deliver(GOOD))
        for thread in threads:
            thread.join()
        for ident in idents:
            self.sink.wait_for(ident)

if __name__ == "__main__":
    defence.main()
