"""The controllers on a real control plane: what a user of the CRDs sees."""

import pytest
from control_plane import coordinator
from conftest import BUILD
from fleet import wait_until
from workload import pod_template, rollout, service

CANARY = {"canary": {"maxSurge": 1, "maxUnavailable": 0, "steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": 1}}]}}


def managers(obj):
    return {entry["manager"] for entry in obj["metadata"].get("managedFields", [])}


def test_our_definitions_are_accepted_without_a_warning(cluster):
    assert cluster.warnings == []
    definitions = {d["metadata"]["name"]: d for d in cluster.list("CustomResourceDefinition")}
    assert {f"{name}.argoproj.io" for name in ("rollouts", "analysisruns", "analysistemplates", "clusteranalysistemplates", "experiments")} <= set(definitions)
    for name, definition in definitions.items():
        conditions = {c["type"]: (c["status"], c.get("message", "")) for c in definition["status"]["conditions"]}
        assert conditions["NamesAccepted"][0] == "True", name
        assert conditions.get("NonStructuralSchema", ("False", ""))[0] == "False", f"{name}: {conditions['NonStructuralSchema']}"


def test_canary_pauses_is_promoted_and_finishes(workspace):
    workspace.create(rollout("web", CANARY))
    workspace.wait_phase("web", "Healthy")
    workspace.wait_sizes("web", {1: (5, 5)})

    workspace.set_version("web", 2)
    status = workspace.wait_phase("web", "Paused", currentStepIndex=1)
    assert status["message"] == "CanaryPauseStep"
    assert status["pauseConditions"][0]["reason"] == "CanaryPauseStep"
    workspace.wait_sizes("web", {1: (4, 4), 2: (1, 1)})

    workspace.towpath("promote", "web")
    status = workspace.wait_phase("web", "Healthy", timeout=90)
    workspace.wait_sizes("web", {2: (5, 5)})
    assert status["stableRS"] == status["currentPodHash"]
    assert status["HPAReplicas"] == 5 and status["readyReplicas"] == 5
    conditions = {c["type"]: c["status"] for c in workspace.status("web")["conditions"]}
    assert conditions["Healthy"] == "True" and conditions["Completed"] == "True" and conditions["Available"] == "True"
    wait_until(lambda: {"RolloutUpdated", "NewReplicaSetCreated", "RolloutPaused", "RolloutCompleted"} <= set(workspace.events("web")), 30,
               f"the known events, not {workspace.events('web')}")
    assert "rollouts-controller" in managers(workspace.get("Rollout", "web"))


def test_an_abort_goes_back_and_an_undo_forward(workspace):
    workspace.create(rollout("web", CANARY))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused", currentStepIndex=1)
    workspace.towpath("abort", "web")
    status = workspace.wait_phase("web", "Degraded")
    assert status["abort"] and "aborted" in status["message"]
    workspace.wait_sizes("web", {1: (5, 5)})

    # The spec goes back to what is stable: healthy at once, no pod restarts.
    uids = {pod["metadata"]["uid"] for pod in workspace.list("Pod", "app=web")}
    workspace.towpath("undo", "web")
    workspace.wait_phase("web", "Healthy")
    workspace.wait_sizes("web", {1: (5, 5)})
    assert {pod["metadata"]["uid"] for pod in workspace.list("Pod", "app=web")} == uids


def test_a_version_that_never_gets_ready_stays_in_its_step(workspace):
    workspace.create(rollout("web", {"canary": {"maxSurge": 1, "maxUnavailable": 0, "steps": [{"setWeight": 40}]}}, progressDeadlineSeconds=5))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2, broken="yes")
    status = workspace.wait_phase("web", "Degraded", timeout=60)
    assert "ProgressDeadlineExceeded" in status["message"]
    sizes = workspace.sizes("web")
    assert sizes[1][1] >= 4 and sizes[2][1] == 0
    # The fix is shipped over it.
    workspace.set_version("web", 3, broken=None)
    workspace.wait_phase("web", "Healthy", timeout=90)
    workspace.wait_sizes("web", {3: (5, 5)}, timeout=90)


