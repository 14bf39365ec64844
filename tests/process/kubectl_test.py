"""An unmodified kubectl against the coordinator, on a machine without Kubernetes."""

import json
import os
import re
import socket
import subprocess
import time

import pytest
import yaml
from fleet import wait_until
from scenarios_test import deploy
from shop import GATEWAY, image, rollout, routed_canary, services

pytestmark = pytest.mark.usefixtures("kubectl_path")


def test_apply_get_describe_edit_patch_delete(fleet):
    objects = routed_canary("kube", [{"setWeight": 20}, {"pause": {}}])
    text = yaml.safe_dump_all(objects)
    assert "rollout.argoproj.io/kube created" in fleet.kubectl("apply", "-f", "-", stdin=text).stdout
    assert "rollout.argoproj.io/kube unchanged" in fleet.kubectl("apply", "-f", "-", stdin=text).stdout
    fleet.wait_healthy("kube")
    table = fleet.kubectl("get", "rollout", "kube").stdout.splitlines()
    assert table[0].split() == ["NAME", "DESIRED", "CURRENT", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert table[1].split()[:5] == ["kube", "3", "3", "3", "3"]
    assert json.loads(fleet.kubectl("get", "ro", "kube", "-o", "json").stdout)["kind"] == "Rollout"
    assert yaml.safe_load(fleet.kubectl("get", "ro", "kube", "-o", "yaml").stdout)["metadata"]["name"] == "kube"
    wide = fleet.kubectl("get", "pods", "-l", "app=kube", "-o", "wide").stdout
    assert wide.splitlines()[0].split()[:7] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]
    assert wide.count("Running") == 3 and "node-" in wide
    pod = fleet.kubectl("describe", "pods", "-l", "app=kube").stdout
    for line in (r"Node: +node-", r"Image: +registry.example/shop:1", r"Ready: +True", r"QoS Class: +BestEffort", r"Normal +Started .*Started container shop"):
        assert re.search(line, pod), line
    described = fleet.kubectl("describe", "rollout", "kube").stdout
    assert "Name:         kube" in described and "RolloutCompleted" in described
    assert "patched" in fleet.kubectl("patch", "rollout", "kube", "--type", "merge", "-p", '{"metadata":{"labels":{"team":"blue"}}}').stdout
    assert "kube" in fleet.kubectl("get", "rollouts", "-l", "team=blue", "-o", "name").stdout
    assert "kube" not in fleet.kubectl("get", "rollouts", "-l", "team notin (blue)", "-o", "name").stdout
    # edit, with an editor that is a program
    editor = fleet.directory / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/revisionHistoryLimit: .*/revisionHistoryLimit: 3/; s/replicas: 3/replicas: 2/' \"$1\"\n")
    editor.chmod(0o755)
    result = subprocess.run([os.environ["TOWPATH_KUBECTL"], "edit", "rollout", "kube"], capture_output=True, text=True, timeout=60,
                            env={"KUBECONFIG": str(fleet.kubeconfig), "KUBE_EDITOR": str(editor), "HOME": str(fleet.directory), "PATH": "/usr/bin:/bin"})
    assert "edited" in result.stdout, result.stderr
    assert fleet.get("rollout", "kube")["spec"]["replicas"] == 2
    assert "deleted" in fleet.kubectl("delete", "rollout", "kube", "--timeout", "60s").stdout
    wait_until(lambda: not fleet.pods("kube"), 60, "the pods of a deleted rollout are collected")


def test_scale_and_wait(fleet):
    deploy(fleet, "scaled", [*services("scaled", "all"), rollout("scaled", {"canary": {}}, replicas=1)])
    assert "scaled" in fleet.kubectl("scale", "rollout/scaled", "--replicas", "2").stdout
    wait_until(lambda: fleet.rollout("scaled")["status"].get("availableReplicas") == 2, 60, "two instances")
    assert "condition met" in fleet.kubectl("wait", "--for=condition=Healthy", "rollout/scaled", "--timeout", "60s").stdout
    assert "condition met" in fleet.kubectl("wait", "--for=jsonpath={.status.phase}=Healthy", "rollout/scaled", "--timeout", "60s").stdout


