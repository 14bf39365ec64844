"""Every scenario that users of rollout systems know, through the command line, on three nodes."""

import pytest
from fleet import condition, is_current, wait_until
from shop import ANALYSIS_ARGS, SCENARIOS, ask, blue_green, error_template, image, routed_canary, scaled, versions, Load


def deploy(fleet, name, objects):
    """A healthy rollout, and every node's proxy knows its routes: a new HTTPRoute gets there on its own way."""
    fleet.apply(*objects)
    fleet.wait_healthy(name)
    for route in (o["metadata"]["name"] for o in objects if o["kind"] == "HTTPRoute"):
        for agent in fleet.agents:
            wait_until(lambda: ask(agent, f"/{route}")[0] == 200, what=f"{agent.name} answers /{route}")


def begin(fleet, name):
    deploy(fleet, name, SCENARIOS[name])


def update(fleet, name, version):
    fleet.towpath("set", "image", name, f"shop={image(version)}")


def wait_phase(fleet, name, phase, timeout=60):
    return fleet.wait_rollout(lambda r: is_current(r) and r["status"].get("phase") == phase, name, timeout, f"{name} is {phase}")


def wait_step(fleet, name, index, timeout=60):
    return fleet.wait_rollout(lambda r: is_current(r) and r["status"].get("currentStepIndex") == index and r["status"].get("pauseConditions"),
                              name, timeout, f"{name} pauses at step {index}")


def weight(fleet, name):
    return fleet.rollout(name)["status"]["canary"].get("weights", {}).get("canary", {}).get("weight", 0)


def images_of(fleet, name):
    return sorted(p["spec"]["containers"][0]["image"] for p in fleet.pods(name) if "deletionTimestamp" not in p["metadata"])


def test_canary_goes_through_its_steps_to_the_end(fleet):
    begin(fleet, "steps")
    assert set(versions(fleet, "/steps")) == {"1"}
    update(fleet, "steps", 2)
    wait_step(fleet, "steps", 1)
    wait_until(lambda: versions(fleet, "/steps", 30)["2"] > 0, what="the canary gets requests")
    tree = fleet.towpath("get", "rollout", "steps").stdout
    assert "॥ Paused" in tree and "canary" in tree and "revision:2" in tree
    fleet.towpath("promote", "steps")
    wait_step(fleet, "steps", 3)
    fleet.towpath("promote", "steps")
    wait_phase(fleet, "steps", "Healthy")
    wait_until(lambda: set(versions(fleet, "/steps", 30)) == {"2"}, what="only version 2 answers")
    assert fleet.towpath("status", "steps").returncode == 0


def test_abort_takes_all_traffic_back_and_retry_tries_again(fleet):
    begin(fleet, "abort")
    update(fleet, "abort", 2)
    wait_step(fleet, "abort", 1)
    fleet.towpath("abort", "abort")
    wait_phase(fleet, "abort", "Degraded")
    wait_until(lambda: set(versions(fleet, "/abort", 30)) == {"1"}, what="only the stable version answers")
    failed = fleet.towpath("status", "abort", check=False)
    assert failed.returncode == 1 and "RolloutAborted" in failed.stderr
    fleet.towpath("retry", "rollout", "abort")
    wait_step(fleet, "abort", 1)
    fleet.towpath("promote", "abort", "--full")
    wait_phase(fleet, "abort", "Healthy")
    assert images_of(fleet, "abort").count(image(2)) >= 3


def test_preview_before_promotion(fleet):
    begin(fleet, "preview")
    update(fleet, "preview", 2)
    wait_phase(fleet, "preview", "Paused")
    wait_until(lambda: set(versions(fleet, "/preview-preview", 12)) == {"2"}, what="the preview shows version 2")
    assert set(versions(fleet, "/preview", 30)) <= {"1", "2"}
    fleet.towpath("promote", "preview")
    wait_phase(fleet, "preview", "Healthy")
    wait_until(lambda: fleet.rollout("preview")["status"]["blueGreen"]["activeSelector"] == fleet.rollout("preview")["status"]["currentPodHash"],
               what="the active service is switched")
    wait_until(lambda: images_of(fleet, "preview") == [image(2)] * 3, what="the old version is scaled down")


