"""Running it: counters, health, the log level, an orderly end, several instances in one cluster."""

import time

from conftest import BUILD
from control_plane import coordinator
from fleet import wait_until
from pages import counters, page, total
from workload import rollout

CANARY = {"canary": {"maxSurge": 1, "maxUnavailable": 0, "steps": [{"setWeight": 20}, {"pause": {}}]}}


def test_counters_have_the_names_and_labels_that_dashboards_ask_for(workspace):
    workspace.create(rollout("web", CANARY), {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "answers"},
        "spec": {"metrics": [{"name": "code", "count": 1, "provider": {"web": {"url": "http://127.0.0.1:1/"}}}]}})
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused", currentStepIndex=1)
    workspace.wait_sizes("web", {1: (4, 4), 2: (1, 1)})
    of = {"namespace": workspace.namespace, "name": "web"}
    samples = wait_until(lambda: total(found := counters(workspace.ours), "rollout_info", phase="Paused", **of) and found, 30, "the pause is counted")
    assert total(samples, "rollout_info", strategy="canary", traffic_router="", phase="Paused", **of) == 1
    assert total(samples, "rollout_phase", strategy="canary", phase="Paused", **of) == 1
    assert total(samples, "rollout_phase", strategy="canary", **of) == 1
    assert total(samples, "rollout_info_replicas_desired", **of) == 5
    assert total(samples, "rollout_info_replicas_updated", **of) == 1
    assert total(samples, "rollout_info_replicas_available", **of) == 5
    assert total(samples, "rollout_info_replicas_unavailable", **of) == 0
    assert total(samples, "rollout_events_total", type="Normal", reason="RolloutPaused", **of) == 1
    assert total(samples, "rollout_reconcile_count", **of) >= 2
    assert total(samples, "rollout_reconcile_bucket", le="+Inf", **of) == total(samples, "rollout_reconcile_count", **of)
    assert total(samples, "analysis_template_metric_info", namespace=workspace.namespace, name="answers", metric="code", type="WebMetric") == 1
    assert total(samples, "controller_clientset_k8s_request_total", kind="replicasets", verb="Create", status_code="201",
                 namespace=workspace.namespace) == 2
    # Whoever asks by name gets an answer, and no series for each object that ever was.
    assert {labels["name"] for name, labels, _ in samples if name == "controller_clientset_k8s_request_total"} == {"N/A"}
    assert {labels["name"] for name, labels, _ in samples if name == "workqueue_adds_total"} >= {"Rollouts", "AnalysisRuns"}
    assert total(samples, "argo_rollouts_controller_info") == 1
    assert total(samples, "process_resident_memory_bytes") > 1 << 20

    workspace.towpath("promote", "web")
    workspace.wait_phase("web", "Healthy")
    wait_until(lambda: total(counters(workspace.ours), "rollout_duration_seconds_count", status="Promoted"), 30, "the update is counted")
    workspace.cluster.delete("Rollout", workspace.namespace, "web")
    wait_until(lambda: total(counters(workspace.ours), "rollout_info", **of) is None, 30, "what is gone is not told")


def test_health_and_the_log_level(workspace):
    assert page(workspace.ours, "/healthz") == (200, "ok\n")
    assert page(workspace.ours, "/readyz") == (200, "ok: leads\n")
    assert page(workspace.ours, "/loglevel") == (200, "debug\n")
    status, text = page(workspace.ours, "/loglevel", "PUT", "loud")
    assert status == 400 and "debug, info, warn or error" in text
    try:
        assert page(workspace.ours, "/loglevel", "PUT", "error") == (200, "error\n")
        # Nothing of what the controllers do is told any more.
        length = workspace.ours.log.stat().st_size
        workspace.create(rollout("quiet", CANARY))
        workspace.wait_phase("quiet", "Healthy")
        assert b"quiet" not in workspace.ours.log.read_bytes()[length:]
    finally:
        assert page(workspace.ours, "/loglevel", "PUT", "debug") == (200, "debug\n")


def test_a_disruption_budget_delays_a_restart_and_nothing_else(workspace):
    workspace.create(rollout("web", CANARY, replicas=3), {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
        "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}}})
    workspace.wait_phase("web", "Healthy")
    wait_until(lambda: workspace.get("PodDisruptionBudget", "web").get("status", {}).get("currentHealthy") == 3, 60, "the budget knows its pods")
    before = set(workspace.pods("web"))
    workspace.patch("Rollout", "web", {"spec": {"restartAt": workspace.a_second_after(workspace.pods("web"))}})
    wait_until(lambda: "eviction refused" in workspace.ours.tail(2000), 30, "the budget refuses")
    assert set(workspace.pods("web")) == before
    # A version is rolled out over it.
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Paused", currentStepIndex=1)
    requests = [line for line in workspace.ours.tail(5000).splitlines() if "eviction refused" in line and workspace.namespace in line]
    assert len(requests) < 60, "asked again in a loop"
    workspace.patch("PodDisruptionBudget", "web", {"spec": {"minAvailable": 2}})
    wait_until(lambda: not before & set(workspace.pods("web")), 120, "every pod is replaced")
    wait_until(lambda: workspace.status("web").get("restartedAt") == workspace.get("Rollout", "web")["spec"]["restartAt"], 60, "the restart is over")


def test_an_orderly_end_hands_the_lead_over_at_once(workspace):
    ours = workspace.ours
    lease = lambda: workspace.cluster.get("Lease", "default", "argo-rollouts-controller-lock")["spec"]
    holder = lease()["holderIdentity"]
    assert holder
    ours.stop()
    try:
        assert ours.process.returncode == 0
        assert not lease().get("holderIdentity")
    finally:
        ours.start()
    began = time.monotonic()
    wait_until(lambda: lease().get("holderIdentity") not in ("", None, holder), 60, "the next one leads")
    # It did not wait for the old lease to run out.
    assert lease()["leaseTransitions"] >= 1 and time.monotonic() - began < 60


def test_instances_share_a_cluster_by_label(workspace, tmp_path):
    mine = rollout("mine", CANARY, replicas=1)
    mine["metadata"]["labels"] = {"argo-rollouts.argoproj.io/controller-instance-id": "blue"}
    workspace.create(mine, rollout("others", CANARY, replicas=1))
    workspace.wait_phase("others", "Healthy")
    assert not workspace.status("mine")
    second = coordinator(BUILD, workspace.cluster, tmp_path, "second", "--instance-id", "blue").start()
    try:
        workspace.wait_phase("mine", "Healthy")
        assert workspace.cluster.get("Lease", "default", "argo-rollouts-controller-lock-blue")["spec"]["holderIdentity"]
        assert "others" not in second.tail(2000)
    finally:
        second.stop()
