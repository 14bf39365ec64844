"""Webhooks on real programs: a server of the test's own is the gate, the trigger, and who is told; it checks each signature."""

import hashlib
import hmac
import http.server
import json
import threading

import pytest
import yaml
from fleet import wait_until
from scenarios_test import deploy, update, wait_phase, wait_step, weight
from shop import blue_green, routed_canary

KEY = "a key that both sides know"


class Hooks(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        expected = "sha256=" + hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
        payload = json.loads(body)
        if not hmac.compare_digest(self.headers.get("X-Hub-Signature-256", ""), expected):
            status = 401
        else:
            self.server.asked.append(payload)
            status = 200 if payload["webhook"] in self.server.open else 403
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hooks():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hooks)
    server.asked, server.open = [], set()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def with_webhooks(objects, hooks, **types):
    url = f"http://127.0.0.1:{hooks.server_port}/"
    listed = [{"name": name, "type": kind.replace("_", "-"), "url": url, "interval": "1s", "secretRef": {"name": "hooks", "key": "hmac"}} for name, kind in types.items()]
    objects[-1]["metadata"]["annotations"] = {"towpath.dev/webhooks": yaml.safe_dump(listed)}
    return objects


def count(hooks, name):
    return sum(p["webhook"] == name for p in hooks.asked)


@pytest.fixture
def secret(fleet):
    fleet.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hooks"}, "stringData": {"hmac": KEY}})


def test_a_gate_holds_the_weight_until_it_opens(fleet, hooks, secret):
    deploy(fleet, "gated", with_webhooks(routed_canary("gated", [{"setWeight": 50}, {"pause": {}}], replicas=2), hooks, more="confirm-traffic-increase"))
    assert count(hooks, "more") == 0
    update(fleet, "gated", 2)
    wait_until(lambda: count(hooks, "more") >= 2, what="the gate is asked again")
    status = fleet.rollout("gated")["status"]
    assert status["phase"] == "Paused" and status["message"] == "WebhookGate" and weight(fleet, "gated") == 0
    assert {p["name"] for p in hooks.asked} == {"gated"} and hooks.asked[0]["phase"] == "Waiting" and hooks.asked[0]["image"].endswith("shop:2")
    hooks.open.add("more")
    wait_step(fleet, "gated", 1)
    assert weight(fleet, "gated") == 50
    fleet.towpath("promote", "gated")
    wait_phase(fleet, "gated", "Healthy")


def test_a_trigger_from_outside_takes_the_update_back(fleet, hooks, secret):
    deploy(fleet, "alarmed", with_webhooks(routed_canary("alarmed", [{"setWeight": 50}, {"pause": {}}], replicas=2), hooks, alarm="rollback", tell="post-rollout"))
    update(fleet, "alarmed", 2)
    wait_until(lambda: weight(fleet, "alarmed") == 50, what="the canary gets traffic")
    wait_until(lambda: count(hooks, "alarm") > 0, what="the trigger is asked")
    hooks.open |= {"alarm", "tell"}
    wait_phase(fleet, "alarmed", "Degraded")
    wait_until(lambda: weight(fleet, "alarmed") == 0, what="traffic is back")
    assert "webhook alarm asked for a rollback" in fleet.rollout("alarmed")["status"]["message"]
    wait_until(lambda: count(hooks, "tell") == 1, what="the end is told")
    assert [p["phase"] for p in hooks.asked if p["webhook"] == "tell"] == ["Failed"]


def test_blue_green_waits_before_its_start_and_before_the_switch(fleet, hooks, secret):
    def selected(role):
        return fleet.get("service", f"turned-{role}")["spec"]["selector"]["rollouts-pod-template-hash"]

    deploy(fleet, "turned", with_webhooks(blue_green("turned", replicas=2), hooks, start="confirm-rollout", switch="confirm-promotion"))
    update(fleet, "turned", 2)
    wait_until(lambda: count(hooks, "start") >= 2, what="the first gate is asked again")
    status = fleet.rollout("turned")["status"]
    assert status["message"] == "WebhookGate" and status.get("updatedReplicas", 0) == 0 and count(hooks, "switch") == 0
    hooks.open.add("start")
    wait_until(lambda: count(hooks, "switch") >= 2, what="the second gate is asked again")
    status = fleet.rollout("turned")["status"]
    assert status["updatedReplicas"] == 2 and selected("active") == status["stableRS"] and selected("preview") == status["currentPodHash"]
    hooks.open.add("switch")
    wait_phase(fleet, "turned", "Healthy")
    assert selected("active") == status["currentPodHash"]
