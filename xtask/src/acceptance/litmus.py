"""Stands before a read-only WebDAV server for litmus, which begins with a folder of its own.

It answers MKCOL and DELETE of /litmus/, and maps that folder to one that exists: PORT UP FOLDER.
"""
import http.client
import http.server
import socketserver
import sys

PORT, UP, FOLDER = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
HOP = ("host", "connection", "expect", "content-length", "transfer-encoding", "date")


class Shim(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/litmus/" and self.command in ("MKCOL", "DELETE"):
            return self.reply(201 if self.command == "MKCOL" else 404, [], b"")
        up = http.client.HTTPConnection("127.0.0.1", UP, timeout=20)
        heads = {k: v for k, v in self.headers.items() if k.lower() not in HOP[:3]}
        up.request(self.command, self.path.replace("/litmus/", FOLDER), body, heads)
        answer = up.getresponse()
        data = answer.read().replace(FOLDER.encode(), b"/litmus/")
        heads = [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP]
        return self.reply(answer.status, heads, data)

    def reply(self, status, heads, data):
        self.send_response(status)
        for name, value in heads:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


Server(("127.0.0.1", PORT), Shim).serve_forever()
