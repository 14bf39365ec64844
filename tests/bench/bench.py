#!/usr/bin/env python3
"""./dev bench [NAME] [--json FILE]: the figures of docs/performance.md. Programs named bench-* print one JSON object each; the rest is measured
here on a whole installation on loopback."""

import argparse
import base64
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import resource
import ssl
import subprocess
import sys
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "examples" / "demo"))
sys.path.insert(0, str(ROOT / "tests" / "process"))
from fleet import Fleet, wait_until  # noqa: E402
from judge_test import judge_template, judged_canary, measurement  # noqa: E402
from shop import GATEWAY, ask, image, rollout, route, routed_canary, services, Load  # noqa: E402
from stores import Exporter, Prometheus  # noqa: E402

PROMOTIONS = 40
IDLE_SECONDS = 20  # the window of a measurement of idle CPU
HELPERS = {"fleet"}  # programs that are driven by a benchmark of this file, not run alone


def memory_kb(pid):
    """{"rss", "pss", "private"} in KB. Private is what this process alone pays for: what it wrote, and the pages of its own program. Clean pages of
    libraries are not in it, whether or not another process happens to map them too."""
    sums = {"rss": 0, "pss": 0, "private": 0}
    is_library = False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            is_library = ".so" in words[-1]
        elif words[0] in ("Rss:", "Pss:"):
            sums[words[0][:-1].lower()] += int(words[1])
        elif words[0] == "Private_Dirty:" or words[0] == "Private_Clean:" and not is_library:
            sums["private"] += int(words[1])
    return sums