def test_blue_green_switches_the_active_service(workspace):
    strategy = {"blueGreen": {"activeService": "active", "previewService": "preview", "autoPromotionEnabled": False, "scaleDownDelaySeconds": 1}}
    workspace.create(service("active", "web"), service("preview", "web"), rollout("web", strategy, replicas=3))
    workspace.wait_phase("web", "Healthy")
    assert workspace.served_version("active") == 1
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused", message="BlueGreenPause")
    assert (workspace.served_version("active"), workspace.served_version("preview")) == (1, 2)
    workspace.wait_sizes("web", {1: (3, 3), 2: (3, 3)})
    workspace.towpath("promote", "web")
    workspace.wait_phase("web", "Healthy")
    assert (workspace.served_version("active"), workspace.served_version("preview")) == (2, 2)
    workspace.wait_sizes("web", {2: (3, 3)})
    assert workspace.get("Service", "active")["metadata"]["annotations"]["argo-rollouts.argoproj.io/managed-by-rollouts"] == "web"


def test_an_invalid_spec_is_told_in_the_status(workspace):
    workspace.create(rollout("web", {"canary": {"canaryService": "gone"}}))
    status = workspace.wait_phase("web", "Degraded")
    assert "InvalidSpec" in status["message"] and "gone" in status["message"]
    workspace.create(service("gone", "web"))
    workspace.wait_phase("web", "Healthy")


def test_scaling_in_the_middle_keeps_the_shares(workspace):
    workspace.create(rollout("web", {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}, replicas=4))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused")
    workspace.wait_sizes("web", {1: (2, 2), 2: (2, 2)})
    workspace.cluster.patch("Rollout", workspace.namespace, "web", {"spec": {"replicas": 8}}, "scale")
    workspace.wait_sizes("web", {1: (4, 4), 2: (4, 4)})


def test_an_autoscaler_scales_it_in_the_middle_of_an_update(workspace):
    workspace.create(rollout("web", {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}, replicas=2))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused")
    workspace.wait_sizes("web", {1: (1, 1), 2: (1, 1)})
    # No metrics are needed to get to the least that it allows.
    workspace.create({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
                      "spec": {"scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"},
                               "minReplicas": 6, "maxReplicas": 8}})
    workspace.wait_sizes("web", {1: (3, 3), 2: (3, 3)}, timeout=120)
    status = workspace.wait_phase("web", "Paused", currentStepIndex=1)
    assert status["HPAReplicas"] == 6
    assert workspace.get("Rollout", "web")["spec"]["replicas"] == 6
    # What it reads: the pods that there are, and how to find them.
    scale = workspace.cluster.request("GET", workspace.cluster.path("Rollout", workspace.namespace, "web", "scale"))[0]
    assert scale["status"] == {"replicas": 6, "selector": "app=web"}


def test_a_pod_template_as_workload(workspace):
    template = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "web"}, "template": pod_template("web", 1)}
    referring = rollout("web", CANARY, workloadRef={"apiVersion": "v1", "kind": "PodTemplate", "name": "web"})
    del referring["spec"]["template"]
    workspace.create(template, referring)
    workspace.wait_phase("web", "Healthy")
    workspace.wait_sizes("web", {1: (5, 5)})
    workspace.cluster.patch("PodTemplate", workspace.namespace, "web", {"template": pod_template("web", 2)})
    workspace.wait_phase("web", "Paused", currentStepIndex=1)
    workspace.wait_sizes("web", {1: (4, 4), 2: (1, 1)})


def test_an_abort_although_what_it_refers_to_is_gone(workspace):
    strategy = {"canary": {"canaryService": "web-canary", "stableService": "web", "steps": [{"setWeight": 40}, {"pause": {}}]}}
    workspace.create(service("web", "web"), service("web-canary", "web"), rollout("web", strategy))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused")
    workspace.cluster.delete("Service", workspace.namespace, "web-canary")
    wait_until(lambda: "InvalidSpec" in workspace.status("web").get("message", ""), 60, "the Rollout is invalid")
    workspace.towpath("abort", "web")
    workspace.wait_sizes("web", {1: (5, 5)})
    assert workspace.status("web")["abortedAt"] and "InvalidSpec" in workspace.status("web")["message"]


