"""Daemons that are killed, at any moment: nothing acknowledged is lost, nothing runs twice, traffic does not notice."""

import base64
import collections
import http.client
import itertools
import json
import os
import pathlib
import random
import signal
import socket
import ssl
import threading
import time

import yaml
from fleet import wait_until
from scenarios_test import deploy, update, wait_phase, wait_step
from shop import blue_green, image, routed_canary, versions, Load

SLOW_STEPS = [{"setWeight": 20}, {"pause": {"duration": "1s"}}, {"setWeight": 50}, {"pause": {"duration": "1s"}}]


def running(fleet):
    """What really runs, whatever the agents have written down: {pid: "<pod uid>/<container>"}."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if not os.readlink(entry / "cwd").startswith(str(fleet.directory)):
                continue
            marks = [word for word in (entry / "environ").read_bytes().split(b"\0") if word.startswith(b"TOWPATH_INSTANCE=")]
        except OSError:
            continue  # none of ours, or it has just ended
        if marks:
            found[int(entry.name)] = marks[0].decode().split(":", 1)[1].rpartition("/")[0]
    return found


def pids_of(fleet):
    return set(running(fleet))


class Writes:
    """Counts up in several ConfigMaps, through kills, for as long as the block runs, and remembers what was acknowledged."""

    def __init__(self, fleet, objects=10):
        config = yaml.safe_load(fleet.kubeconfig.read_text())
        authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        self.tls = ssl.create_default_context(cadata=authority)
        self.headers = {"Authorization": "Bearer " + config["users"][0]["user"]["token"], "Content-Type": "application/merge-patch+json"}
        self.port, self.names = fleet.port, [f"proof-{number}" for number in range(objects)]
        self.sent, self.acknowledged = dict.fromkeys(self.names, 0), dict.fromkeys(self.names, 0)
        self.refused, self.ending = [], threading.Event()
        fleet.apply(*({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"count": "0"}} for name in self.names))

    def write(self, connection, name, count):
        self.sent[name] = count
        connection.request("PATCH", f"/api/v1/namespaces/default/configmaps/{name}", json.dumps({"data": {"count": str(count)}}), self.headers)
        response = connection.getresponse()
        text = response.read()
        if response.status == 200:
            self.acknowledged[name] = count
        else:
            self.refused.append((response.status, text))

    def run(self):
        connection = None
        for count in itertools.count(1):
            if self.ending.wait(0.01):
                return
            try:
                connection = connection or http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, timeout=10)
                self.write(connection, self.names[count % len(self.names)], count)
            except (OSError, http.client.HTTPException):
                connection = None  # killed under us

    def check(self, fleet):
        """Nothing acknowledged is lost, and nothing is there that was not sent."""
        before = dict(self.acknowledged)
        found = {m["metadata"]["name"]: int(m["data"]["count"]) for m in fleet.list("configmaps") if m["metadata"]["name"] in self.sent}
        for name in self.names:
            assert before[name] <= found[name] <= self.sent[name], (name, before[name], found[name], self.sent[name])

    def __enter__(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join(30)


def deploy_and_serve(fleet, name, steps, replicas=2):
    """Healthy is about the instances; requests arrive once the proxies have the new route as well."""
    deploy(fleet, name, routed_canary(name, steps, replicas=replicas, canary={"scaleDownDelaySeconds": 1}))
    wait_until(lambda: set(versions(fleet, f"/{name}", 20)) == {"1"}, 30, "all requests are answered")


def wait_back(fleet):
    """The coordinator reaches the agents again: it fetches a log through each one's link."""
    wait_until(lambda: all(fleet.towpath("logs", pod["metadata"]["name"], "--tail", "1", timeout=10) for pod in fleet.pods()), 60,
               "the agents are back")


def test_coordinator_killed_fifty_times_during_rollouts(new_fleet):
    fleet = new_fleet(nodes=2).start()
    deploy_and_serve(fleet, "shop", SLOW_STEPS)
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    moments = random.Random(seed)
    places, version = collections.Counter(), 1
    with Load(fleet, "/shop", rate=100) as load, Writes(fleet) as writes:
        for kill in range(50):
            status = fleet.rollout("shop")["status"]
            places[(status["phase"], status["currentStepIndex"])] += 1
            if status["phase"] == "Healthy" or kill % 10 == 5:  # also while another one is under way
                version = 4 if version == 2 else 2
                update(fleet, "shop", version)
            time.sleep(moments.uniform(0, 1.5))  # the random moment itself, not a wait for anything
            fleet.coordinator.kill()
            if kill % 3 == 0:  # again, in the middle of its start
                fleet.coordinator.start()
                time.sleep(moments.uniform(0, 0.2))
                fleet.coordinator.kill()
            fleet.start_coordinator()
            writes.check(fleet)
        wait_phase(fleet, "shop", "Healthy", 120)
        wait_until(lambda: set(versions(fleet, "/shop", 30)) == {str(version)}, 30, "only the newest version answers")
    print(dict(places), sum(writes.acknowledged.values()))
    writes.check(fleet)
    assert not writes.refused, writes.refused[:3]
    assert len({step for phase, step in places if phase != "Healthy"}) >= 3, f"the kills were not during rollouts: {places}"
    assert load.result["failed"] == 0, load.result
    wait_until(lambda: sorted(p["spec"]["containers"][0]["image"] for p in fleet.pods("shop")) == [image(version)] * 2, 60,
               "exactly the instances that were asked for")
    wait_until(lambda: len(pids_of(fleet)) == 2, 30, "exactly two processes")


