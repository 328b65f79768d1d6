# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a browser does with the page of `server vnc --web`, by the standard library alone.
#   vnc-viewer.py get URL            the status of the page and how it begins
#   vnc-viewer.py view URL           speaks WebSocket as the page does: prints what the display says
#                                    first, sends its own version and prints the answer; then waits
#                                    for a line of stdin, or for the other end, and closes
#   vnc-viewer.py view URL TOKEN     with another token
#   vnc-viewer.py display SOCKET     a display at SOCKET: says its version, then what it hears, in
#                                    capitals; one line on stdout for each connection's begin and end
#   vnc-viewer.py display tcp WORD   the same at a port of loopback, which it prints; says WORD

import base64
import hashlib
import http.client
import os
import socket
import struct
import sys
import threading
import urllib.parse

DEADLINE = 300


def exactly(stream, n):
    got = b""
    while len(got) < n:
        more = stream.recv(n - len(got))
        if not more:
            raise EOFError
        got += more
    return got


def frame(opcode, data):
    mask = os.urandom(4)
    masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
    assert len(data) < 126
    return bytes([0x80 | opcode, 0x80 | len(data)]) + mask + masked


def read_frame(stream):
    first, length = exactly(stream, 2)
    if length == 126:
        length, = struct.unpack(">H", exactly(stream, 2))
    return first & 15, exactly(stream, length)


def heard(stream):
    opcode, data = read_frame(stream)
    if opcode == 8:
        raise EOFError
    return data


def get(url):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=DEADLINE)
    connection.request("GET", url.path)
    answer = connection.getresponse()
    print(answer.status, "noVNC" in answer.read().decode())


def view(url, token):
    path = urllib.parse.parse_qs(url.query)["path"][0]
    if token:
        path = path.split("=")[0] + "=" + token
    key = base64.b64encode(os.urandom(16)).decode()
    stream = socket.create_connection((url.hostname, url.port), timeout=DEADLINE)
    stream.sendall((f"GET /{path} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += exactly(stream, 1)
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
    assert b" 101 " in head.split(b"\r\n")[0] and accept in head, head
    print(heard(stream).decode().strip(), flush=True)
    stream.sendall(frame(2, b"RFB 003.008\n"))
    print(heard(stream).hex(), flush=True)
    def on_line():
        sys.stdin.readline()
        try:
            stream.sendall(frame(8, struct.pack(">H", 1000)))
            stream.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    threading.Thread(target=on_line, daemon=True).start()
    try:
        while read_frame(stream)[0] != 8:
            pass
    except (EOFError, ConnectionError):
        pass
    print("closed", flush=True)


def serve(connection, greeting):
    print("begin", flush=True)
    connection.sendall(greeting.encode() + b"\n")
    while True:
        heard = connection.recv(4096)
        if not heard:
            break
        if heard == b"end":
            break
        connection.sendall(heard.upper())
    connection.close()
    print("end", flush=True)


def display(path, greeting):
    listening = socket.socket(socket.AF_INET if path == "tcp" else socket.AF_UNIX)
    listening.bind(("127.0.0.1", 0) if path == "tcp" else path)
    listening.listen()
    print("listens", listening.getsockname()[1] if path == "tcp" else "", flush=True)
    while True:
        threading.Thread(target=serve, args=(listening.accept()[0], greeting), daemon=True).start()


def main():
    what, where = sys.argv[1:3]
    if what == "display":
        display(where, sys.argv[3] if len(sys.argv) > 3 else "RFB 003.008")
    url = urllib.parse.urlsplit(where)
    try:
        if what == "get":
            get(url)
        else:
            view(url, sys.argv[3] if len(sys.argv) > 3 else None)
    except (EOFError, ConnectionError):
        print("nothing")
        sys.exit(1)


main()
