"""Experiments on a real control plane: as a canary's step, and alone."""

import contextlib
import http.server
import json
import threading

from fleet import wait_until
from workload import pod_template, rollout


@contextlib.contextmanager
def metric_store(errors):
    """Answers every question with this share of errors; gives its address."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"errors": errors}).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def errors_template(address):
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "errors"},
            "spec": {"args": [{"name": "hash"}],
                     "metrics": [{"name": "errors", "interval": "1s", "count": 3, "successCondition": "result < 0.05",
                                  "provider": {"web": {"url": address + "/{{args.hash}}", "jsonPath": "{$.errors}"}}}]}}


def experiment(name, **spec):
    template = pod_template(name, 2, role="new")
    template["spec"]["containers"][0]["ports"] = [{"containerPort": 8080}]
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Experiment", "metadata": {"name": name},
            "spec": {"templates": [{"name": "old", "selector": {"matchLabels": {"app": name, "role": "old"}},
                                    "template": pod_template(name, 1, role="old")},
                                   {"name": "new", "replicas": 2, "service": {},
                                    "selector": {"matchLabels": {"app": name, "role": "new"}}, "template": template}],
                     "scaleDownDelaySeconds": 1, **spec}}


ANALYSES = [{"name": "errors", "templateName": "errors", "requiredForCompletion": True,
             "args": [{"name": "hash", "value": "{{templates.new.podTemplateHash}}"}]}]


def step_canary():
    templates = [{"name": "old", "specRef": "stable", "metadata": {"labels": {"experiment": "old"}}},
                 {"name": "new", "specRef": "canary", "metadata": {"labels": {"experiment": "new"}}}]
    return {"canary": {"maxSurge": 1, "maxUnavailable": 0, "steps": [
        {"experiment": {"templates": templates, "scaleDownDelaySeconds": 1, "analyses": ANALYSES}}, {"pause": {}}]}}


def only_experiment(workspace):
    found = workspace.list("Experiment")
    assert len(found) == 1, [e["metadata"]["name"] for e in found]
    return found[0]


def test_an_experiment_step_that_succeeds_goes_on(workspace):
    with metric_store(0.01) as address:
        workspace.create(errors_template(address), rollout("web", step_canary(), replicas=2))
        workspace.wait_phase("web", "Healthy")
        workspace.set_version("web", 2)
        workspace.wait_phase("web", "Paused", timeout=90, currentStepIndex=1)
    found = only_experiment(workspace)
    name = found["metadata"]["name"]
    assert found["status"]["phase"] == "Successful"
    assert found["status"]["message"] == "Required AnalysisRuns completed"
    assert name == f"web-{workspace.status('web')['currentPodHash']}-2-0"
    assert workspace.get("AnalysisRun", f"{name}-errors")["status"]["phase"] == "Successful"
    images = {s["metadata"]["name"]: s["spec"]["template"]["spec"]["containers"][0]["image"] for s in workspace.list("ReplicaSet")}
    assert images[f"{name}-old"].endswith(":1") and images[f"{name}-new"].endswith(":2")
    wait_until(lambda: not workspace.get("ReplicaSet", f"{name}-new")["spec"]["replicas"], 60, "its pods go")
    assert f"Σ {name}" in workspace.towpath("get", "rollout", "web")


def test_an_experiment_step_that_fails_aborts_the_update(workspace):
    with metric_store(0.5) as address:
        workspace.create(errors_template(address), rollout("web", step_canary(), replicas=2))
        workspace.wait_phase("web", "Healthy")
        workspace.set_version("web", 2)
        status = workspace.wait_phase("web", "Degraded", timeout=90)
    assert status["abort"] and "assessed Failed" in status["message"]
    assert only_experiment(workspace)["status"]["phase"] == "Failed"
    wait_until(lambda: workspace.sizes("web") == {1: (2, 2)}, 60, "only the stable version is left")


def test_an_experiment_of_its_own_is_ended_run_anew_and_deleted_with_all_it_has(workspace):
    workspace.create(experiment("alone"))

    def phase():
        return workspace.get("Experiment", "alone").get("status", {}).get("phase")

    def sizes():
        return {s["metadata"]["name"]: s["spec"]["replicas"] for s in workspace.list("ReplicaSet")}

    wait_until(lambda: phase() == "Running", 60, "it runs")
    assert sizes() == {"alone-old": 1, "alone-new": 2}
    service = workspace.get("Service", "alone-new")
    assert service["spec"]["selector"] == workspace.get("ReplicaSet", "alone-new")["metadata"]["labels"]
    assert "Running" in workspace.towpath("list", "experiments")
    workspace.towpath("terminate", "experiment", "alone")
    wait_until(lambda: phase() == "Successful" and set(sizes().values()) == {0}, 60, "it ends")
    wait_until(lambda: not workspace.get("Service", "alone-new"), 60, "its Service goes")

    workspace.cluster.patch("Experiment", workspace.namespace, "alone", {"spec": {"terminate": False}})
    workspace.towpath("retry", "experiment", "alone")
    wait_until(lambda: phase() == "Running" and sizes() == {"alone-old": 1, "alone-new": 2}, 60, "it runs anew")
    workspace.cluster.delete("Experiment", workspace.namespace, "alone")
    wait_until(lambda: not sizes() and not workspace.get("Service", "alone-new"), 60, "what it had goes with it")
