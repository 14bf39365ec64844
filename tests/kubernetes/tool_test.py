"""The command-line tool on a cluster: a Deployment becomes a Rollout and back, several clusters at once, kubeconfigs as kubectl has them."""

import json
import os
import pathlib
import subprocess

import pytest
import yaml
from answers import template
from conftest import BUILD
from fleet import CommandError, wait_until
from phases_test import deployment
from workload import rollout, service

HPA = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
       "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 3, "maxReplicas": 8,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}


def ready(workspace):
    """Pods that a Service would send requests to: by the label of the application and by what its selector adds."""
    selector = workspace.get("Service", "web")["spec"]["selector"]
    return [pod for pod in workspace.list("Pod", ",".join(f"{key}={value}" for key, value in selector.items()))
            if "deletionTimestamp" not in pod["metadata"] and any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))]


def test_a_deployment_is_adopted_and_released(workspace):
    workspace.create(deployment("web"), service("web", "web"), HPA)
    wait_until(lambda: workspace.get("Deployment", "web").get("status", {}).get("readyReplicas") == 3, 60, "the Deployment runs")
    plan = workspace.towpath("adopt", "deployment", "web", "--dry-run")
    assert "would create the Rollout web" in plan and "workloadRef" in plan and "would point the autoscaler web at the Rollout" in plan
    assert workspace.get("Rollout", "web") is None and workspace.get("Deployment", "web")["spec"]["replicas"] == 3

    workspace.towpath("adopt", "deployment", "web")
    workspace.wait_phase("web", "Healthy")
    assert workspace.get("Deployment", "web")["spec"]["replicas"] == 0
    assert workspace.get("HorizontalPodAutoscaler", "web")["spec"]["scaleTargetRef"]["kind"] == "Rollout"
    assert len(ready(workspace)) == 3
    # Given again it finds nothing to do.
    workspace.towpath("adopt", "deployment", "web")

    assert "would scale the Deployment web to 3" in workspace.towpath("release", "deployment", "web", "--dry-run")
    assert workspace.get("Rollout", "web")
    workspace.towpath("release", "deployment", "web")
    assert workspace.get("Rollout", "web") is None
    found = workspace.get("Deployment", "web")
    assert found["spec"]["replicas"] == 3 and found["status"]["availableReplicas"] >= 3
    assert workspace.get("HorizontalPodAutoscaler", "web")["spec"]["scaleTargetRef"]["kind"] == "Deployment"
    wait_until(lambda: not [s for s in workspace.list("ReplicaSet") if "rollouts-pod-template-hash" in s["metadata"]["labels"]], 60, "nothing of the Rollout is left")
    wait_until(lambda: len(ready(workspace)) == 3, 60, "the Deployment's pods serve alone")


def test_a_service_that_a_rollout_manages_serves_through_a_release(workspace):
    workspace.create(deployment("web"), service("web", "web"))
    wait_until(lambda: workspace.get("Deployment", "web").get("status", {}).get("readyReplicas") == 3, 60, "the Deployment runs")
    workspace.towpath("adopt", "deployment", "web")
    workspace.patch("Rollout", "web", {"spec": {"strategy": {"canary": {"stableService": "web", "canaryService": "web-canary"}}}})
    workspace.create(service("web-canary", "web"))
    wait_until(lambda: "rollouts-pod-template-hash" in workspace.get("Service", "web")["spec"]["selector"], 60, "the Service names the version")
    workspace.wait_phase("web", "Healthy")
    process = subprocess.Popen([str(BUILD / "cli" / "towpath"), "--kubeconfig", str(workspace.cluster.kubeconfig), "-n", workspace.namespace,
                                "release", "deployment", "web"], env={**os.environ, "KUBECONFIG": ""}, stdout=subprocess.DEVNULL)
    fewest = 99
    while process.poll() is None:
        fewest = min(fewest, len(ready(workspace)))
    assert process.returncode == 0 and fewest >= 3
    assert "rollouts-pod-template-hash" not in workspace.get("Service", "web")["spec"]["selector"]


