"""What people do to a rollout, in each phase that it can be in."""

import pytest
from fleet import wait_until
from workload import pod_template, rollout, service

PAUSED = {"canary": {"maxSurge": 1, "maxUnavailable": 0, "steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]}}
BLUE_GREEN = {"blueGreen": {"activeService": "active", "previewService": "preview", "autoPromotionEnabled": False, "scaleDownDelaySeconds": 1}}


def reach(workspace, phase):
    """A rollout `web` with version 1 stable, in the middle of its way to version 2."""
    if phase == "preview":
        workspace.create(service("active", "web"), service("preview", "web"), rollout("web", BLUE_GREEN, replicas=3))
    else:
        workspace.create(rollout("web", PAUSED))
    workspace.wait_phase("web", "Healthy")
    if phase == "starting":  # the new version's pods never become ready
        workspace.set_version("web", 2, broken="yes")
        wait_until(lambda: 2 in workspace.sizes("web"), 60, "the canary has a pod")
    elif phase == "step":
        workspace.set_version("web", 2)
        workspace.wait_phase("web", "Paused", currentStepIndex=1)
    elif phase == "second step":
        workspace.set_version("web", 2)
        workspace.wait_phase("web", "Paused", currentStepIndex=1)
        workspace.towpath("promote", "web")
        workspace.wait_phase("web", "Paused", currentStepIndex=3)
    elif phase == "held":  # by a person, in a step
        workspace.set_version("web", 2)
        workspace.wait_phase("web", "Paused", currentStepIndex=1)
        workspace.towpath("pause", "web")
        workspace.wait_phase("web", "Paused", message="manually paused")
    elif phase == "preview":
        workspace.set_version("web", 2)
        workspace.wait_phase("web", "Paused", message="BlueGreenPause")


PHASES = ["starting", "step", "second step", "held", "preview"]


@pytest.mark.parametrize("phase", PHASES)
def test_abort_ends_at_the_stable_version_and_retry_begins_anew(workspace, phase):
    reach(workspace, phase)
    size = workspace.get("Rollout", "web")["spec"]["replicas"]
    workspace.towpath("abort", "web")
    if phase == "held":
        workspace.towpath("resume", "web")
    status = workspace.wait_phase("web", "Degraded")
    assert status["message"].startswith("RolloutAborted: Rollout aborted update to revision 2")
    assert status["abort"] and status["abortedAt"]
    wait_until(lambda: workspace.sizes("web").get(1) == (size, size), 90, "the stable version is whole")
    if phase == "preview":
        assert workspace.served_version("active") == 1
    else:
        workspace.wait_sizes("web", {1: (size, size)})
    wait_until(lambda: "RolloutAborted" in workspace.events("web"), 30, "the abort is told")
    if phase == "starting":
        workspace.set_version("web", 2, broken=None)
    else:
        workspace.towpath("retry", "rollout", "web")
    workspace.wait_phase("web", "Paused", timeout=90, **({} if phase == "preview" else {"currentStepIndex": 1}))
    assert not workspace.status("web").get("abort")


@pytest.mark.parametrize("phase", ["step", "second step", "held", "preview"])
def test_full_promotion_goes_past_all_that_is_left(workspace, phase):
    reach(workspace, phase)
    size = workspace.get("Rollout", "web")["spec"]["replicas"]
    workspace.towpath("promote", "web", "--full")
    status = workspace.wait_phase("web", "Healthy", timeout=90)
    workspace.wait_sizes("web", {2: (size, size)}, timeout=90)
    assert not status.get("promoteFull") and status["stableRS"] == status["currentPodHash"]


@pytest.mark.parametrize("phase", PHASES)
def test_undo_goes_back_without_a_restart_of_the_stable_pods(workspace, phase):
    reach(workspace, phase)
    stable = workspace.status("web")["stableRS"]
    before = {name for name, pod in workspace.pods("web").items() if pod["metadata"]["labels"]["rollouts-pod-template-hash"] == stable}
    workspace.towpath("undo", "web")
    if phase == "held":
        workspace.towpath("resume", "web")
    workspace.wait_phase("web", "Healthy", timeout=90)
    size = workspace.get("Rollout", "web")["spec"]["replicas"]
    workspace.wait_sizes("web", {1: (size, size)}, timeout=90)
    assert before <= set(workspace.pods("web"))
    assert workspace.get("Rollout", "web")["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "3"


@pytest.mark.parametrize("phase", ["healthy", "step", "preview"])
def test_restart_replaces_every_pod_within_the_budget(workspace, phase):
    if phase == "healthy":
        workspace.create(rollout("web", PAUSED))
        workspace.wait_phase("web", "Healthy")
    else:
        reach(workspace, phase)
    before = set(workspace.pods("web"))
    # It restarts what was made before it, and both are dated by whole seconds.
    workspace.patch("Rollout", "web", {"spec": {"restartAt": workspace.a_second_after(workspace.pods("web"))}})
    fewest = 99

    def replaced():
        nonlocal fewest
        pods = workspace.pods("web")
        ready = [p for p in pods.values() if any(c["type"] == "Ready" and c["status"] == "True" for c in p.get("status", {}).get("conditions", []))]
        fewest = min(fewest, len(ready))
        return not before & set(pods)

    wait_until(replaced, 180, "every pod is replaced")
    wait_until(lambda: workspace.status("web").get("restartedAt") == workspace.get("Rollout", "web")["spec"]["restartAt"], 90, "the restart is over")
    assert fewest >= len(before) - 2
    workspace.wait_phase("web", "Healthy" if phase == "healthy" else "Paused")


def test_a_pause_by_hand_holds_a_rollout_and_its_end_lets_it_go_on(workspace):
    workspace.create(rollout("web", {"canary": {"steps": [{"setWeight": 40}, {"pause": {"duration": 1}}]}}))
    workspace.wait_phase("web", "Healthy")
    workspace.towpath("pause", "web")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused", message="manually paused")
    # It is sized all the same.
    workspace.patch("Rollout", "web", {"spec": {"replicas": 6}}, "scale")
    wait_until(lambda: {s["metadata"]["annotations"]["rollout.argoproj.io/desired-replicas"] for s in workspace.list("ReplicaSet", "app=web")} == {"6"}, 60,
               "it is scaled")
    workspace.towpath("resume", "web")
    workspace.wait_phase("web", "Healthy", timeout=90)
    workspace.wait_sizes("web", {2: (6, 6)})


@pytest.mark.parametrize("phase", PHASES)
def test_a_template_change_in_the_middle_goes_on_with_the_newest(workspace, phase):
    reach(workspace, phase)
    size = workspace.get("Rollout", "web")["spec"]["replicas"]
    workspace.set_version("web", 3, broken=None)
    if phase == "held":
        workspace.towpath("resume", "web")
    step = {} if phase == "preview" else {"currentStepIndex": 1}
    status = workspace.wait_phase("web", "Paused", timeout=90, **step)
    newest = next(s for s in workspace.list("ReplicaSet", "app=web") if s["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "3")
    assert status["currentPodHash"] == newest["metadata"]["labels"]["rollouts-pod-template-hash"]
    wait_until(lambda: 2 not in workspace.sizes("web"), 90, "the abandoned version is scaled down")
    assert workspace.sizes("web")[1][1] >= size - 1
    workspace.towpath("promote", "web", "--full")
    workspace.wait_phase("web", "Healthy", timeout=90)
    workspace.wait_sizes("web", {3: (size, size)}, timeout=90)


def test_history_is_kept_as_far_as_its_limit(workspace):
    workspace.create(rollout("web", {"canary": {}}, replicas=1, revisionHistoryLimit=1))
    workspace.wait_phase("web", "Healthy")
    for version in (2, 3, 4):
        workspace.set_version("web", version)
        workspace.wait_phase("web", "Healthy")

    def revisions():
        return sorted(int(s["metadata"]["annotations"]["rollout.argoproj.io/revision"]) for s in workspace.list("ReplicaSet", "app=web"))

    wait_until(lambda: revisions() == [3, 4], 60, "only one old version is kept")


def test_metadata_of_roles_reaches_running_pods_and_leaves_them(workspace):
    strategy = {"canary": {"canaryMetadata": {"labels": {"role": "canary"}, "annotations": {"note": "new"}}, "stableMetadata": {"labels": {"role": "stable"}},
                           "steps": [{"setWeight": 40}, {"pause": {}}]}}
    workspace.create(rollout("web", strategy))
    workspace.wait_phase("web", "Healthy")

    def roles():
        return sorted((pod["spec"]["containers"][0]["image"][-1], pod["metadata"]["labels"].get("role"), pod["metadata"].get("annotations", {}).get("note"))
                      for pod in workspace.pods("web").values())

    wait_until(lambda: roles() == [("1", "stable", None)] * 5, 60, "the stable pods say so")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused", currentStepIndex=1)
    wait_until(lambda: roles() == [("1", "stable", None)] * 3 + [("2", "canary", "new")] * 2, 60, "the canary's pods say so")
    canary = {name for name, pod in workspace.pods("web").items() if pod["metadata"]["labels"]["role"] == "canary"}
    workspace.towpath("promote", "web")
    workspace.wait_phase("web", "Healthy", timeout=90)
    wait_until(lambda: roles() == [("2", "stable", None)] * 5, 60, "all are stable")
    assert canary <= set(workspace.pods("web"))


def test_a_deadline_aborts_where_it_should(workspace):
    workspace.create(rollout("web", PAUSED, progressDeadlineSeconds=4, progressDeadlineAbort=True))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2, broken="yes")
    status = workspace.wait_phase("web", "Degraded", timeout=90, abort=True)
    assert "RolloutAborted" in status["message"] or "ProgressDeadlineExceeded" in status["message"]
    workspace.wait_sizes("web", {1: (5, 5)}, timeout=90)


INVALID = [
    ({"canary": {}, "blueGreen": {"activeService": "a"}}, {}, "Multiple Strategies can not be listed"),
    ({}, {}, "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'"),
    ({"canary": {"steps": [{"setWeight": 120}]}}, {}, "spec.strategy.steps[0].setWeight: Invalid value: 120: SetWeight needs to be between 0 and 100"),
    ({"canary": {"steps": [{"pause": {"duration": "soon"}}]}}, {}, "Duration needs to be greater than 0"),
    ({"canary": {"steps": [{"setCanaryScale": {"weight": 5}}]}}, {}, "SetCanaryScale requires TrafficRouting to be set"),
    ({"canary": {"maxSurge": 0, "maxUnavailable": 0}}, {}, "MaxSurge and MaxUnavailable both can not be zero"),
    ({"canary": {"canaryService": "one", "stableService": "one"}}, {}, "This rollout uses the same service for the stable and canary services"),
    ({"canary": {"scaleDownDelaySeconds": 5}}, {}, "Canary scaleDownDelaySeconds can only be used with traffic routing"),
    ({"canary": {"dynamicStableScale": True}}, {}, "Canary dynamicStableScale can only be used with traffic routing"),
    ({"blueGreen": {"activeService": "one", "previewService": "one"}}, {}, "This rollout uses the same service for the active and preview services"),
    ({"canary": {}}, {"selector": {"matchLabels": {"app": "another"}}}, "`selector` does not match template `labels`"),
    ({"canary": {}}, {"progressDeadlineSeconds": 10, "minReadySeconds": 20}, "must be greater than minReadySeconds"),
    ({"canary": {"canaryService": "gone"}}, {}, 'spec.strategy.canary.canaryService: Invalid value: "gone": service "gone" not found'),
    ({"blueGreen": {"activeService": "gone"}}, {}, 'spec.strategy.blueGreen.activeService: Invalid value: "gone": service "gone" not found'),
    ({"canary": {"steps": [{"analysis": {"templates": [{"templateName": "gone"}]}}]}}, {}, "AnalysisTemplate 'gone' not found"),
    ({"canary": {}}, {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone"}}, "template must be empty for workload reference rollout"),
]


def test_each_invalid_spec_is_told_in_the_peers_words(workspace):
    for number, (strategy, more, _) in enumerate(INVALID):
        workspace.create(rollout(f"web-{number}", strategy, replicas=1, **more))
    for number, (_, _, message) in enumerate(INVALID):
        name = f"web-{number}"
        status = workspace.wait_phase(name, "Degraded")
        assert status["message"].startswith(f'InvalidSpec: The Rollout "{name}" is invalid: ')
        assert message in status["message"]
        assert [c["type"] for c in status["conditions"]] == ["InvalidSpec"]
    assert not workspace.list("ReplicaSet")


def test_a_horizontal_autoscaler_sizes_it(workspace):
    workspace.create(rollout("web", {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}, replicas=2), {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"}, "minReplicas": 4, "maxReplicas": 8,
                 "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}})
    workspace.wait_phase("web", "Healthy")
    # What it reads and what it writes.
    scale = workspace.cluster.request("GET", workspace.cluster.path("Rollout", workspace.namespace, "web", "scale"))[0]
    assert scale["status"]["selector"] == "app=web" and scale["status"]["replicas"] >= 2
    wait_until(lambda: workspace.get("Rollout", "web")["spec"]["replicas"] == 4, 120, "the autoscaler reaches its minimum")
    workspace.wait_sizes("web", {1: (4, 4)})
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused", currentStepIndex=1)
    workspace.wait_sizes("web", {1: (2, 2), 2: (2, 2)})
    workspace.patch("HorizontalPodAutoscaler", "web", {"spec": {"minReplicas": 8}})
    wait_until(lambda: workspace.get("Rollout", "web")["spec"]["replicas"] == 8, 120, "the autoscaler reaches its new minimum")
    workspace.wait_sizes("web", {1: (4, 4), 2: (4, 4)})
    assert workspace.status("web")["currentStepIndex"] == 1


def deployment(name, replicas=3, version=1):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": pod_template(name, version)}}


@pytest.mark.parametrize("scale_down", ["onsuccess", "progressively", "never"])
def test_a_deployment_is_taken_over_by_reference(workspace, scale_down):
    workspace.create(deployment("web"))
    wait_until(lambda: workspace.get("Deployment", "web").get("status", {}).get("readyReplicas") == 3, 60, "the Deployment runs")
    adopting = rollout("web", {"canary": {"steps": [{"setWeight": 34}, {"pause": {}}]}}, replicas=3)
    del adopting["spec"]["template"], adopting["spec"]["selector"]
    adopting["spec"]["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "scaleDown": scale_down}
    workspace.create(adopting)
    workspace.wait_phase("web", "Healthy")
    kept = 3 if scale_down == "never" else 0
    wait_until(lambda: workspace.get("Deployment", "web")["spec"]["replicas"] == kept, 60, f"the Deployment has {kept} pods")
    # The template is never written into the Rollout.
    spec = workspace.get("Rollout", "web")["spec"]
    assert not spec.get("selector") and not (spec.get("template") or {}).get("spec", {}).get("containers")

    template = pod_template("web", 2)
    workspace.patch("Deployment", "web", {"spec": {"template": template}})
    status = workspace.wait_phase("web", "Paused", currentStepIndex=1)
    generation = workspace.get("Deployment", "web")["metadata"]["generation"]
    wait_until(lambda: workspace.status("web").get("workloadObservedGeneration") == str(generation), 30, "the change is seen")
    workspace.towpath("promote", "web")
    workspace.wait_phase("web", "Healthy", timeout=90)
    images = {pod["spec"]["containers"][0]["image"] for pod in workspace.pods("web").values()
              if "rollouts-pod-template-hash" in pod["metadata"]["labels"]}
    assert images == {"registry.example/web:2"}
    assert status["currentPodHash"] == workspace.status("web")["stableRS"]