def test_a_deployment_that_nobody_refers_to_is_never_written(workspace):
    workspace.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other"},
                      "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "other"}}, "template": pod_template("other", 1)}},
                     rollout("web", CANARY))
    workspace.wait_phase("web", "Healthy")
    wait_until(lambda: workspace.get("Deployment", "other")["status"].get("readyReplicas") == 2, 60, "the Deployment runs")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused")
    objects = [workspace.get("Deployment", "other"), *workspace.list("ReplicaSet", "app=other"), *workspace.list("Pod", "app=other")]
    assert len(objects) == 4
    for obj in objects:
        assert not managers(obj) & {"rollouts-controller", "towpath"}, obj["metadata"]["name"]


def test_a_settled_rollout_is_not_written(workspace):
    workspace.create(rollout("web", CANARY))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused", currentStepIndex=1)
    workspace.wait_sizes("web", {1: (4, 4), 2: (1, 1)})
    version = workspace.get("Rollout", "web")["metadata"]["resourceVersion"]
    # Something that makes it look again, and changes nothing.
    other = workspace.list("ReplicaSet", "app=web")[0]["metadata"]["name"]
    workspace.cluster.patch("ReplicaSet", workspace.namespace, other, {"metadata": {"annotations": {"touched": "yes"}}})
    workspace.create(rollout("after", CANARY))
    workspace.wait_phase("after", "Healthy")
    assert workspace.get("Rollout", "web")["metadata"]["resourceVersion"] == version


@pytest.mark.parametrize("moment", ["begin", "paused", "promoted"])
def test_killed_and_restarted_it_goes_on(workspace, moment):
    workspace.create(rollout("web", CANARY))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    if moment != "begin":
        workspace.wait_phase("web", "Paused", currentStepIndex=1)
    if moment == "promoted":
        workspace.towpath("promote", "web")
    workspace.ours.kill()
    workspace.ours.start()
    workspace.wait_phase("web", "Paused", currentStepIndex=1, timeout=90) if moment != "promoted" else None
    if moment != "promoted":
        workspace.towpath("promote", "web")
    workspace.wait_phase("web", "Healthy", timeout=120)
    workspace.wait_sizes("web", {2: (5, 5)})
    assert len(workspace.list("ReplicaSet", "app=web")) == 2


def test_the_api_server_restarts(workspace):
    workspace.create(rollout("web", CANARY))
    workspace.wait_phase("web", "Healthy")
    server = workspace.cluster.api_server
    server.kill()
    server.start()
    wait_until(workspace.cluster.ready, 120, "the API server is back")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused", currentStepIndex=1, timeout=120)
    workspace.wait_sizes("web", {1: (4, 4), 2: (1, 1)})


def test_another_one_takes_over_when_the_leader_dies(workspace, tmp_path):
    second = coordinator(BUILD, workspace.cluster, tmp_path, "second").start()
    try:
        wait_until(lambda: "waiting to lead" in second.tail(1000), 60, "the second waits")
        workspace.create(rollout("web", CANARY))
        workspace.wait_phase("web", "Healthy")
        assert "msg=leading" not in second.tail(1000)
        workspace.ours.kill()
        workspace.set_version("web", 2)
        workspace.wait_phase("web", "Paused", currentStepIndex=1, timeout=90)
        assert "msg=leading" in second.tail(1000)
        # The first comes back and waits in its turn; an orderly end hands over at once.
        workspace.ours.start()
        wait_until(lambda: "waiting to lead" in workspace.ours.tail(200), 60, "the first waits")
    finally:
        second.stop()
    workspace.towpath("promote", "web")
    workspace.wait_phase("web", "Healthy", timeout=90)
    assert len(workspace.list("ReplicaSet", "app=web")) == 2
