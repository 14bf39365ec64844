"""towpath simulate as a user runs it: no server, a manifest, a timeline, an exit code."""

import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOWPATH = pathlib.Path(os.environ.get("TOWPATH_BUILD", ROOT / "build")) / "cli" / "towpath"
SHOP = ROOT / "examples" / "shop"


def simulate(*arguments, stdin=None):
    # No kubeconfig at all: nothing may be asked of a server.
    return subprocess.run([TOWPATH, "simulate", *map(str, arguments)], capture_output=True, text=True, input=stdin, timeout=60,
                          env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})


def test_the_shop_plays_to_its_end():
    done = simulate("-f", SHOP, "--set-image", "shop=registry.example/shop:2")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["TIME", "STEP", "NEW", "OLD-PODS", "NEW-PODS", "PHASE", "WHAT"]
    assert any("20%" in line and "step pause: 12s" in line for line in lines)
    assert any(line.startswith("Ending:    healthy at ") for line in lines)
    assert "5 more than the 5 replicas" in done.stdout
    assert "error-ratio of shop-errors, in the background from step 1: more than 1 failed measurements" in done.stdout
    assert "a pod is ready 5s after its start (--ready-after)" in done.stdout


def test_the_play_at_a_speed_is_the_same_play():
    at_once = simulate("-f", SHOP, "--set-image", "shop=registry.example/shop:2")
    shown = simulate("-f", SHOP, "--set-image", "shop=registry.example/shop:2", "--speed", "1000000")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == at_once.stdout
    refused = simulate("-f", SHOP, "--speed", "2", "-o", "json")
    assert refused.returncode != 0 and "--speed" in refused.stderr


def test_a_trace_that_goes_bad_rolls_back_and_the_exit_code_tells(tmp_path):
    trace = tmp_path / "incident.csv"
    trace.write_text("time,error-ratio\n0,0.01\n12,0.3\n")
    done = simulate("-f", SHOP, "--metrics", trace, "-o", "json")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["ending"] == "degraded" and "aborted" in report["message"]
    assert 12 <= report["endedSeconds"] <= 18
    assert report["timeline"][-1]["newShare"] == 0 and report["timeline"][-1]["old"] == {"pods": 5, "ready": 5}
    assert any("error-ratio Failed: 0.3" in note for moment in report["timeline"] for note in moment["notes"])


def test_a_column_that_is_no_metric_is_named(tmp_path):
    trace = tmp_path / "incident.csv"
    trace.write_text("time,error-ratio,latency\n0,0.01,5\n")
    done = simulate("-f", SHOP, "--metrics", trace, "-o", "json")
    assert done.returncode == 0, done.stderr
    named = [line for line in json.loads(done.stdout)["assumptions"] if "--metrics" in line]
    assert named == ["column latency of --metrics is not used: no metric of that name was measured"]


def test_faults_and_people_are_stated():
    done = simulate("-f", SHOP, "--fault", "canary-never-ready", "-o", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 1 and report["ending"] == "degraded" and "fault canary-never-ready" in report["assumptions"]
    rollout = (SHOP / "rollout.yaml").read_text()
    endless = rollout.replace("        - pause:\n            duration: 12s\n", "        - pause: {}\n")
    assert endless != rollout
    waiting = simulate("-f", SHOP / "analysis.yaml", "-f", "-", "--promote-after", "never", stdin=endless)
    assert waiting.returncode == 1 and "waits for a person" in waiting.stdout and "nobody promotes" in waiting.stdout


def test_bad_input_names_the_place_and_the_mend(tmp_path):
    missing = simulate("-f", SHOP / "rollout.yaml")
    assert missing.returncode == 1 and "shop-errors" in missing.stderr and "must be in one of the files" in missing.stderr
    for arguments, part in [(["--fault", "meteor"], '--fault: "meteor": is no fault; there are: canary-never-ready'),
                            (["--ready-after", "soon"], '--ready-after: "soon" is no duration such as 30s or 2m'),
                            (["--set-image", "web=x"], 'unable to find container named "web"'),
                            (["--set-image", "shop=registry.example/shop:1"], "nothing would be rolled out"),
                            (["-o", "yaml"], '--output: "yaml" is neither table nor json'),
                            (["other"], 'the files have no Rollout "other"')]:
        done = simulate("-f", SHOP, *arguments)
        assert done.returncode == 1 and part in done.stderr, done.stderr
    bad = tmp_path / "trace.csv"
    bad.write_text("time,error-ratio\nnow,1\n")
    done = simulate("-f", SHOP, "--metrics", bad)
    assert f'{bad}:2: time: "now" is no number of seconds after the update' in done.stderr
