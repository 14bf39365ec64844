"""A version that fails one request in twenty is found by comparing it with the stable one, from the proxies' own counters."""

import json

from fleet import wait_until
from shop import ask, error_template, routed_canary, Load
from scenarios_test import deploy, update, wait_phase


HASHES = [{"name": "canary", "valueFrom": {"podTemplateHashValue": "Latest"}},
          {"name": "stable", "valueFrom": {"podTemplateHashValue": "Stable"}}]


def judge_template(name, **settings):
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": name},
            "spec": {"args": [{"name": "canary"}, {"name": "stable"}],
                     "metrics": [{"name": "verdict",
                                  "provider": {"plugin": {"towpath/judge": {"canary": "{{args.canary}}", "stable": "{{args.stable}}", **settings}}}}]}}


def judged_canary(name, template, weight=20, **more):
    steps = [{"setWeight": weight}, {"analysis": {"templates": [{"templateName": template["metadata"]["name"]}], "args": HASHES}}]
    return [template, *routed_canary(name, steps, **more)]


def measurement(fleet, name):
    """The last measurement of the rollout's youngest analysis run; None before there is one."""
    runs = [r for r in fleet.list("analysisruns") if r["metadata"]["name"].startswith(f"{name}-")]
    results = runs[-1].get("status", {}).get("metricResults", []) if runs else []
    return results[-1]["measurements"][-1] if results and results[-1].get("measurements") else None


def test_a_version_that_fails_one_request_in_twenty_is_rolled_back(fleet):
    """Windows of 2 s, which is what the agents report in: a test needs no tenth of a minute for each."""
    deploy(fleet, "five", judged_canary("five", judge_template("five", window="2s", settle="3s", duration="5m", route="five")))
    with Load(fleet, "/five", rate=200) as load:
        update(fleet, "five", 5)
        wait_phase(fleet, "five", "Degraded", 180)
        verdict = measurement(fleet, "five")
        wait_until(lambda: {ask(fleet.agents[0], "/five")[1] for _ in range(30)} == {"1"}, what="only the stable version answers")
    assert verdict["phase"] == "Failed" and verdict["message"].startswith("errors: ")
    assert json.loads(verdict["value"])["verdict"] == "bad"
    # None but the canary's own errors.
    assert load.result["by_version"]["1"]["failed"] == 0


def choose_canary(fleet, name, chosen):
    """Writes the name of one of the canary's pods into the file when the comparison has begun."""
    fleet.wait_rollout(lambda r: r["status"].get("currentStepIndex") == 1, name)
    canary = fleet.rollout(name)["status"]["currentPodHash"]
    pod = min(p["metadata"]["name"] for p in fleet.pods(name) if p["metadata"]["labels"]["rollouts-pod-template-hash"] == canary)
    chosen.write_text(pod + "\n")
    return pod


def test_one_bad_instance_is_not_a_bad_version(fleet):
    """Three fifths of what one of three canaries answers are errors; the other two are sound. The rollout pauses for a person and says which it is."""
    bad = fleet.directory / "bad-pod"
    fleet.make_shop(6, "--fail-ratio", "0.6", "--fail-only", str(bad))
    template = judge_template("one-bad", window="2s", settle="3s", duration="40s", route="one-bad")
    deploy(fleet, "one-bad", judged_canary("one-bad", template, weight=50, replicas=6))
    with Load(fleet, "/one-bad", rate=200):
        update(fleet, "one-bad", 6)
        name = choose_canary(fleet, "one-bad", bad)
        wait_phase(fleet, "one-bad", "Paused", 120)
    verdict = measurement(fleet, "one-bad")
    assert verdict["phase"] == "Inconclusive", verdict
    assert f"what is wrong is wrong on {name} alone" in verdict["message"]
    errors = json.loads(verdict["value"])["metrics"]["errors"]
    assert errors["worstInstance"] == name and errors["evidenceBad"] >= 1
    bad.unlink()
    fleet.towpath("promote", "one-bad")
    fleet.wait_healthy("one-bad")