def cpu_seconds(pid):
    """Of all threads that live, to the nanosecond (/proc/PID/stat counts in hundredths)."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def quantiles_ms(seconds):
    ordered = sorted(seconds)
    at = lambda q: ordered[min(len(ordered) - 1, int(q * len(ordered)))]
    return {"p50_ms": round(at(0.5) * 1000, 1), "p99_ms": round(at(0.99) * 1000, 1), "samples": len(ordered)}


def sizes(build):
    figures = {}
    for name in ("coordinator/towpath-coordinator", "nodeagent/towpath-agent", "cli/towpath"):
        path = build / name
        with tempfile.NamedTemporaryFile() as stripped:
            subprocess.run(["strip", "-o", stripped.name, path], check=True)
            figures[path.name] = {"bytes": path.stat().st_size, "stripped_bytes": os.path.getsize(stripped.name)}
    return figures


class Api:
    """The REST API as the administrator, on one kept connection: starting a command costs more than what is measured."""

    def __init__(self, fleet):
        config = yaml.safe_load(fleet.kubeconfig.read_text())
        self.token = config["users"][0]["user"]["token"]
        self.ca_file = fleet.directory / "ca.pem"
        self.ca_file.write_bytes(base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]))
        context = ssl.create_default_context(cafile=self.ca_file)
        self.connection = http.client.HTTPSConnection("127.0.0.1", fleet.port, context=context, timeout=30)
        self.connection.connect()

    def merge(self, path, patch):
        self.connection.request("PATCH", path, body=json.dumps(patch),
                                headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/merge-patch+json"})
        response = self.connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {body[:500]}")


@contextlib.contextmanager
def gateway(agent):
    connection = http.client.HTTPConnection(agent.gateway_address, 8080, timeout=10)

    def version():
        connection.request("GET", "/steps")
        response = connection.getresponse()
        response.read()
        return response.getheader("X-Version")
    yield version
    connection.close()


def promote_to_live(fleet):
    """From the answer to a promotion (so after the store's commit) to the first request at the node's gateway that the other version answers: the
    steps take all requests to and fro, and one kept connection asks as fast as it is answered."""
    steps = [{"setCanaryScale": {"replicas": 1}}]
    for _ in range(PROMOTIONS // 2):
        steps += [{"setWeight": 100}, {"pause": {}}, {"setWeight": 0}, {"pause": {}}]
    fleet.apply(*routed_canary("steps", [*steps, {"setWeight": 100}, {"pause": {}}], replicas=1))
    fleet.wait_healthy("steps", 120)
    fleet.towpath("set", "image", "steps", f"shop={image(2)}")
    paused = lambda r: r["status"].get("pauseConditions")
    fleet.wait_rollout(paused, "steps")
    api, samples = Api(fleet), []
    with gateway(fleet.agents[0]) as version:
        now = version()
        for _ in range(PROMOTIONS):
            api.merge("/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/steps/status", {"status": {"pauseConditions": None}})
            answered, other = time.monotonic(), now
            while other == now:
                other = version()
                if time.monotonic() - answered > 20:
                    raise TimeoutError("the weight is not live")
            samples.append(time.monotonic() - answered)
            now = other
            fleet.wait_rollout(paused, "steps")
    fleet.towpath("delete", "rollout", "steps")
    return quantiles_ms(samples)


def idle(pid):
    """Memory and the share of a core over a while in which nothing is asked for."""
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return memory_kb(pid) | {"core_percent": round((cpu_seconds(pid) - before) / IDLE_SECONDS * 100, 3)}


class SimulatedNodes:
    """bench-fleet: many nodes in one process. Their disks are memory: in a fleet each node has its own."""

    def __init__(self, build, fleet, nodes):
        self.disks = tempfile.TemporaryDirectory(prefix="towpath-bench-", dir="/dev/shm")
        api = Api(fleet)
        token = fleet.create_token(uses=max(nodes, 1))
        self.process = subprocess.Popen(
            [build / "tests/bench/fleet/bench-fleet", "--url", fleet.server, "--ca", api.ca_file, "--nodes", str(nodes), "--directory", self.disks.name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"TOWPATH_TOKEN": api.token, "TOWPATH_JOIN_TOKEN": token})
        self.joined = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("bench-fleet has ended")
        return json.loads(line)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.disks.cleanup()


@contextlib.contextmanager
def coordinator_with(build, nodes):
    with tempfile.TemporaryDirectory(prefix="towpath-bench-") as directory:
        fleet = Fleet(build, directory, nodes=0)
        simulated = None
        try:
            fleet.start_coordinator()
            simulated = SimulatedNodes(build, fleet, nodes)
            yield fleet, simulated
        finally:
            if simulated:
                simulated.close()
            fleet.stop()


def many_nodes(build, nodes, rollouts=50):
    """A coordinator with simulated nodes: its memory, what it does when nothing happens, and how long a committed change of weights is on its way
    to every node."""
    with coordinator_with(build, nodes) as (fleet, simulated):
        figures = {"joined_seconds": simulated.joined["seconds"], "connected": memory_kb(fleet.coordinator.pid)}
        fleet.apply(*services("bench", "stable", "canary"), GATEWAY, route("bench", ("bench-stable", 70), ("bench-canary", 30)))
        fleet.apply(*[rollout(f"many-{number}", {"canary": {}}, replicas=2) for number in range(rollouts)])
        wait_until(lambda: all(r.get("status", {}).get("phase") == "Healthy" for r in fleet.list("rollouts")), 300, "all rollouts are healthy", interval=1)
        wait_until(lambda: any(c["type"] == "Programmed" and c["status"] == "True" for c in fleet.get("gateway", "front")["status"]["conditions"]), 60,
                   "the Gateway is programmed")
        figures["idle"] = idle(fleet.coordinator.pid)
        figures["weight_to_all_nodes"] = simulated.ask("weights", "bench", PROMOTIONS)
        figures["after_changes"] = memory_kb(fleet.coordinator.pid)
        return figures


def watch_fan_out(build, watchers=1000):
    """From the answer to a change until each of many watchers, over TLS, has its event."""
    with coordinator_with(build, 0) as (fleet, simulated):
        fleet.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fan-out"}, "data": {"n": ""}})
        figures = simulated.ask("watchers", watchers, PROMOTIONS)
        figures["coordinator"] = memory_kb(fleet.coordinator.pid)
        return figures


def whole(build):
    figures = {}
    with tempfile.TemporaryDirectory(prefix="towpath-bench-") as directory:
        fleet = Fleet(build, directory, nodes=1)
        fleet.make_shops(v1=[], v2=[])
        try:
            fleet.start()
            agent = fleet.agents[0]
            figures["coordinator_idle_no_rollouts"] = memory_kb(fleet.coordinator.pid)
            fleet.apply(*routed_canary("bench", [{"setWeight": 20}, {"pause": {}}], replicas=10))
            fleet.wait_healthy("bench", 120)
            figures["coordinator_idle_1_rollout"] = idle(fleet.coordinator.pid)
            figures["agent_idle_10_instances"] = idle(agent.pid)
            fleet.towpath("set", "image", "bench", f"shop={image(2)}")
            fleet.wait_rollout(lambda r: r["status"].get("pauseConditions"), "bench")
            with Load(fleet, "/bench", rate=500) as load:
                figures["promote_to_weight_live_1_node"] = promote_to_live(fleet)
                figures["agent_under_load"] = memory_kb(agent.pid)
                figures["coordinator_under_load"] = memory_kb(fleet.coordinator.pid)
            figures["requests_during_weight_changes"] = {"sent": load.result["sent"], "failed": load.result["failed"]}
            fleet.towpath("promote", "bench", "--full")
            fleet.wait_healthy("bench", 120)
            for number in range(50):
                fleet.apply(rollout(f"many-{number}", {"canary": {}}, replicas=0))
            wait_until(lambda: all(r.get("status", {}).get("phase") for r in fleet.list("rollouts")), 60, "50 rollouts are synced")
            figures["coordinator_51_rollouts"] = memory_kb(fleet.coordinator.pid)
        finally:
            fleet.stop()
    return figures


def edge_verdict(build, rates=(50, 500, 5000)):
    """A version that fails 5 % of its requests gets a fifth of the traffic on one node, judged by towpath/judge from the proxy's counters: the time
    from the first failed request to the last that the version answered, and how many users it hit. With the default test, and per request."""
    figures = {}
    with tempfile.TemporaryDirectory(prefix="towpath-bench-") as directory:
        fleet = Fleet(build, directory, nodes=1)
        fleet.make_shops(v1=[], v5=["--fail-ratio", "0.05"])
        try:
            fleet.start()
            for rate in rates:
                for label, settings in (("default", {}), ("per_request", {"burst": 1})):
                    figures[f"{rate}_per_second_{label}"] = roll_back(fleet, f"bad-{rate}-{label.replace('_', '-')}", rate, settings)
        finally:
            fleet.stop()
    return figures


def roll_back(fleet, name, rate, settings):
    fleet.apply(*judged_canary(name, judge_template(name, route=name, **settings), replicas=2))
    fleet.wait_healthy(name, 120)
    wait_until(lambda: ask(fleet.agents[0], f"/{name}")[0] == 200, 60, "the route is served")
    with Load(fleet, f"/{name}", rate=rate) as load:
        time.sleep(2)
        fleet.towpath("set", "image", name, f"shop={image(5)}")
        fleet.wait_rollout(lambda r: r["status"].get("phase") == "Degraded", name, 600)
        time.sleep(1)
    canary = load.result["by_version"]["5"]
    verdict = measurement(fleet, name)
    fleet.towpath("delete", "rollout", name)
    return {"requests_sent": load.result["sent"], "seconds_to_weight_0": (canary["last_ms"] - canary["first_failed_ms"]) / 1000,
            "users_hit": canary["failed"], "requests_on_the_bad_version": canary["ok"] + canary["failed"],
            "failed_elsewhere": load.result["failed"] - canary["failed"], "windows": json.loads(verdict["value"])["windows"]}


RUNS_SECONDS = 120  # of the window of many_runs, after all have measured twice


def many_runs(build, runs=1000, interval=10):
    """Many AnalysisRuns beside each other, each with one query to one real Prometheus every ten seconds. The coordinator is bound to one core.
    `late` is how much longer than the interval it took from one measurement to the next."""
    figures = {}
    with tempfile.TemporaryDirectory(prefix="towpath-bench-") as directory:
        fleet, exporter = Fleet(build, directory, nodes=0), Exporter()
        exporter.gauges["error_ratio", "good"] = 0.01
        prometheus = Prometheus(pathlib.Path(directory) / "prometheus", exporter)
        try:
            fleet.start_coordinator()
            prometheus.start()
            subprocess.run(["taskset", "-apc", "0", str(fleet.coordinator.pid)], check=True, capture_output=True)
            wait_until(lambda: prometheus.query("error_ratio"), 30, "a scrape")
            metric = {"name": "errors", "interval": f"{interval}s", "successCondition": "result[0] < 0.05",
                      "provider": {"prometheus": {"address": prometheus.url, "query": 'error_ratio{case="good"}'}}}
            for first in range(0, runs, 100):
                fleet.apply(*[{"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": f"run-{number:04}"},
                               "spec": {"metrics": [metric]}} for number in range(first, min(first + 100, runs))])
            wait_until(lambda: all(measured(run) >= 2 for run in fleet.list("analysisruns")), 120, "all have measured twice", interval=2)
            before, cpu, started = {run["metadata"]["name"]: measured(run) for run in fleet.list("analysisruns")}, cpu_seconds(fleet.coordinator.pid), time.monotonic()
            time.sleep(RUNS_SECONDS)
            cpu, took = cpu_seconds(fleet.coordinator.pid) - cpu, time.monotonic() - started
            after = fleet.list("analysisruns")
            figures["measurements_per_second"] = round(sum(measured(run) - before[run["metadata"]["name"]] for run in after) / took, 1)
            figures["core_percent"] = round(cpu / took * 100, 1)
            figures["coordinator"] = memory_kb(fleet.coordinator.pid)
            figures["late"] = quantiles_ms(gap - interval for run in after for gap in gaps(run))
            figures["not_running"] = sum(run["status"]["phase"] != "Running" for run in after)
            figures["errors"] = sum(run["status"]["metricResults"][0].get("error", 0) for run in after)
        finally:
            prometheus.stop()
            exporter.stop()
            fleet.stop()
    return figures


def measured(run):
    results = run.get("status", {}).get("metricResults")
    return results[0].get("count", 0) if results else 0


def gaps(run):
    """Whole seconds, as the status has them."""
    starts = [datetime.datetime.fromisoformat(m["startedAt"].replace("Z", "+00:00")) for m in run["status"]["metricResults"][0]["measurements"]]
    return [(after - before).total_seconds() for before, after in zip(starts, starts[1:])]


def programs(build):
    return {path.name.removeprefix("bench-"): path for path in sorted((build / "tests" / "bench").rglob("bench-*"))
            if path.is_file() and os.access(path, os.X_OK) and path.name.removeprefix("bench-") not in HELPERS}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", help="store, verdict, reconcile, sizes, whole, watch, edge-verdict, runs, nodes; all without one")
    parser.add_argument("--build", default="build")
    parser.add_argument("--nodes", type=int, default=100, help="of the benchmark nodes")
    parser.add_argument("--json", help="also write the figures to this file")
    arguments = parser.parse_args()
    build = pathlib.Path(arguments.build).resolve()
    benches = {name: (lambda path=path: json.loads(subprocess.run([path], check=True, capture_output=True, text=True, timeout=3000).stdout))
               for name, path in programs(build).items()}
    benches |= {"sizes": lambda: sizes(build), "whole": lambda: whole(build), "watch": lambda: watch_fan_out(build), "edge-verdict": lambda: edge_verdict(build),
                "runs": lambda: many_runs(build),
                "nodes": lambda: many_nodes(build, arguments.nodes)}
    # A connection is a file here and in the coordinator.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if arguments.name and arguments.name not in benches:
        parser.error(f"no such benchmark; there are {', '.join(benches)}")
    figures = {}
    for name, run in benches.items():
        if arguments.name in (None, name):
            figures[name] = run()
            print(json.dumps({name: figures[name]}, indent=2), flush=True)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