def test_steps_that_run_before_the_switch(fleet):
    """Blue-green with a check of the preview: a failed one never switches."""
    template = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "preview-answers"},
                "spec": {"args": [{"name": "url"}],
                         "metrics": [{"name": "answers", "count": 2, "interval": "1s", "successCondition": "result == '2'",
                                      "provider": {"web": {"url": "{{args.url}}", "jsonPath": "{$.version}"}}}]}}
    url = f"http://{fleet.agents[0].gateway_address}:8080/before-preview?format=json"
    objects = blue_green("before", blue_green={"prePromotionAnalysis": {"templates": [{"templateName": "preview-answers"}],
                                                                       "args": [{"name": "url", "value": url}]}})
    deploy(fleet, "before", [template, *objects])
    update(fleet, "before", 2)
    wait_phase(fleet, "before", "Healthy")
    runs = [r for r in fleet.list("analysisruns") if r["metadata"]["name"].startswith("before-")]
    assert [r["status"]["phase"] for r in runs] == ["Successful"]
    update(fleet, "before", 4)
    wait_phase(fleet, "before", "Degraded")
    assert set(versions(fleet, "/before", 12)) == {"2"}


def test_twenty_percent_then_back_to_zero_then_judge_then_promote(fleet):
    begin(fleet, "judge")
    update(fleet, "judge", 2)
    wait_step(fleet, "judge", 3)
    assert weight(fleet, "judge") == 0
    wait_until(lambda: set(versions(fleet, "/judge", 30)) == {"1"}, what="nobody sees the canary while it is judged")
    fleet.towpath("promote", "judge")
    wait_phase(fleet, "judge", "Healthy")


def test_slow_ramp(fleet):
    begin(fleet, "ramp")
    update(fleet, "ramp", 2)
    seen = []

    def done():
        current = weight(fleet, "ramp")
        if not seen or seen[-1] != current:
            seen.append(current)
        r = fleet.rollout("ramp")
        return is_current(r) and r["status"].get("phase") == "Healthy"

    wait_until(done, 90, "the ramp ends", interval=0.2)
    rising = [w for w in seen if w]
    assert rising == sorted(rising) and {10, 20, 30, 40, 60, 80} <= set(seen)


def test_plain_rolling_update_without_steps(fleet):
    begin(fleet, "rolling")
    update(fleet, "rolling", 2)
    most, fewest = 0, 99

    def done():
        nonlocal most, fewest
        pods = [p for p in fleet.pods("rolling") if "deletionTimestamp" not in p["metadata"]]
        ready = [p for p in pods if any(c["type"] == "Ready" and c["status"] == "True" for c in p.get("status", {}).get("conditions", []))]
        most, fewest = max(most, len(pods)), min(fewest, len(ready))
        r = fleet.rollout("rolling")
        return is_current(r) and r["status"].get("phase") == "Healthy" and images_of(fleet, "rolling") == [image(2)] * 4

    wait_until(done, 90, "the update ends")
    assert most <= 5 and fewest >= 4


def test_recreate_never_runs_two_versions_at_once(fleet):
    begin(fleet, "recreate")
    update(fleet, "recreate", 2)

    def done():
        both = {p["spec"]["containers"][0]["image"] for p in fleet.pods("recreate")}
        assert len(both) < 2, f"two versions at once: {both}"
        r = fleet.rollout("recreate")
        return is_current(r) and r["status"].get("phase") == "Healthy" and both == {image(2)}

    wait_until(done, 90, "the update ends")


def test_roll_back_by_hand(fleet):
    begin(fleet, "undo")
    for version in (2, 4):
        update(fleet, "undo", version)
        wait_phase(fleet, "undo", "Healthy")
    fleet.towpath("undo", "undo")
    wait_phase(fleet, "undo", "Healthy")
    assert fleet.rollout("undo")["spec"]["template"]["spec"]["containers"][0]["image"] == image(2)
    fleet.towpath("undo", "undo", "--to-revision", "1")
    wait_phase(fleet, "undo", "Healthy")
    wait_until(lambda: set(versions(fleet, "/undo", 12)) == {"1"}, what="version 1 is back")
    missing = fleet.towpath("undo", "undo", "--to-revision", "99", check=False)
    assert missing.returncode == 1 and "unable to find specified revision 99" in missing.stderr


