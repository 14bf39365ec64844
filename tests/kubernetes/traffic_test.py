"""Canaries with an HTTPRoute, analyses, and the manifests of the example on a cluster."""

import sys

import yaml
from answers import ANALYSIS, template
from control_plane import ROOT
from fleet import wait_until
from workload import rollout, service

sys.path.insert(0, str(ROOT / "tests" / "process"))
from shop import image, routed_canary  # noqa: E402


def runs(workspace):
    return sorted(workspace.list("AnalysisRun"), key=lambda run: run["metadata"]["creationTimestamp"])


def apply_text(workspace, path):
    """A file as a user has it, by the command-line tool."""
    return workspace.towpath("apply", "-f", str(path))


def test_an_analysis_step_that_succeeds_goes_on(workspace, answers):
    workspace.create(template(answers.url), rollout("web", {"canary": {"steps": [{"setWeight": 20}, {"analysis": ANALYSIS}, {"pause": {}}]}}))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    status = workspace.wait_phase("web", "Paused", currentStepIndex=2)
    [run] = runs(workspace)
    assert run["status"]["phase"] == "Successful" and run["status"]["metricResults"][0]["successful"] == 2
    assert run["metadata"]["labels"]["rollout-type"] == "Step" and run["metadata"]["labels"]["step-index"] == "1"
    assert run["spec"]["args"] == [{"name": "hash", "value": status["currentPodHash"]}]
    assert answers.asked >= 2


def test_an_analysis_step_that_fails_aborts(workspace, answers):
    answers.ok = False
    workspace.create(template(answers.url), rollout("web", {"canary": {"steps": [{"setWeight": 20}, {"analysis": ANALYSIS}]}}))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    status = workspace.wait_phase("web", "Degraded")
    assert status["abort"] and "ok" in status["message"] and "Failed" in status["message"]
    workspace.wait_sizes("web", {1: (5, 5)})
    # Mended outside of the rollout, it is tried again with a run of its own.
    answers.ok = True
    workspace.towpath("retry", "rollout", "web")
    workspace.wait_phase("web", "Healthy", timeout=90)
    assert [run["status"]["phase"] for run in runs(workspace)] == ["Failed", "Successful"]


def test_a_background_analysis_stops_a_canary_whenever_it_fails(workspace, answers):
    strategy = {"canary": {"analysis": {**ANALYSIS, "startingStep": 1}, "steps": [{"setWeight": 20}, {"pause": {}}]}}
    workspace.create(template(answers.url, count=None), rollout("web", strategy))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused", currentStepIndex=1)
    wait_until(lambda: answers.asked >= 2, 60, "it measures")
    answers.ok = False
    workspace.wait_phase("web", "Degraded")
    workspace.wait_sizes("web", {1: (5, 5)})


def test_blue_green_is_checked_before_and_after_the_switch(workspace, answers):
    strategy = {"blueGreen": {"activeService": "active", "previewService": "preview", "prePromotionAnalysis": ANALYSIS, "postPromotionAnalysis": ANALYSIS,
                              "scaleDownDelaySeconds": 30}}
    workspace.create(template(answers.url), service("active", "web"), service("preview", "web"), rollout("web", strategy, replicas=2))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Healthy", timeout=90)
    assert [run["metadata"]["labels"]["rollout-type"] for run in runs(workspace)] == ["PrePromotion", "PostPromotion"]
    # One that fails after the switch is switched back.
    answers.ok = True
    workspace.set_version("web", 3)
    wait_until(lambda: len(runs(workspace)) >= 4, 60, "the check after the switch begins")
    answers.ok = False
    workspace.wait_phase("web", "Degraded", timeout=90)
    wait_until(lambda: workspace.served_version("active") == 2, 60, "the active service is switched back")


def test_weights_of_an_http_route_follow_the_steps(workspace):
    objects = routed_canary("web", [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}])
    objects[-1]["spec"]["strategy"]["canary"]["trafficRouting"]["plugins"]["argoproj-labs/gatewayAPI"]["namespace"] = workspace.namespace
    workspace.create(*objects)
    workspace.wait_phase("web", "Healthy")
    assert workspace.weights("web") == {"stable": 100, "canary": 0}
    workspace.set_image("web", image(2))
    status = workspace.wait_phase("web", "Paused", currentStepIndex=1)
    assert workspace.weights("web") == {"stable": 80, "canary": 20}
    assert status["canary"]["weights"]["canary"]["weight"] == 20
    assert (workspace.served_version("web-stable"), workspace.served_version("web-canary")) == (1, 2)
    # Whoever changes them is corrected.
    route = workspace.get("HTTPRoute", "web")
    route["spec"]["rules"][0]["backendRefs"][1]["weight"] = 77
    workspace.cluster.request("PUT", workspace.cluster.path("HTTPRoute", workspace.namespace, "web"), route)
    wait_until(lambda: workspace.weights("web") == {"stable": 80, "canary": 20}, 30, "the weights are put right")
    workspace.towpath("promote", "web")
    workspace.wait_phase("web", "Paused", currentStepIndex=3)
    assert workspace.weights("web") == {"stable": 40, "canary": 60}
    workspace.towpath("abort", "web")
    workspace.wait_phase("web", "Degraded")
    wait_until(lambda: workspace.weights("web") == {"stable": 100, "canary": 0}, 30, "no weight is left")
    workspace.towpath("retry", "rollout", "web")
    workspace.wait_phase("web", "Paused", currentStepIndex=1)
    workspace.towpath("promote", "web", "--full")
    workspace.wait_phase("web", "Healthy", timeout=90)
    wait_until(lambda: workspace.weights("web") == {"stable": 100, "canary": 0}, 30, "all goes to the stable version")
    workspace.wait_served("web-stable", 2)


def test_the_manifests_of_the_example_apply_here(workspace, tmp_path):
    """Only the namespace of its route is another; those of the bare-metal scenarios are in scenarios_test.py."""
    for name in ("services.yaml", "analysis.yaml"):
        apply_text(workspace, ROOT / "examples" / "shop" / name)
    # The controllers of a cluster see no proxy of the edge: without measurements the run has an error, and 20 % stay for the person to judge.
    here = tmp_path / "rollout.yaml"
    here.write_text((ROOT / "examples" / "shop" / "rollout.yaml").read_text().replace("namespace: default", f"namespace: {workspace.namespace}"))
    apply_text(workspace, here)
    workspace.wait_phase("shop", "Healthy")
    stored = workspace.get("Rollout", "shop")["spec"]
    written = yaml.safe_load(here.read_text())["spec"]
    assert stored["strategy"] == written["strategy"] and stored["template"]["spec"] == written["template"]["spec"]
