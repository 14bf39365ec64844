"""Real metric stores from Debian, on loopback and below a directory of the test: Prometheus with an exporter of the test's own,
Graphite (carbon and the web application), and InfluxDB 1."""

import base64
import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest
from fleet import Daemon, free_port, wait_until


def require(program, package):
    """Skips where the store is not installed; in CI that is a failure."""
    if shutil.which(program):
        return
    if os.environ.get("CI"):
        pytest.fail(f"{program} must be installed in CI: apt-get install {package}")
    pytest.skip(f"{program} is not installed: apt-get install {package}")


class Exporter:
    """Gauges that the test sets, as Prometheus scrapes them: gauges["error_ratio", "good"] = 0.01."""

    def __init__(self):
        self.gauges = {}
        exporter = self

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = "".join(f'{name}{{case="{case}"}} {value}\n' for (name, case), value in exporter.gauges.items()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Prometheus(Daemon):
    """Scrapes the exporter every second. `remote` names a store that is read besides and is not there: queries succeed, with warnings.
    `password` is wanted of the user "towpath"."""

    def __init__(self, directory, exporter, remote=False, password=None):
        require("prometheus", "prometheus")
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = directory / "prometheus.yml"
        lines = ["global: {scrape_interval: 1s, scrape_timeout: 1s}",
                 f"scrape_configs: [{{job_name: test, static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]}}]"]
        if remote:
            lines.append(f"remote_read: [{{url: 'http://127.0.0.1:{free_port()}/', read_recent: true}}]")
        config.write_text("\n".join(lines) + "\n")
        arguments = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}",
                     f"--web.listen-address=127.0.0.1:{self.port}"]
        if password:
            web = directory / "web.yml"
            web.write_text(f"basic_auth_users: {{towpath: '{bcrypt(password)}'}}\n")
            arguments.append(f"--web.config.file={web}")
        self.password = password
        super().__init__("prometheus", arguments, directory / "log")

    def start(self):
        super().start()
        wait_until(self.ready, 60, "Prometheus is ready")
        return self

    def query(self, text):
        answer = urllib.request.urlopen(f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": text}), timeout=10)
        return json.load(answer)["data"]["result"]

    def ready(self):
        try:
            return urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).status == 200
        except urllib.error.HTTPError as error:
            return error.code == 401 and self.password


def bcrypt(password):
    import crypt  # of libxcrypt; Python's own module until 3.13
    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))


class Graphite:
    """carbon-cache, which takes points, and graphite-web, which renders them."""

    def __init__(self, directory):
        require("carbon-cache", "graphite-carbon")
        require("graphite-manage", "graphite-web")
        self.directory = pathlib.Path(directory)
        for folder in ("whisper", "log", "conf"):
            (self.directory / folder).mkdir(parents=True)
        self.line_port, self.query_port, self.port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.write_carbon()
        self.write_web()
        environment = {"PYTHONPATH": str(self.directory), "DJANGO_SETTINGS_MODULE": "graphite_test_settings"}
        manage = [sys.executable, "-m", "django"]
        subprocess.run([*manage, "migrate", "--run-syncdb"], check=True, capture_output=True, timeout=120,
                       env={**os.environ, **environment})
        self.daemons = [
            Daemon("carbon", ["carbon-cache", f"--config={self.directory}/conf/carbon.conf", "--nodaemon",
                              f"--pidfile={self.directory}/carbon.pid", "start"], self.directory / "carbon.log"),
            Daemon("graphite", [*manage, "runserver", "--noreload", f"127.0.0.1:{self.port}"], self.directory / "web.log", environment)]

    def write_carbon(self):
        (self.directory / "conf" / "carbon.conf").write_text(f"""[cache]
STORAGE_DIR = {self.directory}
LOCAL_DATA_DIR = {self.directory}/whisper
CONF_DIR = {self.directory}/conf
LOG_DIR = {self.directory}/log
PID_DIR = {self.directory}
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {self.line_port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {free_port()}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {self.query_port}
""")
        (self.directory / "conf" / "storage-schemas.conf").write_text("[all]\npattern = .*\nretentions = 1s:1h\n")

    def write_web(self):
        (self.directory / "graphite_test_settings.py").write_text(f"""from graphite.settings import *
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "of a test"
LOG_DIR = "{self.directory}/log"
STORAGE_DIR = WHISPER_DIR = "{self.directory}/whisper"
STANDARD_DIRS = [WHISPER_DIR]
INDEX_FILE = "{self.directory}/index"
CARBONLINK_HOSTS = ["127.0.0.1:{self.query_port}"]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "{self.directory}/graphite.db"}}}}
""")

    def start(self):
        for daemon in self.daemons:
            daemon.start()
        wait_until(lambda: socket.create_connection(("127.0.0.1", self.line_port), 5).close() is None, 60, "carbon listens")
        wait_until(lambda: urllib.request.urlopen(f"{self.url}/render?target=none&format=json", timeout=10).status == 200, 60,
                   "Graphite answers")
        return self

    def render(self, target):
        answer = urllib.request.urlopen(f"{self.url}/render?" + urllib.parse.urlencode({"target": target, "from": "-5min", "format": "json"}),
                                        timeout=10)
        return json.load(answer)

    def send(self, name, value, at):
        with socket.create_connection(("127.0.0.1", self.line_port), 5) as connection:
            connection.sendall(f"{name} {value} {at}\n".encode())

    def stop(self):
        for daemon in self.daemons:
            daemon.stop()


class Influx(Daemon):
    """InfluxDB 1 with its accounts switched on; towpath may read the database shop."""

    DATABASE, USER, PASSWORD = "shop", "towpath", "read it"

    def __init__(self, directory):
        require("influxd", "influxdb")
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = directory / "influxdb.conf"
        config.write_text(f"""reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{directory}/meta"
[data]
dir = "{directory}/data"
wal-dir = "{directory}/wal"
[http]
bind-address = "127.0.0.1:{self.port}"
auth-enabled = true
max-row-limit = 1000
""")
        super().__init__("influxdb", ["influxd", "-config", str(config)], directory / "log")

    def start(self):
        super().start()
        wait_until(lambda: urllib.request.urlopen(f"{self.url}/ping", timeout=5).status == 204, 60, "InfluxDB answers")
        # Only this may be asked while there is no account.
        self.run("CREATE USER admin WITH PASSWORD 'admin' WITH ALL PRIVILEGES", account=None)
        for statement in (f"CREATE DATABASE {self.DATABASE}", f"CREATE USER {self.USER} WITH PASSWORD '{self.PASSWORD}'",
                          f"GRANT READ ON {self.DATABASE} TO {self.USER}"):
            self.run(statement)
        return self

    def run(self, statement, account="admin"):
        self.post("/query", {"q": statement}, b"", account)

    def write(self, lines):
        self.post("/write", {"db": self.DATABASE, "precision": "s"}, "\n".join(lines).encode(), "admin")

    def post(self, path, query, body, account):
        request = urllib.request.Request(f"{self.url}{path}?{urllib.parse.urlencode(query)}", data=body, method="POST")
        if account:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"{account}:{account}".encode()).decode())
        answer = urllib.request.urlopen(request, timeout=10).read()
        assert b"error" not in answer, answer
