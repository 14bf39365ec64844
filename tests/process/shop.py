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