def test_roll_back_by_analysis(fleet):
    """Version 3 fails a good part of its requests; the proxies' own telemetry catches it."""
    objects = routed_canary("caught", [{"setWeight": 50}, {"pause": {"duration": "10m"}}], canary={
        "analysis": {"startingStep": 1, "templates": [{"templateName": "caught-errors"}],
                     "args": [*ANALYSIS_ARGS, {"name": "service", "value": "caught-canary"}]}})
    deploy(fleet, "caught", [error_template("caught-errors"), *objects])
    with Load(fleet, "/caught", rate=100):
        update(fleet, "caught", 3)
        wait_phase(fleet, "caught", "Degraded", 90)
        wait_until(lambda: weight(fleet, "caught") == 0, what="the weight is back at 0")
    r = fleet.rollout("caught")
    assert r["status"]["abort"] and "errors" in r["status"]["message"]
    wait_until(lambda: set(versions(fleet, "/caught", 30)) == {"1"}, what="only the stable version answers")


def test_analysis_step_that_succeeds_goes_on(fleet):
    objects = routed_canary("gated", [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "gated-errors"}],
                                                                        "args": [*ANALYSIS_ARGS, {"name": "service", "value": "gated-canary"}]}}])
    deploy(fleet, "gated", [error_template("gated-errors", count=3), *objects])
    with Load(fleet, "/gated", rate=100):
        update(fleet, "gated", 2)
        wait_phase(fleet, "gated", "Healthy", 90)
    runs = [run for run in fleet.list("analysisruns") if run["metadata"]["name"].startswith("gated-")]
    assert [run["status"]["phase"] for run in runs] == ["Successful"]
    assert runs[0]["status"]["metricResults"][0]["successful"] == 3


def test_a_template_change_in_the_middle_goes_on_with_the_newest(fleet):
    begin(fleet, "newest")
    update(fleet, "newest", 2)
    wait_step(fleet, "newest", 1)
    update(fleet, "newest", 4)
    wait_until(lambda: image(2) not in images_of(fleet, "newest"), 60, "the abandoned version is scaled down")
    wait_step(fleet, "newest", 1)
    fleet.towpath("promote", "newest", "--full")
    wait_phase(fleet, "newest", "Healthy")
    wait_until(lambda: set(versions(fleet, "/newest", 12)) == {"4"}, what="only the newest answers")


def test_pause_resume_and_restart(fleet):
    begin(fleet, "hold")
    fleet.towpath("pause", "hold")
    update(fleet, "hold", 2)
    wait_phase(fleet, "hold", "Paused")
    fleet.towpath("resume", "hold")
    wait_phase(fleet, "hold", "Healthy")
    before = {p["metadata"]["name"] for p in fleet.pods("hold") if p["spec"]["containers"][0]["image"] == image(2)}
    fleet.towpath("restart", "hold")
    wait_until(lambda: not before & {p["metadata"]["name"] for p in fleet.pods("hold") if "deletionTimestamp" not in p["metadata"]}, 90,
               "every pod is replaced")
    wait_phase(fleet, "hold", "Healthy")


def test_scale_in_the_middle_and_to_zero_and_back(fleet):
    begin(fleet, "scale")
    update(fleet, "scale", 2)
    wait_step(fleet, "scale", 1)

    fleet.apply(scaled(4))
    wait_until(lambda: images_of(fleet, "scale") == [image(1)] * 4 + [image(2)] * 2, 60, "both versions are scaled")
    fleet.towpath("promote", "scale", "--full")
    wait_phase(fleet, "scale", "Healthy")
    for replicas in (0, 2):
        fleet.apply(scaled(replicas))
        wait_until(lambda: images_of(fleet, "scale").count(image(2)) == replicas, 60, f"{replicas} pods of the new version")
        wait_phase(fleet, "scale", "Healthy")
    wait_until(lambda: set(versions(fleet, "/scale", 12)) == {"2"}, what="the new version answers again")


def test_a_version_that_never_gets_ready_takes_no_traffic(fleet):
    deploy(fleet, "stuck", routed_canary("stuck", [{"setWeight": 50}], progressDeadlineSeconds=5))
    update(fleet, "stuck", 9)
    r = wait_phase(fleet, "stuck", "Degraded")
    assert condition(r, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    assert set(versions(fleet, "/stuck", 30)) == {"1"}
    assert weight(fleet, "stuck") == 0
