"""Taking over from the Argo controller: objects as it leaves them, in the middle of an update, and nothing restarts."""

import datetime

import pytest
from fleet import wait_until
from pages import page
from workload import pod_template, rollout, service

# Hashes that are not ours: as an older release of theirs computed them.
STABLE, NEW = "66597877b7", "868d98995b"
NOW = "2026-01-02T03:04:05Z"


def replica_set(owner, name, version, hash_label, replicas, revision, **annotations):
    template = pod_template(name, version)
    template["metadata"]["labels"]["rollouts-pod-template-hash"] = hash_label
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": f"{name}-{hash_label}", "labels": {"app": name, "rollouts-pod-template-hash": hash_label},
                         "annotations": {"rollout.argoproj.io/revision": str(revision), "rollout.argoproj.io/desired-replicas": "5", **annotations},
                         "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": name, "uid": owner, "controller": True,
                                              "blockOwnerDeletion": True}]},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name, "rollouts-pod-template-hash": hash_label}}, "template": template}}


def condition(kind, status, reason, message):
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastUpdateTime": NOW, "lastTransitionTime": NOW}


def common_status(**more):
    return {"observedGeneration": "3", "currentPodHash": NEW, "stableRS": STABLE, "replicas": 5, "updatedReplicas": 1, "readyReplicas": 5, "availableReplicas": 5,
            "HPAReplicas": 5, "selector": "app=web",
            "conditions": [condition("Available", "True", "AvailableReason", "Rollout has minimum availability"),
                           condition("Healthy", "False", "RolloutHealthy", "Rollout is not healthy"),
                           condition("Completed", "False", "RolloutCompleted", "RolloutCompleted"),
                           condition("Progressing", "Unknown", "RolloutPaused", "Rollout is paused"),
                           condition("Paused", "True", "RolloutPaused", "Rollout is paused")], **more}


@pytest.fixture
def silence(workspace):
    """The coordinator is not there while the objects are made; `begin` starts it and waits until it leads."""
    workspace.ours.stop()

    def begin():
        workspace.ours.start()
        wait_until(lambda: page(workspace.ours, "/readyz") == (200, "ok: leads\n"), 60, "it leads")

    yield begin
    if not workspace.ours.alive():
        begin()


def all_pods(workspace):
    return {pod["metadata"]["uid"] for pod in workspace.list("Pod", "app=web") if "deletionTimestamp" not in pod["metadata"]}


def settled(workspace):
    """The takeover was looked at: another rollout, begun later, is through."""
    workspace.create(rollout("after", {"canary": {}}, replicas=1))
    workspace.wait_phase("after", "Healthy")


def make(workspace, strategy, sizes):
    """The Rollout at revision 2 with its two ReplicaSets, whose pods run."""
    made = rollout("web", strategy, version=2)
    made["metadata"]["annotations"] = {"rollout.argoproj.io/revision": "2", "team": "shop"}
    workspace.create(made)
    workspace.patch("Rollout", "web", {"spec": {"minReadySeconds": 1}})
    workspace.patch("Rollout", "web", {"spec": {"minReadySeconds": None}})
    uid = workspace.get("Rollout", "web")["metadata"]["uid"]
    workspace.create(replica_set(uid, "web", 1, STABLE, sizes[0], 1, team="shop"), replica_set(uid, "web", 2, NEW, sizes[1], 2, team="shop"))
    wait_until(lambda: len([p for p in workspace.list("Pod", "app=web") if p.get("status", {}).get("phase") == "Running"]) == sum(sizes), 60, "the pods run")


