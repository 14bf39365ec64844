"""Experiments on bare metal: alone, and as the first step of a canary that gives them traffic by Services of their own."""

import copy

from fleet import wait_until
from scenarios_test import deploy, update, wait_phase, wait_step
from shop import ask, image, rollout, routed_canary, versions, Load


def template(name, step, version):
    """A template of an Experiment of its own, with the pods of a shop."""
    pods = copy.deepcopy(rollout(name, {}, version)["spec"]["template"])
    pods["metadata"]["labels"]["role"] = step
    return {"name": step, "selector": {"matchLabels": {"app": name, "role": step}}, "template": pods}


def counted_errors(name):
    """Of the requests to one Service by pods of one hash, as the proxies counted them."""
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": name},
            "spec": {"args": [{"name": "service"}, {"name": "hash"}],
                     "metrics": [{"name": "errors", "interval": "1s", "count": 3, "successCondition": "result < 0.05",
                                  "consecutiveErrorLimit": 90,
                                  "provider": {"plugin": {"towpath/traffic": {"metric": "error-ratio", "service": "{{args.service}}",
                                                                              "version": "{{args.hash}}", "window": "5s",
                                                                              "minRequests": 20}}}}]}}


def experiment_step(analysis):
    """One pod of each version, a fifth of the requests each, until three measurements of the new one are good."""
    templates = [{"name": name, "specRef": spec, "weight": 20, "metadata": {"labels": {"experiment": name}}}
                 for name, spec in (("baseline", "stable"), ("trial", "canary"))]
    return {"experiment": {"templates": templates, "scaleDownDelaySeconds": 2, "analyses": [
        {"name": "errors", "templateName": analysis, "requiredForCompletion": True,
         "args": [{"name": "service", "value": "{{templates.trial.replicaset.name}}"},
                  {"name": "hash", "value": "{{templates.trial.podTemplateHash}}"}]}]}}


def stepped(name):
    return [counted_errors(f"{name}-errors"), *routed_canary(name, [experiment_step(f"{name}-errors"), {"pause": {}}])]


def experiment_of(fleet, name):
    """The newest Experiment of the Rollout; None while there is none."""
    uid = fleet.rollout(name)["metadata"]["uid"]
    own = [e for e in fleet.list("experiments") if e["metadata"].get("ownerReferences", [{}])[0].get("uid") == uid]
    return max(own, key=lambda e: e["metadata"]["creationTimestamp"], default=None)


def sizes(fleet, experiment):
    return {s["metadata"]["name"]: s["spec"]["replicas"] for s in fleet.list("replicasets")
            if s["metadata"].get("annotations", {}).get("experiment.argoproj.io/name") == experiment}


def test_an_experiment_step_that_succeeds_goes_on(fleet):
    deploy(fleet, "trial", stepped("trial"))
    with Load(fleet, "/trial", rate=200) as load:
        update(fleet, "trial", 2)
        wait_until(lambda: experiment_of(fleet, "trial"), what="an experiment")
        name = experiment_of(fleet, "trial")["metadata"]["name"]
        seen = {}

        def measured():
            """Its traffic is looked at for as long as it gets any."""
            seen.update(versions(fleet, "/trial", 30))
            return fleet.get("experiments", name)["status"].get("phase") == "Successful"

        wait_until(measured, 90, "the experiment succeeds")
        wait_step(fleet, "trial", 1)
        # Nobody but the experiment has given the new version any traffic: the canary's weight is 0 all the while.
        assert seen.get("2", 0) > 0
        wait_until(lambda: set(versions(fleet, "/trial", 30)) == {"1"}, what="its share goes back")
        wait_until(lambda: set(sizes(fleet, name).values()) == {0}, what="its pods go")
        fleet.towpath("promote", "trial")
        wait_phase(fleet, "trial", "Healthy")
    assert load.result["failed"] == 0, load.result
    assert set(sizes(fleet, name)) == {f"{name}-baseline", f"{name}-trial"}
    runs = [r for r in fleet.list("analysisruns") if r["metadata"]["name"].startswith(name)]
    assert [(r["metadata"]["name"], r["status"]["phase"]) for r in runs] == [(f"{name}-errors", "Successful")]
    services = [s["metadata"]["name"] for s in fleet.list("services") if s["metadata"]["name"].startswith("trial-")]
    assert sorted(services) == ["trial-canary", "trial-stable"]


def test_an_experiment_step_that_fails_aborts_the_update(fleet):
    """Version 3 fails three requests in ten: only the experiment's share of the requests ever met it."""
    deploy(fleet, "failing", stepped("failing"))
    with Load(fleet, "/failing", rate=200):
        update(fleet, "failing", 3)
        wait_phase(fleet, "failing", "Degraded", 90)
    r = fleet.rollout("failing")
    assert r["status"]["abort"] and "errors" in r["status"]["message"]
    experiment = experiment_of(fleet, "failing")
    assert experiment["status"]["phase"] == "Failed"
    wait_until(lambda: set(versions(fleet, "/failing", 30)) == {"1"}, what="only the stable version answers")
    wait_until(lambda: set(sizes(fleet, experiment["metadata"]["name"]).values()) == {0}, what="its pods go")


def test_an_experiment_of_its_own(fleet):
    """Two versions side by side until somebody ends them; a Service shows one; what is deleted takes everything along."""
    fleet.apply({"apiVersion": "argoproj.io/v1alpha1", "kind": "Experiment", "metadata": {"name": "alone"},
                 "spec": {"templates": [template("alone", "old", 1), {**template("alone", "new", 2), "service": {}}],
                          "scaleDownDelaySeconds": 1}})

    def phase():
        return fleet.get("experiments", "alone").get("status", {}).get("phase")

    wait_until(lambda: phase() == "Running", 60, "the experiment runs")
    assert sorted(p["spec"]["containers"][0]["image"] for p in fleet.pods("alone")) == [image(1), image(2)]
    status = fleet.get("experiments", "alone")["status"]
    assert [t.get("serviceName") for t in status["templateStatuses"]] == [None, "alone-new"]
    assert "Running" in fleet.towpath("get", "experiments").stdout
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "alone"},
             "spec": {"parentRefs": [{"name": "front"}],
                      "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/alone"}}],
                                 "backendRefs": [{"name": "alone-new", "port": 8080}]}]}}
    fleet.apply(route)
    wait_until(lambda: all(ask(agent, "/alone") == (200, "2") for agent in fleet.agents), what="its Service answers")
    fleet.kubectl("patch", "experiment", "alone", "--type", "merge", "-p", '{"spec":{"terminate":true}}')
    wait_until(lambda: phase() == "Successful", what="it ends")
    wait_until(lambda: not fleet.pods("alone"), what="its pods go")
    fleet.kubectl("delete", "experiment", "alone")
    wait_until(lambda: not sizes(fleet, "alone"), what="what it had goes with it")