def test_what_a_node_said_and_a_dying_coordinator_lost_is_said_again(new_fleet):
    """A report is acknowledged some milliseconds before its routes are written. What such a death takes away, the node's share of the route, is taken
    away here by hand."""
    fleet = new_fleet(1)
    fleet.start()
    deploy_and_serve(fleet, "told", [{"setWeight": 50}, {"pause": {}}])
    shares = lambda: (fleet.get("httproute", "told").get("status", {}).get("towpath") or {}).get("nodes", [])
    wait_until(shares, what="the node has told its share")
    fleet.kubectl("patch", "httproute", "told", "--subresource=status", "--type=merge", "-p", '{"status":{"towpath":null}}')
    assert not shares()
    fleet.coordinator.kill()
    fleet.start_coordinator()
    wait_until(shares, 60, "the node tells it again")


def test_agent_killed_and_back_leaves_instances_and_traffic_alone(new_fleet):
    fleet = new_fleet(nodes=1).start()
    deploy_and_serve(fleet, "shop", [{"setWeight": 50}, {"pause": {}}])
    agent = fleet.agents[0]
    wait_until(lambda: len(agent.proxy_pids()) == 2, 30, "the workers of before the last reload have ended")
    before, proxies = pids_of(fleet), agent.proxy_pids()
    assert len(before) == 2
    with Load(fleet, "/shop", rate=200) as load:
        for _ in range(5):
            agent.kill()
            time.sleep(0.5)  # it is away for a while
            agent.start()
            wait_back(fleet)
    assert load.result["failed"] == 0, load.result
    assert pids_of(fleet) == before
    assert agent.proxy_pids() == proxies
    assert all(p["status"]["containerStatuses"][0]["restartCount"] == 0 for p in fleet.pods("shop"))
    update(fleet, "shop", 2)
    wait_step(fleet, "shop", 1)


def test_agents_killed_during_rollouts_start_nothing_twice(new_fleet):
    fleet = new_fleet(nodes=2).start()
    deploy_and_serve(fleet, "shop", [{"setWeight": 20}, {"setWeight": 50}], replicas=4)
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    moments = random.Random(seed)
    version = 1
    with Load(fleet, "/shop", rate=100) as load:
        for kill in range(20):
            if kill % 5 == 0:
                version = 4 if version == 2 else 2
                update(fleet, "shop", version)
            time.sleep(moments.uniform(0, 0.8))  # the random moment itself, not a wait for anything
            agent = moments.choice(fleet.agents)
            agent.kill()
            agent.start()
            now = list(running(fleet).values())
            assert len(now) == len(set(now)), now
        wait_phase(fleet, "shop", "Healthy", 120)
        wait_until(lambda: set(versions(fleet, "/shop", 30)) == {str(version)}, 30, "only the newest version answers")
    assert load.result["failed"] == 0, load.result
    wait_until(lambda: len(pids_of(fleet)) == 4, 60, "exactly the instances that were asked for")
    # An object may outlive its process for a moment, until the agent's report is taken; in the end they are the same.
    wait_until(lambda: {one.split("/")[0] for one in running(fleet).values()} == {pod["metadata"]["uid"] for pod in fleet.pods("shop")}, 60,
               "the pods are what runs")


def ready(fleet, pod):
    return [each["status"] for each in fleet.get("pod", pod)["status"]["conditions"] if each["type"] == "Ready"]


def port_of(pid):
    variables = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next(int(each[5:]) for each in variables if each.startswith(b"PORT="))


