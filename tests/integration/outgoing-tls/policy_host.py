#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A policy host for MTA-STS: an HTTPS server that answers as the files of a folder say.

policy_host.py FOLDER CERTIFICATE KEY [PORT] prints its port and ends with its standard input. Each
request is noted in FOLDER/requests as "SNI Host path". FOLDER/HOST.raw is sent as it is; else
FOLDER/HOST.txt is served at /.well-known/mta-sts.txt, with the status of FOLDER/HOST.status and the
media type of FOLDER/HOST.type. FOLDER/HOST.slow: no answer.
"""
import http.server
import os
import ssl
import sys
import threading
import time

FOLDER = sys.argv[1]


def read(name, default=None):
    try:
        with open(os.path.join(FOLDER, name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return default


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        host = self.headers["Host"]
        with open(os.path.join(FOLDER, "requests"), "a", encoding="ascii") as log:
            log.write(f"{self.connection.sni} {host} {self.path}\n")
        if read(host + ".slow") is not None:
            time.sleep(60)
        raw = read(host + ".raw")
        if raw is not None:
            self.wfile.write(raw)
            self.close_connection = True
            return
        body = read(host + ".txt")
        if body is None or self.path != "/.well-known/mta-sts.txt":
            self.send_error(404)
            return
        status = int(read(host + ".status", b"200"))
        self.send_response(status)
        self.send_header("Content-Type", read(host + ".type", b"text/plain; charset=utf-8").decode())
        self.send_header("Content-Length", str(len(body)))
        if status // 100 == 3:
            self.send_header("Location", "https://" + host + "/.well-known/mta-sts.txt?again")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def note_name(connection, name, _context):
    connection.sni = name


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    context.sni_callback = note_name
    server = Server(("127.0.0.1", int(sys.argv[4]) if len(sys.argv) > 4 else 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
