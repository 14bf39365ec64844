#!/usr/bin/env python3
"""./dev run: a coordinator and three agents on loopback, a real service under steady load, a good version that is rolled out and a bad
one that is caught by its error ratio and rolled back by itself. Everything that is shown is read from the API and from the proxies."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fleet import Fleet, Daemon, is_current, wait_until  # noqa: E402

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "shop"
BOLD, DIM, RESET = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


class Load:
    """Steady load on the gateways of all nodes; keeps the newest line of each generator and the sums."""

    def __init__(self, fleet, rate):
        self.lines = {}
        self.readers = []
        self.processes = []
        for agent in fleet.agents:
            process = subprocess.Popen(
                [str(fleet.program("towpath-load")), "--url", f"http://{agent.gateway_address}:8080/", "--rate", str(rate // len(fleet.agents)),
                 "--duration", "3600s", "--fresh-share", "0.3", "--stream"], stdout=subprocess.PIPE, text=True, start_new_session=True)
            self.processes.append(process)
            reader = threading.Thread(target=self._read, args=(agent.node, process), daemon=True)
            reader.start()
            self.readers.append(reader)

    def _read(self, node, process):
        for line in process.stdout:
            try:
                self.lines[node] = json.loads(line)
            except json.JSONDecodeError:
                pass

    def totals(self):
        """{"sent", "failed", "by_version": {version: {"ok", "failed"}}} since the start."""
        totals = {"sent": 0, "failed": 0, "by_version": {}, "failures": {}}
        for line in list(self.lines.values()):
            totals["sent"] += line["sent"]
            totals["failed"] += line["failed"]
            for why, count in line["failures"].items():
                totals["failures"][why] = totals["failures"].get(why, 0) + count
            for version, counts in line["by_version"].items():
                of = totals["by_version"].setdefault(version, {"ok": 0, "failed": 0})
                of["ok"] += counts["ok"]
                of["failed"] += counts["failed"]
        return totals

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()


def say(text):
    print(f"\n{BOLD}{text}{RESET}", flush=True)


def measured_share(before, after, version):
    """Share of the version among the answers between two totals, in percent."""
    def answers(totals):
        return {v: c["ok"] + c["failed"] for v, c in totals["by_version"].items()}
    old, new = answers(before), answers(after)
    delta = {v: new[v] - old.get(v, 0) for v in new}
    total = sum(delta.values())
    return 100 * delta.get(version, 0) / total if total else 0


def follow(fleet, load, version, done, timeout, give_up=lambda rollout: False):
    """Prints a line whenever something changes, until `done(rollout)`."""
    end = time.monotonic() + timeout
    shown, window = None, [load.totals()]
    while time.monotonic() < end:
        rollout = fleet.rollout()
        status = rollout.get("status", {})
        weight = status.get("canary", {}).get("weights", {}).get("canary", {}).get("weight", 0)
        steps = len(rollout["spec"]["strategy"]["canary"]["steps"])
        now = load.totals()
        window = [*window[-5:], now]  # some three seconds
        share = measured_share(window[0], now, version)
        pods = fleet.pods()
        ready = sum(any(c["type"] == "Ready" and c["status"] == "True" for c in p.get("status", {}).get("conditions", [])) for p in pods)
        state = (status.get("phase"), status.get("currentStepIndex"), weight, ready, len(pods), round(share / 5))
        if state != shown:
            shown = state
            failed = {v: c["failed"] for v, c in sorted(now["by_version"].items())}
            print(f"  {status.get('phase', '-'):<12} step {status.get('currentStepIndex', '-')}/{steps}  weight of version {version}: "
                  f"wanted {weight:>3} %, measured {share:5.1f} %  instances ready {ready}/{len(pods)}  failed by version {failed}, "
                  f"without answer {now['failed'] - sum(failed.values())}", flush=True)
        if done(rollout):
            return rollout
        if give_up(rollout):
            break
        time.sleep(0.5)
    print(f"  failures: {load.totals()['failures']}")
    raise TimeoutError("the demo's rollout did not get there\n" + fleet.towpath("get", "rollout", "shop").stdout + fleet.towpath("events").stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rate", type=int, default=300, help="requests a second")
    parser.add_argument("--exit", action="store_true", help="end everything after the show, for scripts")
    arguments = parser.parse_args()

    directory = pathlib.Path(tempfile.mkdtemp(prefix="towpath-demo-"))
    fleet = Fleet(arguments.build, directory, nodes=3)
    load = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        fleet.make_shops(v1=[], v2=[], v3=["--fail-ratio", "0.1"])
        say(f"Starting a coordinator and three agents on loopback, below {directory}")
        fleet.start()
        print(fleet.towpath("nodes").stdout)
        say("Deploying version 1 (examples/shop)")
        for name in ("services.yaml", "analysis.yaml", "rollout.yaml"):
            print(fleet.towpath("apply", "-f", EXAMPLES / name).stdout, end="")
        fleet.wait_healthy(timeout=120)
        for agent in fleet.agents:
            wait_until(lambda: urllib.request.urlopen(f"http://{agent.gateway_address}:8080/", timeout=5).status == 200, 30, f"{agent.node} answers")
        load = Load(fleet, arguments.rate)
        wait_until(lambda: load.totals()["by_version"].get("1", {}).get("ok", 0) > arguments.rate, 60, "answers of version 1")
        print(f"version 1 serves {arguments.rate} requests/s at " + ", ".join(f"http://{a.gateway_address}:8080/" for a in fleet.agents))

        say("Rolling out version 2 as a canary: 20 %, pause, 50 %, pause, 100 %")
        print(fleet.towpath("set", "image", "shop", "shop=registry.example/shop:2").stdout, end="")
        follow(fleet, load, "2", lambda r: is_current(r) and r["status"].get("phase") == "Healthy", 180,
               give_up=lambda r: is_current(r) and r["status"].get("abort"))
        print(fleet.towpath("get", "rollout", "shop").stdout)

        say("Rolling out version 3, which fails one request in ten")
        print(fleet.towpath("set", "image", "shop", "shop=registry.example/shop:3").stdout, end="")
        rollout = follow(fleet, load, "3", lambda r: is_current(r) and r["status"].get("abort"), 180)
        say(f"Rolled back by itself: {rollout['status'].get('message', '')}")
        follow(fleet, load, "3", lambda r: r["status"]["canary"].get("weights", {}).get("canary", {}).get("weight", 0) == 0, 60)
        time.sleep(3)
        print(fleet.towpath("get", "rollout", "shop").stdout)

        totals = load.totals()
        ours = totals["failed"] - totals["by_version"].get("3", {}).get("failed", 0)
        say(f"{totals['sent']} requests; failed but for version 3's own: {ours}")
        if ours:
            print(f"  {totals['failures']}")
        if arguments.exit:
            return 1 if ours else 0
        towpath = fleet.program("towpath")
        print(f"""
Everything goes on running. In another terminal:
  export TOWPATH_KUBECONFIG={fleet.kubeconfig}
  {towpath} get rollout shop --watch
  {towpath} undo shop                                    # back to version 2's template
  {towpath} set image shop shop=registry.example/shop:1  # and promote, abort, pause as it goes
  {towpath} events shop
  {towpath} logs rollout/shop -f
  KUBECONFIG={fleet.kubeconfig} kubectl get rollouts,pods -o wide
  curl http://{fleet.agents[0].gateway_address}:8080/
Ctrl-C stops it all.""", flush=True)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return 0
    except Exception as error:
        print(f"\n{error}\n--- coordinator:\n{fleet.coordinator.tail()}", file=sys.stderr)
        for agent in fleet.agents:
            print(f"--- {agent.node}:\n{agent.tail()}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if load:
            load.stop()
        say("Stopping everything")
        fleet.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
