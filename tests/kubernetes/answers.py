"""A service that analyses ask, and templates that ask it."""

import http.server
import json
import threading


class Answers:
    """A service that an analysis asks: {"ok": …} on any path."""

    def __init__(self):
        answers = self
        self.ok, self.asked = True, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answers.asked += 1
                body = json.dumps({"ok": answers.ok, "path": self.path}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def template(url, **metric):
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "ok"},
            "spec": {"args": [{"name": "hash", "value": "none"}],
                     "metrics": [{"name": "ok", "interval": "1s", "count": 2, "successCondition": "result == true",
                                  "provider": {"web": {"url": url + "{{args.hash}}", "jsonPath": "{$.ok}"}}, **metric}]}}


ANALYSIS = {"templates": [{"templateName": "ok"}], "args": [{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]}
