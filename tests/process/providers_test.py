"""Metric providers against the real thing: Prometheus, Graphite and InfluxDB from Debian, Jobs on a node."""

import json
import time

import pytest
from conftest import make_fleet
from fleet import is_current, wait_until
from shop import image, rollout, routed_canary
from stores import Exporter, Graphite, Influx, Prometheus

RUN = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    fleet = make_fleet(tmp_path_factory, 1)
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()


@pytest.fixture(scope="module")
def exporter():
    exporter = Exporter()
    for case, ratio in {"good": 0.01, "bad": 0.9, "unclear": 0.2}.items():
        exporter.gauges["error_ratio", case] = ratio
    yield exporter
    exporter.stop()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, exporter):
    """One that has scraped the exporter several times."""
    daemon = Prometheus(tmp_path_factory.mktemp("stores") / "prometheus", exporter)
    try:
        daemon.start()
        wait_until(lambda: any(len(series["values"]) >= 3 for series in daemon.query("error_ratio[1m]")), 30, "three scrapes")
        yield daemon
    finally:
        daemon.stop()


def measure(fleet, name, metrics, phase=None, timeout=60, **spec):
    """Applies an AnalysisRun and gives its results by metric once it has ended."""
    fleet.apply({**RUN, "metadata": {"name": name}, "spec": {"metrics": metrics, **spec}})
    run = wait_until(lambda: ended(fleet, name), timeout, f"{name} ends")
    if phase:
        assert run["status"]["phase"] == phase, json.dumps(run["status"], indent=1)
    return {result["name"]: result for result in run["status"]["metricResults"]}


def ended(fleet, name):
    run = fleet.get("analysisrun", name)
    return run if run.get("status", {}).get("phase") in ("Successful", "Failed", "Error", "Inconclusive") else None


def value(result):
    return result["measurements"][-1]["value"]


def test_prometheus_instant_and_range_queries(fleet, prometheus):
    def metric(name, query, condition, **more):
        return {"name": name, "successCondition": condition, "consecutiveErrorLimit": 0,
                "provider": {"prometheus": {"address": prometheus.url, "query": query, **more}}}

    results = measure(fleet, "queries", [
        metric("vector", 'error_ratio{case="good"}', "result[0] < 0.05"),
        metric("scalar", 'scalar(error_ratio{case="good"})', "result < 0.05"),
        metric("several", "sort(error_ratio)", "len(result) == 3 && all(result, # < 1)"),
        metric("nothing", "absent_metric", "len(result) == 0 || isNaN(result[0])"),
        metric("undefined", 'error_ratio{case="good"} * NaN', "isNaN(result[0])"),
        metric("range", 'error_ratio{case="good"}', "len(result) > 1 && all(result, # < 0.05)",
               rangeQuery={"start": 'now() - duration("3s")', "end": "now()", "step": "1s"}),
    ], "Successful")
    assert value(results["vector"]) == "[0.01]" and value(results["scalar"]) == "0.01"
    assert value(results["several"]) == "[0.01,0.2,0.9]" and value(results["nothing"]) == "[]"
    assert value(results["undefined"]) == "[NaN]"
    assert value(results["range"]).startswith("[0.01,0.01")
    assert results["vector"]["metadata"] == {"ResolvedPrometheusQuery": 'error_ratio{case="good"}'}


def test_prometheus_tells_what_is_wrong(fleet, prometheus):
    def metric(name, query, condition="true"):
        return {"name": name, "successCondition": condition, "consecutiveErrorLimit": 0,
                "provider": {"prometheus": {"address": prometheus.url, "query": query}}}

    results = measure(fleet, "wrong", [metric("grammar", "sum(error_ratio")], "Error")
    assert results["grammar"]["measurements"][0]["message"].startswith("bad_data: ")
    results = measure(fleet, "empty", [metric("gone", "absent_metric", "result[0] < 0.05")], "Error")
    assert "no data returned from the metric provider" in results["gone"]["measurements"][0]["message"]


