"""Manifests of the example service for a test, each under a name of its own, and ways to look at its traffic."""

import collections
import http.client
import json
import subprocess


def services(name, *roles):
    return [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{name}-{role}"},
             "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}} for role in roles]


GATEWAY = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "front"},
           "spec": {"gatewayClassName": "towpath", "listeners": [{"name": "http", "protocol": "HTTP", "port": 8080}]}}


def route(name, *backends):
    """An HTTPRoute for the path /<name>; backends are (service, weight)."""
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name},
            "spec": {"parentRefs": [{"name": "front"}],
                     "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": f"/{name}"}}],
                                "backendRefs": [{"name": service, "port": 80, "weight": weight} for service, weight in backends]}]}}


def rollout(name, strategy, version=1, replicas=3, **spec):
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": {"app": name}},
                                  "spec": {"terminationGracePeriodSeconds": 10,
                                           "containers": [{"name": "shop", "image": image(version), "command": ["./start"],
                                                           "ports": [{"name": "http", "containerPort": 8080}],
                                                           "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1}}]}},
                     "strategy": strategy, **spec}}


def image(version):
    return f"registry.example/shop:{version}"


def routed_canary(name, steps, **more):
    """The objects of a canary whose weights go through an HTTPRoute."""
    strategy = {"canary": {"stableService": f"{name}-stable", "canaryService": f"{name}-canary", "steps": steps,
                           "trafficRouting": {"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": name, "namespace": "default"}}},
                           **more.pop("canary", {})}}
    return [*services(name, "stable", "canary"), GATEWAY, route(name, (f"{name}-stable", 100), (f"{name}-canary", 0)),
            rollout(name, strategy, **more)]


def blue_green(name, **more):
    strategy = {"blueGreen": {"activeService": f"{name}-active", "previewService": f"{name}-preview", **more.pop("blue_green", {})}}
    return [*services(name, "active", "preview"), GATEWAY, route(name, (f"{name}-active", 100)),
            route(f"{name}-preview", (f"{name}-preview", 100)), rollout(name, strategy, **more)]


HALF = [{"setWeight": 50}, {"pause": {}}]
# Times in a status are whole seconds, so that a pause of two may last little more than one: long enough to be seen.
RAMP = [step for percent in (10, 20, 30, 40, 60, 80) for step in ({"setWeight": percent}, {"pause": {"duration": "2s"}})]


def recreated(name, **more):
    objects = [rollout(name, {"canary": {}}, **more)]
    objects[0]["metadata"]["annotations"] = {"towpath.dev/strategy": "recreate"}
    return objects


# Rollouts by name that run on bare metal and on a cluster alike, from the same bytes (tests/kubernetes/scenarios_test.py).
SCENARIOS = {
    "steps": routed_canary("steps", [{"setWeight": 20}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]),
    "abort": routed_canary("abort", HALF),
    "preview": blue_green("preview", blue_green={"autoPromotionEnabled": False, "scaleDownDelaySeconds": 2}),
    "judge": routed_canary("judge", [{"setWeight": 20}, {"pause": {"duration": "2s"}}, {"setWeight": 0}, {"pause": {}}]),
    "ramp": routed_canary("ramp", RAMP),
    "rolling": [*services("rolling", "all"), rollout("rolling", {"canary": {"maxSurge": 1, "maxUnavailable": 0}}, replicas=4)],
    "recreate": recreated("recreate", replicas=2),
    "undo": routed_canary("undo", [{"setWeight": 50}]),
    "newest": routed_canary("newest", HALF),
    "hold": routed_canary("hold", [{"setWeight": 50}, {"pause": {"duration": "1s"}}]),
    "scale": routed_canary("scale", HALF, replicas=2),
}


def scaled(replicas):
    """The Rollout "scale" in the middle of its update, of another size."""
    return routed_canary("scale", HALF, replicas=replicas, version=2)[-1]


def error_template(name, **metric):
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": name},
            "spec": {"args": [{"name": "hash"}, {"name": "service"}],
                     "metrics": [{"name": "errors", "interval": "1s", "successCondition": "result < 0.05", "failureLimit": 0,
                                  "consecutiveErrorLimit": 60,
                                  "provider": {"plugin": {"towpath/traffic": {"metric": "error-ratio", "service": "{{args.service}}",
                                                                              "version": "{{args.hash}}", "window": "5s",
                                                                              "minRequests": 20}}}, **metric}]}}


ANALYSIS_ARGS = [{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]


def ask(agent, path, headers=None, timeout=5):
    """(status, version) of one request at a node's gateway; (0, None) if nothing answered."""
    connection = http.client.HTTPConnection(agent.gateway_address, 8080, timeout=timeout)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("X-Version")
    except OSError:
        return 0, None
    finally:
        connection.close()


def versions(fleet, path, count=60):
    """How many of `count` requests each version answered; failures under their status."""
    seen = collections.Counter()
    for number in range(count):
        status, version = ask(fleet.agents[number % len(fleet.agents)], path)
        seen[version if status == 200 else status] += 1
    return seen


class Load:
    """towpath-load on one node's gateway for as long as the block runs; `result` holds its sums afterwards."""

    def __init__(self, fleet, path, rate=500, agent=0, fresh_share=0.5):
        self.command = [str(fleet.program("towpath-load")), "--url", f"http://{fleet.agents[agent].gateway_address}:8080{path}",
                        "--rate", str(rate), "--duration", "600s", "--fresh-share", str(fresh_share)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        return self

    def __exit__(self, *_):
        # SIGINT: the generator ends early and prints what it has.
        self.process.send_signal(2)
        try:
            self.result = json.loads(self.process.communicate(timeout=30)[0].splitlines()[-1])
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
