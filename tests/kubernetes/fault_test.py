"""Networks, API servers and processes that fail: all end right, and nothing is there twice."""

import base64
import collections
import json
import os
import random
import signal
import time
import urllib.request

import pytest
from answers import ANALYSIS, template
from conftest import BUILD
from control_plane import coordinator
from fault_proxy import FaultProxy
from fleet import wait_until
from pages import page
from workload import rollout

STEPS = [{"setWeight": 25}, {"pause": {"duration": 1}}, {"analysis": ANALYSIS}, {"setWeight": 50}, {"pause": {"duration": 1}}]
CANARY = {"canary": {"maxSurge": 1, "maxUnavailable": 0, "steps": STEPS}}
# Nobody else works on this cluster, so that a killed one need not be waited for.
ALONE = "[kubernetes]\nelect_leader = false\n"


@pytest.fixture
def alone(workspace, tmp_path):
    """Makes coordinators that lead at once, with the one of the other tests out of the way."""
    workspace.ours.stop()
    daemons = []

    def begin(server=None):
        kubeconfig = tmp_path / "proxied.kubeconfig"
        kubeconfig.write_text(workspace.cluster.kubeconfig_of(workspace.cluster.token, server=server))
        config = tmp_path / "coordinator.toml"
        config.write_text(ALONE)
        daemons.append(coordinator(BUILD, workspace.cluster, tmp_path, "alone", "--config", str(config), kubeconfig=kubeconfig).start())
        return daemons[-1]

    yield begin
    for daemon in daemons:
        daemon.stop()
    workspace.ours.start()
    wait_until(lambda: page(workspace.ours, "/readyz") == (200, "ok: leads\n"), 60, "the other one leads again")


def deploy(workspace, answers, count):
    names = [f"web-{number}" for number in range(count)]
    workspace.create(template(answers.url, count=1), *[rollout(name, CANARY, replicas=4) for name in names])
    for name in names:
        workspace.wait_phase(name, "Healthy", timeout=120)
    return names


def check_nothing_twice(workspace, names, versions):
    """One ReplicaSet for each version that was, one run at a time for the step of each, the pods of the newest only, and no object without an
    owner. A run that ended before its Rollout had noted it is made again, as the peer does."""
    uids = {r["metadata"]["uid"] for r in workspace.list("Rollout")}
    sets = workspace.list("ReplicaSet")
    templates = collections.Counter((s["metadata"]["ownerReferences"][0]["name"], s["spec"]["template"]["spec"]["containers"][0]["image"]) for s in sets)
    assert [key for key, count in templates.items() if count > 1] == []
    assert all(s["metadata"]["ownerReferences"][0]["uid"] in uids for s in sets)
    assert [r["metadata"]["name"] for r in workspace.list("AnalysisRun") if r["status"]["phase"] != "Successful"] == []
    for name in names:
        workspace.wait_sizes(name, {versions: (4, 4)})


def test_a_network_that_fails_delays_and_changes_nothing_of_the_outcome(workspace, alone, answers):
    proxy = FaultProxy(workspace.cluster, seed=7)
    try:
        daemon = alone(proxy.url)
        wait_until(lambda: page(daemon, "/readyz")[0] == 200, 60, "it is ready")
        names = deploy(workspace, answers, 8)
        proxy.rate = 0.15
        for version in (2, 3):
            for name in names:
                workspace.set_version(name, version)
            for name in names:
                workspace.wait_phase(name, "Healthy", timeout=240)
        assert {"too many", "conflict", "lost", "cut", "cut within an event"} <= set(proxy.faults), proxy.faults
        proxy.rate = 0
        check_nothing_twice(workspace, names, 3)
    finally:
        proxy.stop()


def test_a_history_that_was_compacted_is_listed_again_and_nothing_is_missed(workspace, alone, answers):
    cluster = workspace.cluster
    daemon = alone()
    names = deploy(workspace, answers, 2)
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        # Changed while it sees nothing, and then neither the API server nor etcd knows any more what it would have seen.
        for name in names:
            workspace.set_version(name, 2)
        cluster.api_server.kill()
        etcd = lambda what, body: json.load(urllib.request.urlopen(urllib.request.Request(
            f"http://127.0.0.1:{cluster.etcd_port}/v3/kv/{what}", json.dumps(body).encode(), {"Content-Type": "application/json"}), timeout=30))
        revision = etcd("range", {"key": base64.b64encode(b"none").decode()})["header"]["revision"]
        etcd("compaction", {"revision": revision, "physical": True})
        cluster.api_server.start()
        wait_until(cluster.ready, 120, "the API server is back")
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    for name in names:
        workspace.wait_phase(name, "Healthy", timeout=120)
    check_nothing_twice(workspace, names, 2)


def test_killed_fifty_times_during_twenty_rollouts(workspace, alone, answers):
    daemon = alone()
    names = deploy(workspace, answers, 20)
    chance = random.Random(50)
    version, begun = 1, 0.0
    for _ in range(50):
        if time.monotonic() - begun > 12:  # a new version in the middle of the last
            version, begun = version + 1, time.monotonic()
            for name in names:
                workspace.set_version(name, version)
        time.sleep(chance.uniform(0.05, 1.0))  # the moment of the kill is the input of this test
        daemon.kill()
        daemon.start()
    for name in names:
        workspace.wait_phase(name, "Healthy", timeout=240)
    check_nothing_twice(workspace, names, version)