def test_prometheus_with_a_password_and_warnings(fleet, exporter, tmp_path):
    """The password is a Secret: it opens the door and is seen nowhere. The store that is read besides is away: a warning."""
    prometheus = Prometheus(tmp_path / "prometheus", exporter, remote=True, password="hush-hush-4711").start()
    try:
        for name, password in {"right": "hush-hush-4711", "false": "hush-hush-0815"}.items():
            fleet.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"prometheus-{name}"}, "stringData": {"password": password}})

        def run(name, secret, query, condition):
            metric = {"name": "errors", "successCondition": condition, "consecutiveErrorLimit": 0,
                      "provider": {"prometheus": {"address": prometheus.url, "query": query, "authentication": {
                          "basicAuth": {"username": "towpath", "password": "{{args.password}}"}}}}}
            return measure(fleet, name, [metric], args=[{"name": "password", "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}}])

        right = run("password", "prometheus-right", "vector(7) and on() error_ratio or vector(7)", "result[0] == 7")
        assert right["errors"]["phase"] == "Successful", right
        assert "remote" in right["errors"]["measurements"][0]["metadata"]["warnings"]
        false = run("no-password", "prometheus-false", "vector(7)", "true")
        assert false["errors"]["measurements"][0]["message"] == "client_error: client error: 401"
    finally:
        prometheus.stop()
    seen = fleet.towpath("get", "analysisruns", "-o", "json").stdout + fleet.towpath("get", "events", "-o", "json").stdout
    seen += fleet.coordinator.tail(100000)
    assert "hush-hush" not in seen


ENDINGS = [("goes-on", "good", "Healthy"), ("rolls-back", "bad", "Degraded"), ("pauses", "unclear", "Paused")]


@pytest.mark.parametrize("name, case, phase", ENDINGS, ids=[e[0] for e in ENDINGS])
def test_prometheus_ends_a_rollout(fleet, prometheus, exporter, name, case, phase):
    """A step with a Prometheus analysis: success goes on, failure rolls back, neither pauses."""
    template = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": f"errors-{name}"},
                "spec": {"args": [{"name": "case"}], "metrics": [{
                    "name": "errors", "count": 2, "interval": "1s",
                    "successCondition": "result[0] < 0.05", "failureCondition": "result[0] > 0.5",
                    "provider": {"prometheus": {"address": prometheus.url, "query": 'error_ratio{case="{{args.case}}"}'}}}]}}
    steps = [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": f"errors-{name}"}], "args": [{"name": "case", "value": case}]}}]
    fleet.apply(template, *routed_canary(name, steps, replicas=2))
    fleet.wait_healthy(name)
    fleet.towpath("set", "image", name, f"shop={image(2)}")
    ended = fleet.wait_rollout(lambda r: is_current(r) and r["status"].get("phase") == phase and went(r, phase), name, 90, f"{name} is {phase}")
    if phase == "Degraded":
        assert ended["status"]["abort"] and "failed (1) > failureLimit (0)" in ended["status"]["message"]
        wait_until(lambda: fleet.rollout(name)["status"]["canary"].get("weights", {}).get("canary", {}).get("weight", 0) == 0, what="weight 0")
    if phase == "Paused":
        assert [c["reason"] for c in ended["status"]["pauseConditions"]] == ["InconclusiveAnalysisRun"]
        exporter.gauges["error_ratio", case] = 0.01
        wait_until(lambda: prometheus.query(f'error_ratio{{case="{case}"}}')[0]["value"][1] == "0.01", 30, "Prometheus sees the change")
        fleet.towpath("promote", name)
        fleet.wait_healthy(name)


def went(r, phase):
    """The update has left its beginning: the pods of the new version are the ones that the phase is about."""
    return r["status"].get("currentPodHash") == r["status"].get("stableRS") if phase == "Healthy" else True


def job(name, command, tag=1, **spec):
    template = {"spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                         "containers": [{"name": "check", "image": image(tag), "command": ["/bin/sh", "-c", command]}]}}
    return {"name": name, "provider": {"job": {"spec": {"backoffLimit": 0, "template": template, **spec}}}}


def test_a_job_on_a_node_decides(fleet):
    results = measure(fleet, "job-good", [job("smoke", "test '{{args.want}}' = good && test -x ./shop")], "Successful",
                      args=[{"name": "want", "value": "good"}])
    name = results["smoke"]["measurements"][0]["metadata"]["job-name"]
    made = fleet.get("job", name)
    assert made["status"]["succeeded"] == 1 and made["status"]["conditions"][0]["type"] == "Complete"
    results = measure(fleet, "job-bad", [job("smoke", "exit 3")], "Failed")
    assert results["smoke"]["measurements"][0]["message"] == "Job has reached the specified backoff limit"
    fleet.towpath("delete", "analysisrun", "job-good")
    wait_until(lambda: name not in [j["metadata"]["name"] for j in fleet.list("jobs")], what="the job goes with its run")


def test_a_job_that_is_called_off_or_has_no_image(fleet):
    run = {**RUN, "metadata": {"name": "job-long"}, "spec": {"metrics": [job("wait", "exec sleep 600")]}}
    fleet.apply(run)
    wait_until(lambda: [j for j in fleet.list("jobs") if j["status"].get("ready") or j["status"].get("active")], what="the job works")
    fleet.apply({**run, "spec": {**run["spec"], "terminate": True}})
    run = wait_until(lambda: ended(fleet, "job-long"), 30, "the run ends")
    assert run["status"]["phase"] == "Inconclusive"
    assert run["status"]["metricResults"][0]["measurements"][0]["message"] == "Metric Terminated"
    name = run["status"]["metricResults"][0]["measurements"][0]["metadata"]["job-name"]
    wait_until(lambda: name not in [j["metadata"]["name"] for j in fleet.list("jobs")], 60, "the job is gone")
    results = measure(fleet, "job-imageless", [job("smoke", "true", tag=404)], "Inconclusive", timeout=90)
    assert "container check has terminal error (ErrImagePull)" in results["smoke"]["measurements"][0]["message"]


def test_an_analysis_is_tried_on_the_server(fleet, tmp_path):
    """What only a coordinator can measure, a job and an argument from a Secret, from a file and from a template that it has."""
    check = job("smoke", "test '{{args.key}}' = sesame && test '{{args.want}}' = good")
    args = [{"name": "want"}, {"name": "key", "valueFrom": {"secretKeyRef": {"name": "door", "key": "word"}}}]
    template = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "tried"}, "spec": {"args": args, "metrics": [check]}}
    fleet.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "door"}, "stringData": {"word": "sesame"}})
    file = tmp_path / "tried.json"
    file.write_text(json.dumps(template))
    tried = fleet.towpath("analyze", "-f", str(file), "--on-server", "--arg", "want=good", "--count", "2", "-o", "json")
    report = json.loads(tried.stdout)
    assert report["verdict"] == "Successful" and [m["phase"] for m in report["measurements"]] == ["Successful"] * 2
    assert "sesame" not in tried.stdout
    missing = fleet.towpath("analyze", "tried", "--on-server", check=False)
    assert missing.returncode == 1 and 'there is no analysis "tried"' in missing.stderr
    fleet.apply(template)
    unbound = fleet.towpath("analyze", "tried", "--on-server", check=False)
    assert unbound.returncode == 1 and "--arg" in unbound.stderr and "want" in unbound.stderr
    bad = fleet.towpath("analyze", "tried", "--on-server", "--arg", "want=bad", check=False)
    assert bad.returncode == 2 and "Failed" in bad.stdout, bad.stderr
    assert not [run for run in fleet.list("analysisruns") if run["metadata"]["name"].startswith("tried-")]


