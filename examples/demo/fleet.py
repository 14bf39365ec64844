"""A whole installation on one machine: a coordinator, agents with their HAProxy, everything on loopback and below one directory.
The demo and the process tests use it; nothing in it is special to either."""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import tarfile
import time

import yaml


class CommandError(Exception):
    """A command ended with a code that was not expected; the text holds all it printed."""


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, 0))
        return probe.getsockname()[1]


def wait_until(condition, timeout=30, what="the condition", interval=0.05):
    """Polls until `condition` gives something true and returns it. For states of other programs, which send us no event."""
    end = time.monotonic() + timeout
    last = None
    while time.monotonic() < end:
        try:
            last = condition()
            if last:
                return last
        except (OSError, CommandError, json.JSONDecodeError) as error:
            last = error
        time.sleep(interval)
    raise TimeoutError(f"{what}: not within {timeout} s; last seen: {str(last)[:2000]}")


def proxies_below(directory):
    """The process ids of HAProxy, which outlives its agent: it is known by its configuration below the agent's directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "haproxy" in command and f"{directory}/" in command:
            found.append(int(entry.name))
    return found


def end_processes(pids):
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        time.sleep(0.3)


class Daemon:
    """A process of ours with its log in a file."""

    def __init__(self, name, arguments, log, environment=None):
        self.name, self.arguments, self.log, self.environment = name, arguments, log, environment
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                                            env={**os.environ, **(self.environment or {})})
        return self

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.alive():
            self.process.kill()
        if self.process:
            self.process.wait()

    def stop(self, timeout=20):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()

    def tail(self, lines=30):
        try:
            return "".join(pathlib.Path(self.log).read_text(errors="replace").splitlines(keepends=True)[-lines:])
        except OSError:
            return ""


class Agent(Daemon):
    def __init__(self, fleet, index, labels=None):
        self.fleet, self.index = fleet, index
        self.node = f"node-{index + 1}"
        self.directory = fleet.directory / self.node
        self.directory.mkdir(parents=True, exist_ok=True)
        # Several agents on one machine: each has its own ports and its own part of the loopback network.
        self.address = f"127.{fleet.network}.{index + 1}.1"
        self.gateway_address = f"127.{fleet.network}.{index + 1}.2"
        self.config = self.directory / "agent.toml"
        self.labels = labels or {}
        super().__init__(self.node, [str(fleet.program("towpath-agent")), "--config", str(self.config)], self.directory / "agent.log")

    def write_config(self, token):
        first = self.fleet.first_port + self.index * 200
        quoted = lambda value: json.dumps(str(value))
        lines = [
            f"node_name = {quoted(self.node)}",
            f"coordinator = {quoted(self.fleet.server)}",
            f"join_token = {quoted(token)}",
            f"data_dir = {quoted(self.directory / 'data')}",
            f"address = {quoted('127.0.0.1')}",
            f"port_range = [{first}, {first + 199}]",
            "[labels]",
            *[f"{quoted(key)} = {quoted(value)}" for key, value in self.labels.items()],
            "[proxy]",
            f"listen_address = {quoted(self.gateway_address)}",
            f"service_base = {quoted(f'127.{self.fleet.network + 1 + self.index}.0.0')}",
            "[images]",
            *[f"{quoted(pattern)} = {{ artifact = {quoted(artifact)} }}" for pattern, artifact in self.fleet.images.items()],
        ]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self):
        if not self.config.exists():
            self.write_config(self.fleet.create_token())
        return super().start()

    def proxy_pids(self):
        return proxies_below(self.directory)

    def instance_pids(self):
        found = []
        for record in (self.directory / "data").glob("**/instances/*.json"):
            try:
                containers = json.loads(record.read_text())["containers"]
            except (OSError, json.JSONDecodeError):
                continue
            found += [c["process"]["pid"] for c in containers.values() if "process" in c]
        return found


class Fleet:
    def __init__(self, build, directory, nodes=3):
        self.build, self.directory = pathlib.Path(build).resolve(), pathlib.Path(directory).resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.network = random.randrange(130, 240)
        self.first_port = random.randrange(20, 30) * 1000
        self.port = free_port()
        self.server = f"https://127.0.0.1:{self.port}"
        self.images = {}
        self.data = self.directory / "coordinator"
        self.coordinator_config = self.directory / "coordinator.toml"
        self.coordinator_config.write_text(f'data_dir = "{self.data}"\nlisten = ["127.0.0.1:{self.port}"]\n')
        self.coordinator = Daemon("coordinator", [str(self.program("towpath-coordinator")), "--config", str(self.coordinator_config)],
                                  self.directory / "coordinator.log")
        self.agents = [Agent(self, index) for index in range(nodes)]

    def program(self, name):
        for folder in ("coordinator", "nodeagent", "cli", "examples/shop", "tests/load"):
            path = self.build / folder / name
            if path.exists():
                return path
        raise FileNotFoundError(f"{name} is not built below {self.build}")

    @property
    def kubeconfig(self):
        return self.data / "admin.kubeconfig"

    def start_coordinator(self, timeout=30):
        self.coordinator.start()
        wait_until(lambda: self.kubeconfig.exists() and self.towpath("version", check=False).stdout.count("server") == 1, timeout,
                   "the coordinator answers")
        return self

    def start(self):
        self.start_coordinator()
        for agent in self.agents:
            agent.start()
        wait_until(lambda: len(self.ready_nodes()) == len(self.agents), 60, "all nodes are ready")
        return self

    def stop(self):
        """Ends everything that was started: daemons, proxies, instances, by their process ids."""
        for daemon in [*self.agents, self.coordinator]:
            daemon.stop()
        end_processes([pid for agent in self.agents for pid in agent.proxy_pids() + agent.instance_pids()])

    # --- commands ---

    def _run(self, arguments, check, stdin, timeout, environment):
        result = subprocess.run([str(a) for a in arguments], input=stdin, capture_output=True, text=True, timeout=timeout,
                                env={**os.environ, **environment})
        if check and result.returncode != 0:
            raise CommandError(f"{' '.join(map(str, arguments))} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result

    def towpath(self, *arguments, check=True, stdin=None, timeout=60):
        return self._run([self.program("towpath"), *arguments], check, stdin, timeout, {"TOWPATH_KUBECONFIG": str(self.kubeconfig)})

    def kubectl(self, *arguments, check=True, stdin=None, timeout=60):
        return self._run([os.environ["TOWPATH_KUBECTL"], *arguments], check, stdin, timeout,
                         {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.directory)})

    def create_token(self, uses=1, ttl="1h"):
        return self.towpath("token", "create", "--uses", str(uses), "--ttl", ttl).stdout.strip()

    def apply(self, *objects):
        return self.towpath("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def get(self, resource, name, namespace="default"):
        return json.loads(self.towpath("get", resource, name, "-n", namespace, "-o", "json").stdout)

    def list(self, resource, namespace="default"):
        return json.loads(self.towpath("get", resource, "-n", namespace, "-o", "json").stdout)["items"]

    def ready_nodes(self):
        return [node["metadata"]["name"] for node in self.list("nodes")
                if any(c["type"] == "Ready" and c["status"] == "True" for c in node.get("status", {}).get("conditions", []))]

    def rollout(self, name="shop"):
        return self.get("rollout", name)

    def wait_rollout(self, condition, name="shop", timeout=60, what=None):
        def check():
            rollout = self.rollout(name)
            return rollout if condition(rollout) else None
        try:
            return wait_until(check, timeout, what or "the rollout")
        except TimeoutError as error:
            tree = self.towpath("get", "rollout", name, check=False).stdout
            events = self.towpath("events", check=False).stdout
            raise TimeoutError(f"{error}\n{tree}\n{events}\n{self.coordinator.tail()}") from None

    def wait_healthy(self, name="shop", timeout=90):
        return self.wait_rollout(lambda r: is_current(r) and r["status"].get("phase") == "Healthy", name, timeout, f"{name} is healthy")

    def pods(self, app="shop"):
        return [pod for pod in self.list("pods") if pod["metadata"]["labels"].get("app") == app]

    # --- artifacts of the example service ---

    def make_shop(self, version, *arguments):
        """An artifact of the example service: the program and how this version starts it. Gives its file:// URL."""
        folder = self.directory / "artifacts"
        folder.mkdir(exist_ok=True)
        start = folder / f"start-{version}"
        start.write_text("#!/bin/sh\nexec ./shop --version-text " + " ".join([str(version), *arguments]) + "\n")
        start.chmod(0o755)
        path = folder / f"shop-{version}.tar.gz"
        with tarfile.open(path, "w:gz", compresslevel=1) as tar:
            tar.add(self.program("towpath-shop"), "shop")
            tar.add(start, "start")
        return f"file://{path}"

    def make_shops(self, **versions):
        """make_shops(v1=[], v3=["--fail-ratio", "0.1"]): images registry.example/shop:1 and :3."""
        for name, arguments in versions.items():
            self.make_shop(name.lstrip("v"), *arguments)
        self.images["registry.example/shop:*"] = f"file://{self.directory}/artifacts/shop-*.tar.gz"


def is_current(rollout):
    return rollout.get("status", {}).get("observedGeneration") == str(rollout["metadata"]["generation"])


def condition(rollout, kind):
    for one in rollout.get("status", {}).get("conditions", []):
        if one["type"] == kind:
            return one
    return None
