"""A proxy between the coordinator and the API server that lets things go wrong as networks and API servers do. From a seed; speaks HTTP/1.1."""

import http.client
import http.server
import json
import random
import socket
import threading
import urllib.parse


def status_body(code, reason, message):
    return json.dumps({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}).encode()


class FaultProxy:
    """`rate` is the share of requests that go wrong; 0 lets all through. `faults` counts what was done."""

    def __init__(self, cluster, seed=1):
        self.cluster, self.random, self.rate = cluster, random.Random(seed), 0.0
        self.lock, self.faults, self.watches = threading.Lock(), {}, set()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except (OSError, http.client.HTTPException):
                    self.close_connection = True

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return lambda: proxy.handle(self)
                raise AttributeError(name)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def fault(self, *kinds):
        """One of the kinds, or None."""
        with self.lock:
            if self.random.random() >= self.rate:
                return None
            kind = self.random.choice(kinds)
            self.faults[kind] = self.faults.get(kind, 0) + 1
            return kind

    def handle(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        if "watch" in query:
            self.pass_watch(request)
        elif request.command != "GET":
            self.pass_write(request, body)
        else:
            kind = self.fault("too many", "server error", "gone") if "limit" in query else self.fault("too many", "server error")
            self.answer(request, kind) if kind else self.forward(request, body)

    def pass_write(self, request, body):
        kinds = ["too many", "lost"]
        if request.command in ("PUT", "PATCH"):
            kinds.append("conflict")
        kind = self.fault(*kinds)
        if kind == "lost":  # carried out, and nobody hears of it
            self.fetch(request, body)
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
        elif kind:
            self.answer(request, kind)
        else:
            self.forward(request, body)

    def answer(self, request, kind):
        code, reason = {"too many": (429, "TooManyRequests"), "conflict": (409, "Conflict"), "server error": (500, "InternalError"), "gone": (410, "Expired")}[kind]
        text = status_body(code, reason, f"a fault of the test: {kind}")
        request.send_response(code)
        if kind == "too many":
            request.send_header("Retry-After", "1")
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def connect(self, request, body):
        connection = http.client.HTTPSConnection("127.0.0.1", self.cluster.port, context=self.cluster.tls, timeout=600)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in ("host", "connection", "accept-encoding")}
        connection.request(request.command, request.path, body or None, headers)
        return connection, connection.getresponse()

    def fetch(self, request, body):
        connection, response = self.connect(request, body)
        text = response.read()
        connection.close()
        return response, text

    def forward(self, request, body):
        response, text = self.fetch(request, body)
        request.send_response(response.status)
        for name in ("Content-Type", "Retry-After"):
            if response.getheader(name):
                request.send_header(name, response.getheader(name))
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def pass_watch(self, request):
        """Refused, or cut at any event, now and then in the middle of one."""
        kind = self.fault("too many", "gone")
        if kind:
            return self.answer(request, kind)
        connection, response = self.connect(request, b"")
        request.send_response(response.status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        with self.lock:
            self.watches.add(connection)
        try:
            while line := response.readline():
                kind = self.fault("cut", "cut within an event")
                if kind == "cut within an event":
                    request.wfile.write(line[: len(line) // 2])
                if kind:
                    return
                request.wfile.write(line)
                request.wfile.flush()
        finally:
            with self.lock:
                self.watches.discard(connection)
            connection.close()