def test_a_rollout_with_a_job_goes_on(fleet):
    template = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "smoke"},
                "spec": {"metrics": [job("smoke", "true")]}}
    objects = [template, rollout("tested", {"canary": {"steps": [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "smoke"}]}}]}}, replicas=2)]
    fleet.apply(*objects)
    fleet.wait_healthy("tested")
    fleet.towpath("set", "image", "tested", f"shop={image(2)}")
    fleet.wait_rollout(lambda r: is_current(r) and r["status"].get("phase") == "Healthy" and went(r, "Healthy"), "tested", 90, "tested is healthy")
    assert [r["status"]["phase"] for r in fleet.list("analysisruns") if r["metadata"]["name"].startswith("tested-")] == ["Successful"]


def test_graphite_renders(fleet, tmp_path):
    graphite = Graphite(tmp_path / "graphite")
    try:
        graphite.start()
        now = int(time.time())
        for ago in range(30):
            graphite.send("shop.errors", 0.01, now - ago)
        wait_until(lambda: any(point[0] is not None for series in graphite.render("shop.errors") for point in series["datapoints"]), 60, "points")

        def metric(name, query, condition):
            return {"name": name, "successCondition": condition, "consecutiveErrorLimit": 0,
                    "provider": {"graphite": {"address": graphite.url, "query": query}}}

        results = measure(fleet, "rendered", [
            metric("points", "target=shop.errors&from=-5min", "len(result) > 0 && all(result, # < 0.05)"),
            metric("sum", "target=summarize(shop.errors, '1h', 'avg')\n&from=-5min", "result[0] < 0.05")], "Successful")
        assert value(results["points"]).startswith("[0.010000")
        results = measure(fleet, "unknown", [metric("none", "target=no.such.series&from=-5min", "result[0] < 1")], "Error")
        assert results["none"]["measurements"][0]["message"] == "no values found"
    finally:
        graphite.stop()


