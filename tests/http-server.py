# SPDX-License-Identifier: LGPL-2.1-or-later
#
# http-server.py FOLDER LOG [CERTIFICATE KEY]: a server that serves FOLDER on a port of loopback
# that it says, and misbehaves as the first part of a path wants it:
#   /file/F       whole, with ETag and ranges       /cut/F     ends in the middle, but for ranges
#   /norange/F    ends in the middle once           /slow/F    stands still in the middle, but for ranges
#   /other/F      with an ETag of its own each time, ends in the middle but for ranges
#   /redirect/F   leads to /file/F                  /loop/F    leads to itself
#   /away/F       leads to file:///                 /plain/F   leads to http where it is https
#   /password/F   wants the password "secret" of the user "me"
#   /busy/F       answers 503                       /endless/F has no length and does not end
#   /forbidden/F  answers 403                       /huge/F    says that it has 2^50 bytes
#   /drip/F       gives one byte a time
# What it was asked for it writes into LOG, a line each: path, range, user.

import base64
import http.server
import os
import ssl
import sys
import time

folder, log = sys.argv[1:3]
times = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def plain(self, code, headers=()):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        path = self.path.split("://", 1)[-1]
        path = path[path.index("/"):].split("?")[0]
        ranges = self.headers.get("Range", "-")
        user = self.headers.get("Authorization", "-")
        with open(log, "a") as out:
            print(self.path, ranges, user, file=out)
        _, how, name = path.split("/", 2)
        times[path] = times.get(path, 0) + 1
        if how == "redirect":
            return self.plain(302, [("Location", "/file/" + name)])
        if how == "loop":
            return self.plain(302, [("Location", path)])
        if how == "away":
            return self.plain(302, [("Location", "file:///etc/passwd")])
        if how == "plain":
            return self.plain(302, [("Location", "http://%s/file/%s" % (self.headers["Host"], name))])
        if how == "busy":
            return self.plain(503)
        if how == "forbidden":
            return self.plain(403)
        if how == "password" and user != "Basic " + base64.b64encode(b"me:secret").decode():
            return self.plain(401, [("WWW-Authenticate", "Basic")])
        try:
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
        except OSError:
            return self.plain(404)
        self.close_connection = True
        if how == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(data)
        if how == "huge":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 50))
            self.end_headers()
            return None
        tag = '"%d"' % (times[path] if how == "other" else len(data))
        start = 0
        if ranges != "-" and how != "norange" and self.headers.get("If-Range", tag) == tag:
            start = int(ranges[len("bytes="):].rstrip("-"))
        if start >= len(data) > 0:
            return self.plain(416, [("Content-Range", "bytes */%d" % len(data))])
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if how == "drip":
            self.wfile.write(data[start:start + 1])
            return None
        half = len(data) // 2
        if start == 0 and (how in ("cut", "slow") or (how in ("norange", "other") and times[path] == 1)):
            self.wfile.write(data[:half])
            self.wfile.flush()
            if how == "slow":
                time.sleep(3600)
            return None
        self.wfile.write(data[start:])
        return None


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[3:5])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
