"""Daemons that are killed, at any moment: nothing acknowledged is lost, nothing runs twice, traffic does not notice."""

import os
import random
import signal
import time

from fleet import CommandError, is_current, wait_until
from scenarios_test import deploy, update, wait_phase, wait_step
from shop import image, routed_canary, versions, Load


def pids_of(fleet):
    return {pid for agent in fleet.agents for pid in agent.instance_pids()}


def deploy_and_serve(fleet, name, objects):
    """Healthy is about the instances; requests arrive once the proxies have the new route as well."""
    deploy(fleet, name, objects)
    wait_until(lambda: set(versions(fleet, f"/{name}", 20)) == {"1"}, 30, "all requests are answered")


def wait_back(fleet):
    """The coordinator reaches the agents again: it fetches a log through each one's link."""
    wait_until(lambda: all(fleet.towpath("logs", pod["metadata"]["name"], "--tail", "1", timeout=10) for pod in fleet.pods()), 60,
               "the agents are back")


def test_coordinator_killed_fifty_times_during_rollouts(new_fleet):
    fleet = new_fleet(nodes=2).start()
    deploy_and_serve(fleet, "shop", routed_canary("shop", [{"setWeight": 20}, {"pause": {"duration": "1s"}}, {"setWeight": 50}, {"pause": {"duration": "1s"}}], replicas=2))
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    moments = random.Random(seed)
    acknowledged = {}
    version = 1
    for kill in range(50):
        if kill % 5 == 0:
            version = 4 if version == 2 else 2
            wait_until(lambda: fleet.towpath("set", "image", "shop", f"shop={image(version)}", timeout=20), 60, "the update is acknowledged")
        name = f"proof-{kill}"
        # A write just before the kill: if it was acknowledged it must be there ever after.
        try:
            fleet.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"kill": str(kill)}})
            acknowledged[name] = str(kill)
        except CommandError:
            pass
        time.sleep(moments.uniform(0, 0.4))  # the random moment itself, not a wait for anything
        fleet.coordinator.kill()
        fleet.start_coordinator()
    for name, value in acknowledged.items():
        assert fleet.get("configmap", name)["data"]["kill"] == value
    assert len(acknowledged) >= 45
    wait_phase(fleet, "shop", "Healthy", 120)
    wait_until(lambda: sorted(p["spec"]["containers"][0]["image"] for p in fleet.pods("shop")) == [image(version)] * 2, 90,
               "exactly the instances that were asked for")
    wait_until(lambda: len(pids_of(fleet)) == 2, 30, "exactly two processes")


def test_agent_killed_and_back_leaves_instances_and_traffic_alone(new_fleet):
    fleet = new_fleet(nodes=1).start()
    deploy_and_serve(fleet, "shop", routed_canary("shop", [{"setWeight": 50}, {"pause": {}}], replicas=2))
    agent = fleet.agents[0]
    before, proxies = pids_of(fleet), agent.proxy_pids()
    assert len(before) == 2 and proxies
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


def test_without_the_coordinator_everything_goes_on_and_crashes_are_restarted(new_fleet):
    fleet = new_fleet(nodes=1).start()
    deploy_and_serve(fleet, "shop", routed_canary("shop", [{"setWeight": 50}], replicas=2))
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


def test_a_killed_proxy_is_back(new_fleet):
    fleet = new_fleet(nodes=1).start()
    deploy_and_serve(fleet, "shop", routed_canary("shop", [{"setWeight": 50}], replicas=2))
    for pid in fleet.agents[0].proxy_pids():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: set(versions(fleet, "/shop", 10)) == {"1"}, 30, "the proxy answers again")
