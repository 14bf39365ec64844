#!/usr/bin/env python3
"""./dev bench [NAME] [--json FILE]: the figures of docs/performance.md. Programs named bench-* print one JSON object each; the rest is measured
here on a whole installation on loopback."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "examples" / "demo"))
sys.path.insert(0, str(ROOT / "tests" / "process"))
from fleet import Fleet, wait_until  # noqa: E402
from shop import image, rollout, route, routed_canary, Load  # noqa: E402

PROMOTIONS = 40


def memory_kb(pid):
    """{"rss", "pss", "private"} in KB, from the kernel's own sums."""
    sums = {"Rss": 0, "Pss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        key = line.split(":")[0]
        if key in sums:
            sums[key] = int(line.split()[1])
    return {"rss": sums["Rss"], "pss": sums["Pss"], "private": sums["Private_Clean"] + sums["Private_Dirty"]}


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


def promote_to_live(fleet):
    """From the CLI's patch being acknowledged (so after the store's commit) to the weight in the node's own map file and proxy: what the
    HTTPRoute's status says is read back from HAProxy by the agent, so its path back to the API is in the figure too."""
    samples = []
    for number in range(PROMOTIONS):
        weight = 30 if number % 2 else 60
        fleet.towpath("apply", "-f", "-", stdin=json.dumps(route("bench", ("bench-stable", 100 - weight), ("bench-canary", weight))))
        acknowledged = time.monotonic()

        def live():
            nodes = fleet.get("httproute", "bench").get("status", {}).get("towpath", {}).get("nodes", [])
            generation = fleet.get("httproute", "bench")["metadata"]["generation"]
            return nodes and all(node.get("generation") == generation for node in nodes)
        wait_until(live, 20, "the weight is live", interval=0.002)
        samples.append(time.monotonic() - acknowledged)
    return quantiles_ms(samples)


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
            before = cpu_seconds(agent.pid), cpu_seconds(fleet.coordinator.pid)
            time.sleep(20)  # the window of the measurement
            figures["agent_idle_10_instances"] = memory_kb(agent.pid) | {"core_percent": round((cpu_seconds(agent.pid) - before[0]) / 20 * 100, 3)}
            figures["coordinator_idle_1_rollout"] = memory_kb(fleet.coordinator.pid) | {
                "core_percent": round((cpu_seconds(fleet.coordinator.pid) - before[1]) / 20 * 100, 3)}
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


def programs(build):
    return {path.name.removeprefix("bench-"): path for path in sorted((build / "tests" / "bench").rglob("bench-*")) if path.is_file() and os.access(path, os.X_OK)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", help="store, whole, sizes, …; all without one")
    parser.add_argument("--build", default="build")
    parser.add_argument("--json", help="also write the figures to this file")
    arguments = parser.parse_args()
    build = pathlib.Path(arguments.build).resolve()
    benches = {name: (lambda path=path: json.loads(subprocess.run([path], check=True, capture_output=True, text=True, timeout=600).stdout))
               for name, path in programs(build).items()}
    benches |= {"sizes": lambda: sizes(build), "whole": lambda: whole(build)}
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
