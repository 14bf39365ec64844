"""No request fails while versions change, and the shares are what was asked for."""

import math
import time

from fleet import is_current, wait_until
from shop import blue_green, image, routed_canary, Load
from scenarios_test import deploy, update, wait_phase, wait_step


def measure(fleet, path, version, requests=10000):
    """The version's share of that many requests, in open loop."""
    with Load(fleet, path, rate=1000) as load:
        time.sleep(requests / 1000 + 0.5)
    by_version = {v: c["ok"] + c["failed"] for v, c in load.result["by_version"].items()}
    total = sum(by_version.values())
    assert total >= requests * 0.95
    return by_version.get(version, 0), total


def assert_share(count, total, percent):
    """Within four standard deviations of a binomial share."""
    p = percent / 100
    bound = 4 * math.sqrt(total * p * (1 - p))
    assert abs(count - total * p) <= bound, f"{count} of {total} at {percent} %: more than {bound:.0f} off"


def test_shares_at_twenty_and_fifty_percent(fleet):
    deploy(fleet, "share", routed_canary("share", [{"setWeight": 20}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}], replicas=2))
    update(fleet, "share", 2)
    for step, percent in ((1, 20), (3, 50)):
        wait_step(fleet, "share", step)
        count, total = measure(fleet, "/share", "2")
        assert_share(count, total, percent)
        fleet.towpath("promote", "share")
    wait_phase(fleet, "share", "Healthy")


def test_no_request_fails_through_canary_abort_and_undo(fleet):
    deploy(fleet, "calm", routed_canary("calm", [{"setWeight": 20}, {"pause": {"duration": "1s"}}, {"setWeight": 50}, {"pause": {"duration": "2s"}}]))
    with Load(fleet, "/calm", rate=500) as load:
        update(fleet, "calm", 2)
        wait_phase(fleet, "calm", "Healthy")
        update(fleet, "calm", 4)
        wait_step(fleet, "calm", 3)
        fleet.towpath("abort", "calm")
        wait_phase(fleet, "calm", "Degraded")
        fleet.towpath("undo", "calm", "--to-revision", "1")
        wait_phase(fleet, "calm", "Healthy")
        wait_until(lambda: all(p["spec"]["containers"][0]["image"] == image(1) for p in fleet.pods("calm")), 90, "only version 1 is left")
    assert load.result["failed"] == 0, load.result
    assert {"1", "2", "4"} <= set(load.result["by_version"])


def test_no_request_fails_through_a_blue_green_switch(fleet):
    deploy(fleet, "switch", blue_green("switch", blue_green={"scaleDownDelaySeconds": 1}))
    with Load(fleet, "/switch", rate=500) as load:
        update(fleet, "switch", 2)
        wait_phase(fleet, "switch", "Healthy")
        wait_until(lambda: all(p["spec"]["containers"][0]["image"] == image(2) for p in fleet.pods("switch")), 90, "the old version is gone")
    assert load.result["failed"] == 0, load.result
    assert {"1", "2"} <= set(load.result["by_version"])