def test_influxdb_answers_influxql(fleet, tmp_path):
    influx = Influx(tmp_path / "influxdb")
    try:
        influx.start()
        now = int(time.time())
        influx.write([f"errors,host={host} ratio={ratio},count={ago}i {now - ago}" for host, ratio in {"a": 0.01, "b": 0.03}.items() for ago in range(60)])
        account = {"address": influx.url, "database": influx.DATABASE}
        for name, secret in {"influxdb": {**account, "username": influx.USER, "password": influx.PASSWORD},
                             "stranger": {**account, "username": influx.USER, "password": "guessed"},
                             "elsewhere": {**account, "database": "other", "username": "admin", "password": "admin"}}.items():
            fleet.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": secret})

        def metric(name, query, condition="len(result) > 0", **settings):
            return {"name": name, "successCondition": condition, "consecutiveErrorLimit": 0,
                    "provider": {"influxdb": {"query": query, **settings}}}

        results = measure(fleet, "counted", [
            metric("mean", 'SELECT mean("ratio") FROM errors WHERE time > now() - 5m', "abs(result[0] - 0.02) < 0.001"),
            metric("hosts", 'SELECT max("ratio"), sum("count") FROM errors GROUP BY host', "result == [0.01, 1770, 0.03, 1770]"),
            metric("buckets", f'SELECT max("ratio") FROM errors WHERE time > {now - 600}s AND time <= {now}s GROUP BY time(1m) FILL(null)',
                   "len(result) <= 2 && all(result, # == 0.03)")], "Successful")
        assert value(results["hosts"]) == "[0.01 1770 0.03 1770]"
        for name, asked, message in [
                ("none", metric("m", "SELECT mean(ratio) FROM nothing"), "no results returned from influxql query"),
                ("mistyped", metric("m", "SELECT mean(ratio) FORM errors"), "InfluxDB answered 400: error parsing query"),
                ("refused", metric("m", "SELECT ratio FROM errors", profile="stranger"), "InfluxDB answered 401: authorization failed"),
                ("elsewhere", metric("m", "SELECT ratio FROM errors", profile="elsewhere"), "influxql query failed: database not found: other"),
                ("changing", metric("m", "DROP MEASUREMENT errors"), "InfluxDB answered 403")]:
            results = measure(fleet, name, [asked], "Error")
            assert message in results["m"]["measurements"][0]["message"]
        influx.write([f"many,host=a v={n} {now - n}" for n in range(1200)])
        results = measure(fleet, "toomany", [metric("m", "SELECT v FROM many")], "Error")
        assert "cut off" in results["m"]["measurements"][0]["message"]
    finally:
        influx.stop()
