#!/usr/bin/env python3
"""./dev bench kube [--rollouts N] [--idle N] [--json FILE]: our controllers on a real control plane whose nodes only pretend. What is measured is ours
alone: memory and CPU as /metrics tells them, requests as it counts them, and wall time from outside."""

import argparse
import concurrent.futures
import json
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from control_plane import ControlPlane, coordinator  # noqa: E402
from fleet import wait_until  # noqa: E402
from pages import counters, page, total  # noqa: E402
from workload import pod_template, rollout  # noqa: E402

NAMESPACES = 10
STEPS = [{"setWeight": 20}, {"pause": {"duration": 1}}, {"setWeight": 50}, {"pause": {"duration": 1}}]
WRITES = {"Create", "Update", "Patch", "Delete"}
LIMITS = {"default limits": (50, 100), "raised limits": (1000, 2000)}
IDLE_SECONDS = 20


class Bench:
    def __init__(self, cluster, build, directory):
        self.cluster, self.build, self.directory = cluster, build, pathlib.Path(directory)
        self.daemon, self.made = None, []
        self.pool = concurrent.futures.ThreadPoolExecutor(8)

    def each(self, function, items):
        return list(self.pool.map(function, items))

    def begin(self, limits):
        """A coordinator with those limits; seconds until its caches are full and it leads."""
        self.end()
        config = self.directory / "coordinator.toml"
        config.write_text(f"[kubernetes]\nelect_leader = false\nrequests_per_second = {limits[0]}\nburst = {limits[1]}\n")
        self.daemon = coordinator(self.build, self.cluster, self.directory, "coordinator", "--config", str(config), "--log-level", "info")
        began = time.monotonic()
        self.daemon.start()
        wait_until(lambda: page(self.daemon, "/readyz")[0] == 200, 120, "it is synced", interval=0.01)
        return round(time.monotonic() - began, 2)

    def end(self):
        if self.daemon:
            self.daemon.stop()
        self.daemon = None

    def usage(self):
        samples = counters(self.daemon)
        requests = [(labels, number) for name, labels, number in samples if name == "controller_clientset_k8s_request_total"]
        return {"cpu": total(samples, "process_cpu_seconds_total"), "bytes": total(samples, "process_resident_memory_bytes"),
                "requests": sum(number for labels, number in requests if labels["verb"] != "Watch"),
                "writes": sum(number for labels, number in requests if labels["verb"] in WRITES)}

    def create(self, count, replicas):
        def one(number):
            made = rollout(f"web-{number}", {"canary": {"maxSurge": 1, "maxUnavailable": 0, "steps": STEPS}}, replicas=replicas)
            made["metadata"]["namespace"] = f"bench-{number % NAMESPACES}"
            self.cluster.create(made)
            return made["metadata"]["namespace"], made["metadata"]["name"]

        self.made += self.each(one, range(len(self.made), len(self.made) + count))

    def healthy(self, version=None):
        """How many are, at that version."""
        count = 0
        for found in self.cluster.list("Rollout"):
            status = found.get("status", {})
            if status.get("phase") != "Healthy" or status.get("observedGeneration") != str(found["metadata"]["generation"]):
                continue
            image = found["spec"]["template"]["spec"]["containers"][0]["image"]
            count += version is None or image.endswith(f":{version}")
        return count

    def update(self, names, version):
        """All get the version at once; what that took until all are healthy with it."""
        before, began = self.usage(), time.monotonic()
        self.each(lambda key: self.cluster.patch("Rollout", *key, {"spec": {"template": pod_template(key[1], version)}}), names)
        wait_until(lambda: self.healthy(version) == len(names), 900, "all are updated", interval=1)
        after = self.usage()
        return {"wall_s": round(time.monotonic() - began, 1), "cpu_s": round(after["cpu"] - before["cpu"], 2),
                "resident_mb": round(after["bytes"] / 2**20, 1), "requests_per_rollout": round((after["requests"] - before["requests"]) / len(names), 1),
                "writes_per_rollout": round((after["writes"] - before["writes"]) / len(names), 1)}

    def idle(self):
        time.sleep(10)  # the first pass over each of them is not idleness
        before = self.usage()
        time.sleep(IDLE_SECONDS)  # the window that is measured
        after = self.usage()
        return {"resident_mb": round(after["bytes"] / 2**20, 1), "idle_cpu_percent": round((after["cpu"] - before["cpu"]) / IDLE_SECONDS * 100, 2)}

    def reactions(self, names, version):
        """From the acknowledgement of a new image to the ReplicaSet that is made for it, one rollout after the other."""
        times = []
        for namespace, name in names:
            self.cluster.patch("Rollout", namespace, name, {"spec": {"template": pod_template(name, version)}})
            began = time.monotonic()
            image = f":{version}"
            wait_until(lambda: any(s["spec"]["template"]["spec"]["containers"][0]["image"].endswith(image)
                                   for s in self.cluster.list("ReplicaSet", namespace, f"app={name}")), 30, "a ReplicaSet", interval=0.001)
            times.append((time.monotonic() - began) * 1000)
        times.sort()
        return {"p50_ms": round(times[len(times) // 2], 1), "p99_ms": round(times[int(len(times) * 0.99)], 1), "samples": len(times)}


def measure(bench, rollouts, idle):
    figures = {}
    bench.begin(LIMITS["raised limits"])
    bench.create(rollouts, 5)
    wait_until(lambda: bench.healthy() == rollouts, 600, "all are there", interval=1)
    busy = list(bench.made)
    for version, (name, limits) in enumerate(LIMITS.items(), start=2):
        key = f"{rollouts} rollouts, {name}"
        figures[key] = {"synced_s": bench.begin(limits), **bench.idle()}
        figures[key]["update"] = bench.update(busy, version)
    figures["reaction"] = bench.reactions(busy[:100], 4)
    wait_until(lambda: bench.healthy() == rollouts, 600, "all are settled", interval=1)
    if idle > rollouts:
        bench.create(idle - rollouts, 1)
        wait_until(lambda: bench.healthy() == idle, 900, "all are there", interval=2)
        figures[f"{idle} idle rollouts"] = {"synced_s": bench.begin(LIMITS["default limits"]), **bench.idle()}
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("tools")
    parser.add_argument("--rollouts", type=int, default=500)
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="towpath-bench-") as directory:
        cluster = ControlPlane(directory, arguments.tools)
        bench = Bench(cluster, arguments.build, directory)
        try:
            cluster.start().apply_definitions()
            for number in range(NAMESPACES):
                cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"bench-{number}"}})
                wait_until(lambda: cluster.get("ServiceAccount", f"bench-{number}", "default"), 60, "the namespace is usable")
            figures = measure(bench, arguments.rollouts, arguments.idle)
        finally:
            bench.end()
            cluster.stop()
    print(json.dumps(figures, indent=2))
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
