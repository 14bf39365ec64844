"""The command line as a user meets it: help, completion, output forms, exit codes."""

import json
import subprocess

import pytest
import yaml
from fleet import CommandError, wait_until
from scenarios_test import deploy, update, wait_step
from shop import rollout, routed_canary

VERBS = ["apply", "delete", "get", "list", "set image", "promote", "abort", "retry", "pause", "resume", "undo", "restart", "status", "logs", "nodes",
         "events", "simulate", "lint", "analyze", "token create", "token revoke", "kubeconfig", "completion"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(fleet, verb):
    text = fleet.towpath(*verb.split(), "--help").stdout
    assert "Examples:" in text and "towpath " + verb.split()[0] in text


def test_completion_scripts_are_valid_and_offer_rollouts(fleet):
    deploy(fleet, "tabbed", [rollout("tabbed", {"canary": {}}, replicas=1)])
    script = fleet.towpath("completion", "bash").stdout
    folder = fleet.program("towpath").parent
    probe = script + f'\nexport PATH={folder}:$PATH TOWPATH_KUBECONFIG={fleet.kubeconfig}\nCOMP_WORDS=(towpath promote tab) COMP_CWORD=2\n_towpath\necho "${{COMPREPLY[@]}}"\n'
    offered = subprocess.run(["bash", "-c", probe], capture_output=True, text=True, timeout=30)
    assert offered.stdout.split() == ["tabbed"], offered.stderr
    refused = fleet.towpath("completion", "tcsh", check=False)
    assert refused.returncode != 0 and "tcsh" in refused.stderr


def test_wrong_usage_is_refused(fleet):
    assert fleet.towpath("frobnicate", check=False).returncode != 0
    assert fleet.towpath("promote", check=False).returncode != 0
    missing = fleet.towpath("promote", "nobody", check=False)
    assert missing.returncode == 1 and 'rollouts.argoproj.io "nobody" not found' in missing.stderr
    unknown = fleet.towpath("get", "gizmos", check=False)
    assert unknown.returncode == 1 and "gizmos" in unknown.stderr


def test_output_forms(fleet):
    deploy(fleet, "forms", routed_canary("forms", [{"setWeight": 50}, {"pause": {}}], replicas=2))
    assert json.loads(fleet.towpath("get", "rollout", "forms", "-o", "json").stdout)["metadata"]["name"] == "forms"
    assert yaml.safe_load(fleet.towpath("get", "ro", "forms", "-o", "yaml").stdout)["kind"] == "Rollout"
    assert fleet.towpath("get", "rollout/forms", "-o", "name").stdout.strip() == "rollout.argoproj.io/forms"
    table = fleet.towpath("get", "pods", "-l", "app=forms").stdout.splitlines()
    assert table[0].split()[:3] == ["NAME", "READY", "STATUS"] and len(table) == 3
    wide = fleet.towpath("get", "pods", "-l", "app=forms", "-o", "wide").stdout
    assert "NODE" in wide.splitlines()[0]
    listed = [line.split() for line in fleet.towpath("list", "rollouts").stdout.splitlines()]
    assert listed[0] == ["NAME", "STRATEGY", "STATUS", "STEP", "SET-WEIGHT", "READY", "DESIRED", "UP-TO-DATE", "AVAILABLE"]
    assert ["forms", "Canary", "Healthy", "2/2", "100", "2/2", "2", "2", "2"] in listed
    assert fleet.towpath("nodes").stdout.count(" Ready ") == 3


def test_the_tree_follows_a_rollout(fleet):
    deploy(fleet, "tree", routed_canary("tree", [{"setWeight": 50}, {"pause": {}}], replicas=2))
    process = subprocess.Popen([str(fleet.program("towpath")), "get", "rollout", "tree", "--watch", "--timeout-seconds", "30"], stdout=subprocess.PIPE, text=True,
                               env={"TOWPATH_KUBECONFIG": str(fleet.kubeconfig), "PATH": "/usr/bin:/bin"})
    try:
        update(fleet, "tree", 2)
        wait_step(fleet, "tree", 1)
        while "CanaryPauseStep" not in (line := process.stdout.readline()):
            assert line, "the watch ended before it showed the pause"
    finally:
        process.kill()
        process.wait()
    fleet.towpath("promote", "tree")
    assert fleet.towpath("status", "tree", "--timeout", "60s").stdout.splitlines()[-1] == "Healthy"


def test_status_gives_up_after_its_timeout(fleet):
    deploy(fleet, "waits", routed_canary("waits", [{"setWeight": 50}, {"pause": {}}], replicas=1))
    update(fleet, "waits", 2)
    wait_step(fleet, "waits", 1)
    result = fleet.towpath("status", "waits", "--timeout", "1s", check=False)
    assert result.returncode == 1 and "exceeded timeout" in result.stderr
    assert "Paused - CanaryPauseStep" in result.stdout


def test_apply_is_idempotent_and_removes_what_was_taken_out(fleet):
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "three-way"}, "data": {"a": "1", "b": "2"}}
    assert "created" in fleet.apply(config).stdout
    assert "unchanged" in fleet.apply(config).stdout
    fleet.towpath("apply", "--dry-run", "-f", "-", stdin=yaml.safe_dump({**config, "data": {"a": "9"}}))
    assert fleet.get("configmap", "three-way")["data"] == {"a": "1", "b": "2"}
    assert "configured" in fleet.apply({**config, "data": {"a": "1", "c": "3"}}).stdout
    assert fleet.get("configmap", "three-way")["data"] == {"a": "1", "c": "3"}
    assert "deleted" in fleet.towpath("delete", "configmap", "three-way").stdout
    assert fleet.towpath("delete", "configmap", "three-way", check=False).returncode == 1
    assert fleet.towpath("delete", "configmap", "three-way", "--ignore-not-found").returncode == 0


def test_a_printed_kubeconfig_stands_alone(fleet, tmp_path):
    copy = tmp_path / "elsewhere.kubeconfig"
    copy.write_text(fleet.towpath("kubeconfig").stdout)
    result = subprocess.run([str(fleet.program("towpath")), "--kubeconfig", str(copy), "get", "nodes", "-o", "name"], capture_output=True, text=True, timeout=30)
    assert "node/node-1" in result.stdout, result.stderr


def test_tokens_are_listed_without_their_secret_and_can_be_revoked(fleet):
    token = fleet.create_token()
    kind, identity, secret, _ = token.split(".")
    listed = fleet.towpath("token", "list").stdout
    assert kind == "twp1" and identity in listed and secret not in listed
    fleet.towpath("token", "revoke", identity)
    assert identity not in fleet.towpath("token", "list", check=False).stdout


def test_logs_of_an_instance_and_what_they_cannot_do(fleet):
    deploy(fleet, "spoken", [rollout("spoken", {"canary": {}}, replicas=1)])
    pod = fleet.pods("spoken")[0]["metadata"]["name"]
    wait_until(lambda: "shop version 1 listens" in fleet.towpath("logs", pod).stdout, what="the instance's first line")
    assert fleet.towpath("logs", pod, "--tail", "0").stdout == ""
    with pytest.raises(CommandError, match="not found"):
        fleet.towpath("logs", "no-such-pod")
    assert "Started" in fleet.towpath("events", "spoken").stdout