def test_watch_shows_changes_as_they_come(fleet):
    process = subprocess.Popen([os.environ["TOWPATH_KUBECTL"], "get", "configmaps", "-w", "-o", "name"], stdout=subprocess.PIPE, text=True,
                               env={"KUBECONFIG": str(fleet.kubeconfig), "HOME": str(fleet.directory), "PATH": "/usr/bin:/bin"})
    try:
        time.sleep(1)  # the watch is open once kubectl has listed; it has no other sign
        fleet.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "watched"}, "data": {"a": "1"}})
        lines = []
        while "configmap/watched" not in lines:
            line = process.stdout.readline()
            assert line, "the watch ended"
            lines.append(line.strip())
    finally:
        process.kill()
        process.wait()


def test_logs_events_explain_and_api_resources(fleet):
    deploy(fleet, "talk", [*services("talk", "all"), rollout("talk", {"canary": {}}, replicas=1)])
    pod = fleet.pods("talk")[0]["metadata"]["name"]
    assert fleet.kubectl("logs", pod).stdout.strip()
    assert fleet.kubectl("logs", pod, "--tail", "1").stdout.count("\n") <= 1
    assert fleet.towpath("logs", "rollout/talk").stdout == fleet.kubectl("logs", pod).stdout
    events = fleet.kubectl("get", "events", "--field-selector", "involvedObject.name=talk").stdout
    assert "RolloutCompleted" in events
    resources = fleet.kubectl("api-resources").stdout
    for kind in ("Rollout", "AnalysisTemplate", "AnalysisRun", "ReplicaSet", "Pod", "HTTPRoute", "Lease", "Job"):
        assert kind in resources
    assert "replicas" in fleet.kubectl("explain", "rollout.spec").stdout
    assert fleet.kubectl("auth", "can-i", "get", "rollouts").stdout.strip() == "yes"


def test_what_is_not_served_says_so_and_what_to_use(fleet):
    deploy(fleet, "asked", [rollout("asked", {"canary": {}}, replicas=1)])
    pod = fleet.pods("asked")[0]["metadata"]["name"]
    config = yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}})
    for arguments, named in ((("exec", pod, "--", "true"), "pods/exec is not served"),
                             (("port-forward", pod, "18080:80"), "pods/portforward is not served"),
                             (("logs", pod, "--previous"), 'previous terminated container "shop"'),
                             (("logs", pod, "-c", "other"), "container other is not valid"),
                             (("logs", pod, "--since", "1h"), "leave out since"),
                             (("apply", "--server-side", "-f", "-"), "use kubectl apply without --server-side"),
                             (("create", "-n", "nowhere", "-f", "-"), 'namespaces "nowhere" not found'),
                             (("scale", "rollout/asked", "--replicas", "2", "--current-replicas", "7"), "Expected replicas to be 7, was 1")):
        result = fleet.kubectl(*arguments, stdin=config, check=False)
        assert result.returncode != 0 and named in result.stderr, (arguments, result.stderr)
    assert fleet.kubectl("get", "configmap", "mine", check=False).returncode == 1


def test_create_diff_replace_and_dry_run(fleet):
    def manifest(value):
        return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain"}, "data": {"a": value}})

    def value():
        return fleet.kubectl("get", "configmap", "plain", "-o", "jsonpath={.data.a}").stdout

    fleet.kubectl("create", "-f", "-", stdin=manifest("one"))
    again = fleet.kubectl("create", "-f", "-", stdin=manifest("two"), check=False)
    assert again.returncode == 1 and "AlreadyExists" in again.stderr
    diff = fleet.kubectl("diff", "-f", "-", stdin=manifest("two"), check=False)
    assert diff.returncode == 1 and "+  a: two" in diff.stdout, diff.stderr
    fleet.kubectl("replace", "--dry-run=server", "-f", "-", stdin=manifest("two"))
    assert value() == "one"
    fleet.kubectl("replace", "-f", "-", stdin=manifest("two"))
    assert value() == "two"
    fleet.kubectl("patch", "configmap", "plain", "--type", "json", "-p", '[{"op":"replace","path":"/data/a","value":"three"}]')
    assert value() == "three"
    fleet.kubectl("delete", "configmap", "plain")
    fleet.kubectl("wait", "--for=delete", "configmap/plain", "--timeout", "10s")


