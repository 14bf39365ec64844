"""towpath lint and towpath analyze as a user runs them: no server, files, findings, a verdict, an exit code."""

import http.server
import json
import os
import pathlib
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOWPATH = pathlib.Path(os.environ.get("TOWPATH_BUILD", ROOT / "build")) / "cli" / "towpath"
SHOP = ROOT / "examples" / "shop"

TEMPLATE = """apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors}
spec:
  args: [{name: address}]
  metrics:
    - name: error-ratio
      interval: 10s
      count: 5
      failureLimit: 1
      successCondition: result < 0.05
      provider: {web: {url: "{{args.address}}/ratio", jsonPath: "{$.ratio}"}}
"""


def towpath(*arguments, stdin=None):
    # No kubeconfig at all: nothing may be asked of a server.
    return subprocess.run([TOWPATH, *map(str, arguments)], capture_output=True, text=True, input=stdin, timeout=60, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


def test_the_example_is_clean_and_strict_finds_what_is_left_out():
    done = towpath("lint", "-f", SHOP, "--strict")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
    assert "6 objects, 0 errors, 0 warnings" in done.stderr
    lenient = towpath("lint", "-f", SHOP / "rollout.yaml", "-f", SHOP / "analysis.yaml")
    assert lenient.returncode == 0 and 'warning: Rollout "shop": spec.strategy.canary.stableService' in lenient.stdout
    strict = towpath("lint", "-f", SHOP / "rollout.yaml", "-f", SHOP / "analysis.yaml", "--strict")
    assert strict.returncode == 1 and 'HTTPRoute "shop" is in none of the files' in strict.stdout


def test_a_finding_is_a_line_with_its_place(tmp_path):
    text = (SHOP / "rollout.yaml").read_text()
    line = text.splitlines().index("        - setWeight: 50") + 1
    broken = tmp_path / "rollout.yaml"
    broken.write_text(text.replace("        - setWeight: 50", "        - setWeight: 120"))
    done = towpath("lint", "-f", broken, "-f", SHOP / "analysis.yaml", "-f", SHOP / "services.yaml")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [f'{broken}:{line}: error: Rollout "shop": spec.strategy.steps[2].setWeight: Invalid value: 120: SetWeight needs to be between 0 and 100']
    report = json.loads(towpath("lint", "-f", broken, "-f", SHOP / "analysis.yaml", "-f", SHOP / "services.yaml", "-o", "json").stdout)
    assert report["errors"] == 1 and report["findings"][0]["line"] == line and report["findings"][0]["kind"] == "Rollout"


def test_a_file_that_is_no_yaml_does_not_hide_the_others(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [")
    done = towpath("lint", "-f", bad, "-f", "-", stdin=TEMPLATE.replace("successCondition: result < 0.05", "successCondition: result <"))
    assert done.returncode == 1
    assert f"{bad}: error: invalid YAML at line" in done.stdout and '-:11: error: AnalysisTemplate "errors": spec.metrics[0].successCondition: ' in done.stdout
    nothing = towpath("lint", "-f", "-", stdin="")
    assert nothing.returncode == 1 and "holds no object" in nothing.stderr


JUDGE = """apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: verdict}
spec:
  args: [{name: canary}, {name: stable}, {name: window, value: 10s}]
  metrics:
    - name: verdict
      provider:
        plugin:
          towpath/judge: {canary: "{{args.canary}}", stable: "{{args.stable}}", window: "{{args.window}}"}
"""


def test_the_settings_of_our_own_providers_are_checked():
    """An argument that is open yet is not held against them; one with a value is read with it."""
    assert towpath("lint", "-f", "-", stdin=JUDGE).returncode == 0
    unknown = towpath("lint", "-f", "-", stdin=JUDGE.replace('window: "', 'windows: "'))
    assert unknown.returncode == 1
    assert "spec.metrics[0].provider.plugin[towpath/judge].windows: is not known: the settings are burst, " in unknown.stdout
    short = towpath("lint", "-f", "-", stdin=JUDGE.replace("value: 10s", "value: 10ms"))
    assert short.returncode == 1 and "towpath/judge].window: a duration of at least 1s is wanted" in short.stdout
    traffic = towpath("lint", "-f", "-", stdin=JUDGE.replace("towpath/judge: {", "towpath/traffic: {metric: errors, "))
    assert traffic.returncode == 1 and "plugin[towpath/traffic]." in traffic.stdout


def test_a_trace_gives_measurements_and_the_second_of_the_verdict(template, tmp_path):
    trace = tmp_path / "incident.csv"
    trace.write_text("time,error-ratio\n0,0.01\n15,0.2\n60,0.2\n")
    done = towpath("analyze", "-f", template, "--trace", trace, "--arg", "address=http://metrics")
    assert done.returncode == 2, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["TIME", "METRIC", "VALUE", "CONDITION", "RESULT"]
    assert lines[1].split() == ["0s", "error-ratio", "0.01", "result", "<", "0.05:", "true", "Successful"]
    assert lines[3].split() == ["20s", "error-ratio", "0.2", "result", "<", "0.05:", "false", "Failed"]
    assert "Verdict: Failed at 30s" in done.stdout and "failed (2) > failureLimit (1)" in done.stdout
    report = json.loads(towpath("analyze", "-f", template, "--trace", trace, "--arg", "address=http://metrics", "-o", "json").stdout)
    assert report["verdict"] == "Failed" and report["endedSeconds"] == 30 and report["metrics"][0]["failed"] == 2
    trace.write_text("time,error-ratio\n0,0.01\n60,0.01\n")
    assert towpath("analyze", "-f", template, "--trace", trace, "--arg", "address=a").returncode == 0
    trace.write_text("time,error-ratio\n0,0.01\n20,0.01\n")
    undecided = towpath("analyze", "-f", template, "--trace", trace, "--arg", "address=a")
    assert undecided.returncode == 5 and "Undecided" in undecided.stdout


def test_conditions_may_ask_for_the_time_of_a_trace(template, tmp_path):
    template.write_text(TEMPLATE.replace("result < 0.05", '(now() - date(result)).Minutes() < 5').replace("error-ratio", "backup"))
    trace = tmp_path / "backups.csv"
    trace.write_text("time,backup\n0,2026-01-01T11:58:00Z\n")
    arguments = ("analyze", "-f", template, "--trace", trace, "--arg", "address=a")
    fresh = towpath(*arguments, "--begin", "2026-01-01T12:00:00Z")
    assert fresh.returncode == 5 and "Minutes() < 5: true" in fresh.stdout, fresh.stdout + fresh.stderr
    assert "Minutes() < 5: false" in towpath(*arguments, "--begin", "2026-01-01T12:10:00Z").stdout
    assert "Minutes() < 5: false" in towpath(*arguments).stdout  # it is later than that by now
    refused = towpath(*arguments, "--begin", "noon")
    assert refused.returncode == 1 and '--begin: "noon" is no time such as 2026-01-01T12:00:00Z' in refused.stderr


class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        body = json.dumps({"ratio": self.server.ratios.pop(0)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def metrics():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    server.asked, server.ratios = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_now_measures_once_with_the_provider(template, metrics):
    address = f"address=http://127.0.0.1:{metrics.server_port}"
    metrics.ratios = [0.01]
    good = towpath("analyze", "-f", template, "--now", "--arg", address, "-o", "json")
    assert good.returncode == 0, good.stderr + good.stdout
    assert metrics.asked == ["/ratio"]
    report = json.loads(good.stdout)
    assert report["verdict"] == "Successful" and report["measurements"][0]["value"] == "0.01"
    assert report["measurements"][0]["conditions"] == [{"field": "successCondition", "text": "result < 0.05", "value": "true"}]
    metrics.ratios = [0.3]
    assert towpath("analyze", "-f", template, "--now", "--arg", address).returncode == 2
    gone = towpath("analyze", "-f", template, "--now", "--arg", "address=http://127.0.0.1:1")
    assert gone.returncode == 4 and "Error" in gone.stdout


def test_now_finds_credentials_among_the_files(tmp_path, metrics):
    address = f"http://127.0.0.1:{metrics.server_port}"
    files = tmp_path / "all.yaml"
    files.write_text(f"""apiVersion: v1
kind: Secret
metadata: {{name: influxdb}}
stringData: {{address: "{address}", database: shop, path: /ratio}}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: errors}}
spec:
  args: [{{name: path, valueFrom: {{secretKeyRef: {{name: influxdb, key: path}}}}}}]
  metrics:
    - {{name: web, successCondition: result < 0.05, provider: {{web: {{url: "{address}{{{{args.path}}}}", jsonPath: "{{$.ratio}}"}}}}}}
    - {{name: influx, provider: {{influxdb: {{query: SELECT ratio FROM errors}}}}}}
    - {{name: job, provider: {{job: {{spec: {{template: {{spec: {{containers: [{{name: a, image: a}}]}}}}}}}}}}}}
""")
    metrics.ratios = [0.01, 0.01]
    done = towpath("analyze", "-f", files, "--now", "-o", "json")
    said = {m["metric"]: m for m in json.loads(done.stdout)["measurements"]}
    assert said["web"]["phase"] == "Successful", said
    assert "no answer to an InfluxQL query" in said["influx"]["message"]  # of this server, which is none
    assert any(asked.startswith("/query?db=shop&q=SELECT+ratio") for asked in metrics.asked), metrics.asked
    assert said["job"]["message"].endswith("try --on-server")


def test_now_measures_as_often_as_asked(tmp_path, metrics):
    quick = tmp_path / "quick.yaml"
    quick.write_text(TEMPLATE.replace("interval: 10s", "interval: 1s"))
    metrics.ratios = [0.01, 0.3, 0.01]
    done = towpath("analyze", "-f", quick, "--now", "--count", "3", "--arg", f"address=http://127.0.0.1:{metrics.server_port}", "-o", "json")
    assert done.returncode == 0, done.stdout  # one failure is allowed
    assert [m["phase"] for m in json.loads(done.stdout)["measurements"]] == ["Successful", "Failed", "Successful"]


def test_bad_input_names_the_mend(template, tmp_path):
    trace = tmp_path / "t.csv"
    trace.write_text("time,latency\n0,1\n")
    for arguments, part in [(["--trace", trace], "args.address was not resolved: give it with --arg NAME=VALUE"),
                            (["--trace", trace, "--arg", "address=a"], 'no column "error-ratio"'),
                            (["--arg", "address=a"], "give one of --trace FILE"),
                            (["--now", "--arg", "address"], '"address" is not NAME=VALUE'),
                            (["--now", "--arg", "address=a", "--arg", "adress=b"], 'no argument "adress" is declared'),
                            (["other", "--now"], 'there is no analysis "other"')]:
        done = towpath("analyze", "-f", template, *arguments)
        assert done.returncode == 1 and part in done.stderr, done.stderr