def test_one_slow_instance_is_not_a_slow_version(fleet):
    """One of three canaries takes ten times as long: it is named. That all are slow is found at once."""
    slow = fleet.directory / "slow-pod"
    fleet.make_shop(8, "--latency", "40ms", "--fail-only", str(slow))
    fleet.make_shop(9, "--latency", "40ms")
    template = judge_template("one-slow", window="2s", settle="3s", duration="40s", route="one-slow", errors={"enabled": False},
                              latency={"quantiles": [0.9], "smallestRatio": 1.5})
    deploy(fleet, "one-slow", judged_canary("one-slow", template, weight=50, replicas=6))
    with Load(fleet, "/one-slow", rate=200):
        update(fleet, "one-slow", 8)
        name = choose_canary(fleet, "one-slow", slow)
        wait_phase(fleet, "one-slow", "Paused", 120)
        verdict = measurement(fleet, "one-slow")
        assert verdict["phase"] == "Inconclusive", verdict
        assert f"latency p90: what is wrong is wrong on {name} alone" in verdict["message"]
        slow.unlink()
        fleet.towpath("promote", "one-slow", "--full")
        fleet.wait_healthy("one-slow")
        update(fleet, "one-slow", 9)
        wait_phase(fleet, "one-slow", "Degraded", 120)
    assert measurement(fleet, "one-slow")["message"].startswith("latency p90: the canary takes ")


def test_a_comparison_goes_on_where_a_killed_coordinator_left_it(fleet):
    deploy(fleet, "goes-on", judged_canary("goes-on", judge_template("goes-on", window="2s", settle="3s", duration="10m", minWindows=8)))
    with Load(fleet, "/goes-on", rate=200):
        update(fleet, "goes-on", 5)
        wait_until(lambda: "windows\":3" in (measurement(fleet, "goes-on") or {}).get("value", ""), 60, "three windows are judged")
        started = measurement(fleet, "goes-on")["startedAt"]
        fleet.coordinator.kill()
        fleet.start_coordinator()
        wait_phase(fleet, "goes-on", "Degraded", 180)
    verdict = measurement(fleet, "goes-on")
    assert verdict["phase"] == "Failed" and verdict["startedAt"] == started
    assert json.loads(verdict["value"])["windows"] >= 8


def test_traffic_is_readable_by_people_and_by_prometheus(fleet, kubectl_path):
    deploy(fleet, "seen", routed_canary("seen", [{"setWeight": 50}, {"pause": {}}]))
    update(fleet, "seen", 3)
    fleet.wait_rollout(lambda r: r["status"].get("pauseConditions"), "seen")
    with Load(fleet, "/seen", rate=200):
        def rows():
            items = json.loads(fleet.towpath("metrics", "seen", "-o", "json").stdout)["items"]
            return {i["version"]: i for i in items if i["route"] == "seen" and i["requests"] > 500}
        wait_until(lambda: len(rows()) == 2, 60, "both versions were counted")
        fleet.apply(error_template("seen-errors"))
        tried = fleet.towpath("analyze", "seen-errors", "--on-server", "--arg", "service=seen-canary", "--arg",
                              f"hash={fleet.rollout('seen')['status']['currentPodHash']}", "-o", "json", check=False)
        assert tried.returncode == 2, tried.stderr
        ratio, = [m["value"] for m in json.loads(tried.stdout)["measurements"]]
        assert 0.2 < float(ratio.strip("[]")) < 0.4
    status = fleet.rollout("seen")["status"]
    stable, canary = rows()[status["stableRS"]], rows()[status["currentPodHash"]]
    assert stable["errors"] == 0 and 0.2 < canary["errors"] / canary["requests"] < 0.4
    assert 0 < stable["latencyMs"]["p50"] <= stable["latencyMs"]["p99"] < 5000
    table = fleet.towpath("metrics", "seen").stdout.splitlines()
    assert table[0].split()[:4] == ["ROLE", "VERSION", "SERVICE", "ROUTE"] and {line.split()[0] for line in table[1:]} == {"stable", "canary"}
    page = fleet.kubectl("get", "--raw", "/metrics").stdout
    label = f'namespace="default",service="seen-stable",version="{status["stableRS"]}",route="seen"'
    counted = [line for line in page.splitlines() if line.startswith(f"towpath_traffic_requests_total{{{label},class=\"2xx\"}}")]
    assert counted and int(counted[0].split()[-1]) >= 500
    assert f'towpath_traffic_latency_recent_seconds{{{label},quantile="0.99"}}' in page
    # What the Rollout served before goes on to be shown.
    update(fleet, "seen", 2)
    fleet.wait_rollout(lambda r: r["status"]["currentPodHash"] != status["currentPodHash"], "seen")
    lines = [line.split()[:2] for line in fleet.towpath("metrics", "seen").stdout.splitlines()]
    assert ["old", status["currentPodHash"]] in lines and ["stable", status["stableRS"]] in lines