def test_a_canary_that_waits_in_a_step(workspace, silence):
    make(workspace, {"canary": {"maxSurge": 1, "maxUnavailable": 0, "steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}]}}, (4, 1))
    status = common_status(currentStepIndex=1, currentStepHash="5f6f5f7d8c", controllerPause=True, phase="Paused", message="CanaryPauseStep",
                           pauseConditions=[{"reason": "CanaryPauseStep", "startTime": NOW}], canary={}, blueGreen={})
    workspace.cluster.patch("Rollout", workspace.namespace, "web", {"status": status}, "status")
    before, sets = all_pods(workspace), {s["metadata"]["name"]: s["metadata"]["generation"] for s in workspace.list("ReplicaSet", "app=web")}
    silence()
    settled(workspace)
    found = workspace.wait_phase("web", "Paused", currentStepIndex=1, message="CanaryPauseStep")
    assert (found["currentPodHash"], found["stableRS"]) == (NEW, STABLE)
    assert found["pauseConditions"] == status["pauseConditions"]
    assert all_pods(workspace) == before
    assert {s["metadata"]["name"]: s["metadata"]["generation"] for s in workspace.list("ReplicaSet", "app=web")} == sets

    workspace.towpath("promote", "web")
    workspace.wait_phase("web", "Healthy", timeout=90)
    workspace.wait_sizes("web", {2: (5, 5)})
    assert {s["metadata"]["name"] for s in workspace.list("ReplicaSet", "app=web")} == set(sets)


def test_a_canary_that_was_aborted_stays_so(workspace, silence):
    make(workspace, {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}, (5, 0))
    message = "Rollout aborted update to revision 2"
    status = common_status(currentStepIndex=0, currentStepHash="5f6f5f7d8c", abort=True, abortedAt=NOW, phase="Degraded",
                           message=f"RolloutAborted: {message}", updatedReplicas=0, canary={}, blueGreen={})
    status["conditions"][3] = condition("Progressing", "False", "RolloutAborted", message)
    workspace.cluster.patch("Rollout", workspace.namespace, "web", {"status": status}, "status")
    before = all_pods(workspace)
    silence()
    settled(workspace)
    found = workspace.wait_phase("web", "Degraded")
    assert found["abort"] and found["abortedAt"] == NOW
    assert all_pods(workspace) == before
    workspace.towpath("retry", "rollout", "web")
    workspace.wait_phase("web", "Paused", currentStepIndex=1)


def test_a_blue_green_rollout_that_shows_its_preview(workspace, silence):
    active, preview = service("active", "web"), service("preview", "web")
    for made, label in ((active, STABLE), (preview, NEW)):
        made["spec"]["selector"]["rollouts-pod-template-hash"] = label
        made["metadata"]["annotations"] = {"argo-rollouts.argoproj.io/managed-by-rollouts": "web"}
    workspace.create(active, preview)
    make(workspace, {"blueGreen": {"activeService": "active", "previewService": "preview", "autoPromotionEnabled": False, "scaleDownDelaySeconds": 1}}, (5, 5))
    status = common_status(replicas=10, updatedReplicas=5, readyReplicas=5, availableReplicas=5, controllerPause=True, phase="Paused", message="BlueGreenPause",
                           pauseConditions=[{"reason": "BlueGreenPause", "startTime": NOW}], canary={}, selector=f"app=web,rollouts-pod-template-hash={STABLE}",
                           blueGreen={"activeSelector": STABLE, "previewSelector": NEW})
    workspace.cluster.patch("Rollout", workspace.namespace, "web", {"status": status}, "status")
    before = all_pods(workspace)
    versions = {name: workspace.get("Service", name)["metadata"]["resourceVersion"] for name in ("active", "preview")}
    silence()
    settled(workspace)
    workspace.wait_phase("web", "Paused", message="BlueGreenPause")
    assert all_pods(workspace) == before
    assert {name: workspace.get("Service", name)["metadata"]["resourceVersion"] for name in versions} == versions
    workspace.towpath("promote", "web")
    workspace.wait_phase("web", "Healthy")
    assert workspace.served_version("active") == 2
    workspace.wait_sizes("web", {2: (5, 5)})


def test_an_old_version_goes_at_the_time_that_was_promised(workspace, silence):
    active = service("active", "web")
    active["spec"]["selector"]["rollouts-pod-template-hash"] = NEW
    active["metadata"]["annotations"] = {"argo-rollouts.argoproj.io/managed-by-rollouts": "web"}
    workspace.create(active)
    make(workspace, {"blueGreen": {"activeService": "active", "scaleDownDelaySeconds": 3600}}, (5, 5))
    deadline = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
    workspace.patch("ReplicaSet", f"web-{STABLE}", {"metadata": {"annotations": {"scale-down-deadline": deadline}}})
    status = common_status(stableRS=NEW, replicas=10, updatedReplicas=5, phase="Healthy", canary={}, blueGreen={"activeSelector": NEW},
                           selector=f"app=web,rollouts-pod-template-hash={NEW}")
    status["conditions"] = [condition("Available", "True", "AvailableReason", "Rollout has minimum availability"),
                            condition("Progressing", "True", "NewReplicaSetAvailable", f'ReplicaSet "web-{NEW}" has successfully progressed.'),
                            condition("Completed", "True", "RolloutCompleted", "RolloutCompleted"),
                            condition("Healthy", "True", "RolloutHealthy", "Rollout is healthy")]
    workspace.cluster.patch("Rollout", workspace.namespace, "web", {"status": status}, "status")
    silence()
    workspace.wait_phase("web", "Healthy")
    workspace.wait_sizes("web", {2: (5, 5)})
    now = datetime.datetime.now(datetime.UTC)
    assert now >= datetime.datetime.fromisoformat(deadline)