def test_an_agent_killed_before_it_could_drain_an_instance_stops_none_that_gets_requests(new_fleet):
    """The proxy hangs while traffic has to move, the agent dies, and its successor has the order to stop the old instance on its disk."""
    fleet = new_fleet(nodes=1).start()
    deploy(fleet, "shop", blue_green("shop", replicas=1, blue_green={"scaleDownDelaySeconds": 1, "autoPromotionEnabled": False}))
    wait_until(lambda: set(versions(fleet, "/shop", 20)) == {"1"}, 30, "all requests are answered")
    update(fleet, "shop", 2)
    wait_phase(fleet, "shop", "Paused")
    wait_until(lambda: set(versions(fleet, "/shop-preview", 20)) == {"2"}, 30, "the preview answers")
    agent, old = fleet.agents[0], next(pod for pod in fleet.pods("shop") if pod["spec"]["containers"][0]["image"] == image(1))
    process = next(pid for pid, mark in running(fleet).items() if mark.startswith(old["metadata"]["uid"]))
    proxies = agent.proxy_pids()
    for pid in proxies:
        os.kill(pid, signal.SIGSTOP)
    try:
        fleet.towpath("promote", "shop")
        wait_until(lambda: "False" in ready(fleet, old["metadata"]["name"]), 30, "the agent has the order to end the old instance")
        agent.kill()
        agent.start()
        wait_back(fleet)
        socket.create_connection(("127.0.0.1", port_of(process)), timeout=10).close()  # it still serves what may come
    finally:
        for pid in proxies:
            os.kill(pid, signal.SIGCONT)
    assert set(versions(fleet, "/shop", 50)) <= {"1", "2"}
    wait_until(lambda: set(versions(fleet, "/shop", 20)) == {"2"}, 30, "the new version answers")
    wait_until(lambda: len(pids_of(fleet)) == 1, 60, "the old instance has ended")


def test_without_the_coordinator_everything_goes_on_and_crashes_are_restarted(new_fleet):
    fleet = new_fleet(nodes=1).start()
    deploy_and_serve(fleet, "shop", [{"setWeight": 50}])
    fleet.coordinator.kill()
    agent = fleet.agents[0]
    assert set(versions(fleet, "/shop", 20)) == {"1"}
    victim = sorted(pids_of(fleet))[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(pids_of(fleet)) == 2 and victim not in pids_of(fleet), 30, "the crashed instance is started again")
    wait_until(lambda: set(versions(fleet, "/shop", 20)) == {"1"}, 30, "all requests are answered")
    # The agent itself may restart too: it goes on from the assignment on its disk.
    agent.kill()
    agent.start()
    os.kill(sorted(pids_of(fleet))[0], signal.SIGKILL)
    wait_until(lambda: len(pids_of(fleet)) == 2, 30, "an agent that started alone supervises")
    wait_until(lambda: set(versions(fleet, "/shop", 20)) == {"1"}, 30, "all requests are answered")
    fleet.start_coordinator()
    wait_back(fleet)
    update(fleet, "shop", 2)
    wait_phase(fleet, "shop", "Healthy")


def kill_proxy(agent):
    for pid in agent.proxy_pids():
        os.kill(pid, signal.SIGKILL)


def test_a_killed_proxy_is_back_with_the_same_weights(new_fleet):
    fleet = new_fleet(nodes=1).start()
    deploy_and_serve(fleet, "shop", [{"setWeight": 50}, {"pause": {}}])
    update(fleet, "shop", 2)
    wait_step(fleet, "shop", 1)
    agent = fleet.agents[0]
    for _ in range(3):
        kill_proxy(agent)
        wait_until(lambda: set(versions(fleet, "/shop", 40)) == {"1", "2"}, 10, "the proxy answers again")
    # Nobody is there to start it again until the agent is back.
    agent.kill()
    kill_proxy(agent)
    agent.start()
    wait_until(lambda: set(versions(fleet, "/shop", 40)) == {"1", "2"}, 10, "the proxy answers again")
    fleet.towpath("promote", "shop")
    wait_phase(fleet, "shop", "Healthy")
    wait_until(lambda: set(versions(fleet, "/shop", 20)) == {"2"}, 10, "only the newest version answers")


def cut_power(fleet):
    """Everything ends at once: daemons, proxies, instances."""
    for daemon in [fleet.coordinator, *fleet.agents]:
        daemon.process.kill()
    for pid in [*pids_of(fleet), *(pid for agent in fleet.agents for pid in agent.proxy_pids())]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    for daemon in [fleet.coordinator, *fleet.agents]:
        daemon.kill()
    wait_until(lambda: not pids_of(fleet), 10, "nothing runs")


def test_a_node_boots_without_the_coordinator(new_fleet):
    fleet = new_fleet(nodes=1).start()
    deploy_and_serve(fleet, "shop", [{"setWeight": 50}])
    cut_power(fleet)
    fleet.agents[0].start()
    wait_until(lambda: set(versions(fleet, "/shop", 20)) == {"1"}, 30, "all requests are answered")
    assert len(pids_of(fleet)) == 2


def test_a_rollout_goes_on_after_a_power_cut(new_fleet):
    fleet = new_fleet(nodes=2).start()
    deploy_and_serve(fleet, "shop", SLOW_STEPS)
    for version in (2, 4):
        update(fleet, "shop", version)
        fleet.wait_rollout(lambda r: version // 2 <= r["status"].get("currentStepIndex", 0) < len(SLOW_STEPS), what="it is on its way")
        cut_power(fleet)
        fleet.start_coordinator()
        for agent in fleet.agents:
            agent.start()
        wait_phase(fleet, "shop", "Healthy", 120)
        wait_until(lambda: set(versions(fleet, "/shop", 30)) == {str(version)}, 30, "only the newest version answers")
        wait_until(lambda: len(pids_of(fleet)) == 2, 60, "exactly the instances that were asked for")