def test_a_namespace_goes_with_what_is_in_it(fleet):
    fleet.kubectl("create", "namespace", "brief")
    fleet.kubectl("create", "configmap", "inside", "-n", "brief", "--from-literal", "a=b")
    fleet.kubectl("delete", "namespace", "brief", "--timeout", "30s")
    assert fleet.kubectl("get", "configmaps", "-n", "brief", "-o", "name").stdout == ""
    assert fleet.kubectl("get", "namespace", "brief", check=False).returncode == 1


def test_a_drained_node_gives_its_pods_to_others(fleet):
    deploy(fleet, "moved", [rollout("moved", {"canary": {}}, replicas=3)])
    assert {p["spec"]["nodeName"] for p in fleet.pods("moved")} == {"node-1", "node-2", "node-3"}
    try:
        assert "drained" in fleet.kubectl("drain", "node-2", "--force", "--timeout", "50s").stdout
        wait_until(lambda: fleet.rollout("moved")["status"].get("availableReplicas") == 3, 60, "three instances again")
        assert {p["spec"]["nodeName"] for p in fleet.pods("moved")} == {"node-1", "node-3"}
        assert "SchedulingDisabled" in fleet.kubectl("get", "node", "node-2").stdout
    finally:
        fleet.kubectl("uncordon", "node-2")


def test_a_typing_error_is_named(fleet):
    bad = rollout("typo", {"canary": {}})
    bad["spec"]["replica"] = 3
    result = fleet.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(bad), check=False)
    assert result.returncode == 1 and 'unknown field "spec.replica"' in result.stderr
    assert fleet.kubectl("get", "rollout", "typo", check=False).returncode == 1


def test_an_applied_definition_registers_a_kind(fleet):
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.com"},
                  "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
                           "versions": [{"name": "v1", "served": True, "storage": True, "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                                         "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "maximum": 9}}}}}}}]}}
    fleet.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(definition))
    fleet.kubectl("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout", "30s")
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"size": 4}}
    wait_until(lambda: fleet.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(widget)), 30, "the kind is served")
    assert fleet.kubectl("get", "wd").stdout.splitlines()[1].split()[:2] == ["one", "4"]
    widget["spec"]["size"] = 40
    refused = fleet.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(widget), check=False)
    assert refused.returncode == 1 and "spec.size" in refused.stderr
    fleet.kubectl("delete", "crd", "widgets.example.com")


def test_wait_for_a_gateway(fleet):
    """Programmed once every node listens; a port that another program has on one node is named, and mended when it is free."""
    gateway = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "waited"},
               "spec": {"gatewayClassName": "towpath", "listeners": [{"name": "http", "protocol": "HTTP", "port": 8090}]}}
    assert "condition met" in fleet.kubectl("wait", "--for=condition=Accepted", "gatewayclass/towpath", "--timeout", "30s").stdout
    fleet.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(gateway))
    assert "condition met" in fleet.kubectl("wait", "--for=condition=Programmed", "gateway/waited", "--timeout", "30s").stdout
    status = fleet.get("gateway", "waited")["status"]
    assert [a["value"] for a in status["addresses"]] == [agent.gateway_address for agent in fleet.agents]
    assert fleet.kubectl("get", "gateway", "waited").stdout.splitlines()[1].split()[-2] == "True"
    with socket.socket() as taken:
        taken.bind((fleet.agents[1].gateway_address, 8091))
        taken.listen()
        gateway["spec"]["listeners"][0]["port"] = 8091
        fleet.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(gateway))
        fleet.kubectl("wait", "--for=jsonpath={.status.conditions[?(@.type==\"Programmed\")].reason}=AddressNotUsable", "gateway/waited",
                      "--timeout", "30s")
        message = [c for c in fleet.get("gateway", "waited")["status"]["conditions"] if c["type"] == "Programmed"][0]["message"]
        assert "node-2: listener http" in message and "8091" in message
    assert "condition met" in fleet.kubectl("wait", "--for=condition=Programmed", "gateway/waited", "--timeout", "30s").stdout
    fleet.kubectl("delete", "gateway", "waited")