def test_what_cannot_be_adopted_or_released_is_refused(workspace):
    with pytest.raises(CommandError, match='deployments.apps "web" not found'):
        workspace.towpath("adopt", "deployment", "web")
    workspace.create(deployment("web"), rollout("web", {"canary": {}}, replicas=1))
    with pytest.raises(CommandError, match="exists and does not refer to the Deployment"):
        workspace.towpath("adopt", "deployment", "web")
    with pytest.raises(CommandError, match="does not refer to the Deployment"):
        workspace.towpath("release", "deployment", "web")


def tool(environment, *arguments):
    return subprocess.run([str(BUILD / "cli" / "towpath"), *arguments], capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "TERM": "dumb", **environment})


def test_kubeconfigs_are_read_as_kubectl_reads_them(workspace, tmp_path):
    """Several files, a plugin that prints the token, and a list over all contexts."""
    workspace.create(rollout("web", {"canary": {}}, replicas=1))
    workspace.wait_phase("web", "Healthy")
    admin = yaml.safe_load(workspace.cluster.kubeconfig_of(workspace.cluster.token, workspace.namespace))
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\n[ -n \"$KUBERNETES_EXEC_INFO\" ] || exit 1\ncat <<'END'\n" + json.dumps(
        {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": workspace.cluster.token}}) + "\nEND\n")
    plugin.chmod(0o755)
    clusters, users = tmp_path / "clusters.yaml", tmp_path / "users.yaml"
    gone = {"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}}
    clusters.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "clusters": [*admin["clusters"], gone],
                                        "contexts": [*admin["contexts"], {"name": "gone", "context": {"cluster": "gone", "user": "user"}}]}))
    users.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "test", "users": [
        {"name": "user", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}}}]}))
    both = {"KUBECONFIG": f"{clusters}:{pathlib.Path('/nowhere')}:{users}", "HOME": str(tmp_path)}
    listed = tool(both, "list", "rollouts")
    assert listed.returncode == 0 and "web" in listed.stdout, listed.stderr
    # One that does not answer is named, and hides nothing of the others.
    everywhere = tool(both, "list", "rollouts", "--cluster", "all")
    assert everywhere.returncode == 1 and "gone" in everywhere.stderr
    lines = everywhere.stdout.splitlines()
    assert lines[0].split()[:3] == ["CLUSTER", "NAMESPACE", "NAME"] and lines[1].split()[:3] == ["test", workspace.namespace, "web"]
    unknown = tool(both, "list", "rollouts", "--cluster", "other")
    assert unknown.returncode == 1 and 'has no context "other"' in unknown.stderr and "test, gone" in unknown.stderr


def test_all_watches_share_a_connection(workspace):
    """HTTP/2 where it is offered: a dozen watches and all requests on a few connections."""
    port = f"{workspace.cluster.port:04X}"
    inodes = {os.readlink(f"/proc/{workspace.ours.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{workspace.ours.pid}/fd")}
    connections = [fields for fields in (line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:])
                   if fields[2].endswith(f":{port}") and fields[3] == "01" and f"socket:[{fields[9]}]" in inodes]
    assert 1 <= len(connections) <= 3


def test_a_template_of_the_cluster_is_tried_by_its_controller(workspace, answers):
    workspace.create(template(answers.url))
    tried = json.loads(workspace.towpath("analyze", "ok", "--on-server", "--arg", "hash=abc", "-o", "json"))
    assert tried["verdict"] == "Successful" and [m["value"] for m in tried["measurements"]] == ["true"]
    answers.ok = False
    with pytest.raises(CommandError, match="Failed"):
        workspace.towpath("analyze", "ok", "--on-server")
    wait_until(lambda: workspace.list("AnalysisRun") == [], 10, "nothing is left of them")
