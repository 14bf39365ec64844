"""The scenarios of bare metal on a cluster: the same files, byte for byte, and the same verbs of the command-line tool."""

import sys

import pytest
import yaml
from conftest import BUILD
from control_plane import ROOT
from fleet import CommandError, wait_until
from workload import Workspace

sys.path.insert(0, str(ROOT / "tests" / "process"))
from shop import SCENARIOS, image, scaled  # noqa: E402


@pytest.fixture
def begin(cluster, ours, tmp_path):
    """Applies one of them in the namespace that its file means, gives the ways to look at it, and takes it away in the end."""
    here, files = Workspace(cluster, ours, BUILD, "default"), []

    def apply(name):
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(yaml.safe_dump_all(SCENARIOS[name]))
        here.towpath("apply", "-f", str(files[-1]))
        here.wait_phase(name, "Healthy")
        return here

    yield apply
    for file in files:
        here.towpath("delete", "-f", str(file))


def update(here, name, version):
    here.towpath("set", "image", name, f"shop={image(version)}")


def test_canary_goes_through_its_steps_to_the_end(begin):
    here = begin("steps")
    update(here, "steps", 2)
    here.wait_phase("steps", "Paused", currentStepIndex=1)
    assert here.weights("steps") == {"stable": 80, "canary": 20}
    tree = here.towpath("get", "rollout", "steps")
    assert "॥ Paused" in tree and "canary" in tree and "revision:2" in tree
    here.towpath("promote", "steps")
    here.wait_phase("steps", "Paused", currentStepIndex=3)
    assert here.weights("steps") == {"stable": 50, "canary": 50}
    here.towpath("promote", "steps")
    here.wait_phase("steps", "Healthy")
    wait_until(lambda: here.weights("steps") == {"stable": 100, "canary": 0}, 30, "all goes to the stable service")
    here.wait_served("steps-stable", 2)
    here.towpath("status", "steps")


def test_abort_takes_all_traffic_back_and_retry_tries_again(begin):
    here = begin("abort")
    update(here, "abort", 2)
    here.wait_phase("abort", "Paused", currentStepIndex=1)
    here.towpath("abort", "abort")
    here.wait_phase("abort", "Degraded")
    assert here.weights("abort") == {"stable": 100, "canary": 0} and here.served_version("abort-stable") == 1
    with pytest.raises(CommandError, match="RolloutAborted"):
        here.towpath("status", "abort")
    here.towpath("retry", "rollout", "abort")
    here.wait_phase("abort", "Paused", currentStepIndex=1)
    here.towpath("promote", "abort", "--full")
    here.wait_phase("abort", "Healthy")
    assert here.sizes("abort")[2] == (3, 3)


def test_preview_before_promotion(begin):
    here = begin("preview")
    update(here, "preview", 2)
    here.wait_phase("preview", "Paused")
    assert (here.served_version("preview-active"), here.served_version("preview-preview")) == (1, 2)
    here.towpath("promote", "preview")
    here.wait_phase("preview", "Healthy")
    assert here.served_version("preview-active") == 2
    here.wait_sizes("preview", {2: (3, 3)})


def test_twenty_percent_then_back_to_zero_then_judge_then_promote(begin):
    here = begin("judge")
    update(here, "judge", 2)
    here.wait_phase("judge", "Paused", currentStepIndex=3)
    assert here.weights("judge") == {"stable": 100, "canary": 0}
    here.towpath("promote", "judge")
    here.wait_phase("judge", "Healthy")


def test_slow_ramp(begin):
    here = begin("ramp")
    update(here, "ramp", 2)
    seen = []

    def done():
        current = here.weights("ramp")["canary"]
        if not seen or seen[-1] != current:
            seen.append(current)
        return is_healthy(here, "ramp")

    wait_until(done, 120, "the ramp ends")
    rising = [weight for weight in seen if 0 < weight < 100]
    assert rising == sorted(rising) and {10, 20, 30, 40, 60, 80} <= set(seen)


def is_healthy(here, name):
    found = here.get("Rollout", name)
    return str(found["metadata"]["generation"]) == found["status"].get("observedGeneration") and found["status"].get("phase") == "Healthy"


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


def versions(pods):
    return {pod["spec"]["containers"][0]["image"] for pod in pods}


def test_plain_rolling_update_without_steps(begin):
    here = begin("rolling")
    update(here, "rolling", 2)
    most, fewest = 0, 99

    def done():
        nonlocal most, fewest
        pods = here.pods("rolling").values()
        most, fewest = max(most, len(pods)), min(fewest, sum(map(is_ready, pods)))
        return is_healthy(here, "rolling") and versions(pods) == {image(2)}

    wait_until(done, 90, "the update ends")
    assert most <= 5 and fewest >= 4


def test_recreate_never_runs_two_versions_at_once(begin):
    here = begin("recreate")
    update(here, "recreate", 2)

    def done():
        both = versions(here.list("Pod", "app=recreate"))
        assert len(both) < 2, f"two versions at once: {both}"
        return is_healthy(here, "recreate") and both == {image(2)}

    wait_until(done, 90, "the update ends")


def test_roll_back_by_hand(begin):
    here = begin("undo")
    for version in (2, 4):
        update(here, "undo", version)
        here.wait_phase("undo", "Healthy")
    here.towpath("undo", "undo")
    here.wait_phase("undo", "Healthy")
    here.wait_served("undo-stable", 2)
    here.towpath("undo", "undo", "--to-revision", "1")
    here.wait_phase("undo", "Healthy")
    here.wait_served("undo-stable", 1)
    with pytest.raises(CommandError, match="unable to find specified revision 99"):
        here.towpath("undo", "undo", "--to-revision", "99")


def test_a_template_change_in_the_middle_goes_on_with_the_newest(begin):
    here = begin("newest")
    update(here, "newest", 2)
    here.wait_phase("newest", "Paused", currentStepIndex=1)
    update(here, "newest", 4)
    wait_until(lambda: 2 not in here.sizes("newest"), 60, "the abandoned version is scaled down")
    here.wait_phase("newest", "Paused", currentStepIndex=1)
    here.towpath("promote", "newest", "--full")
    here.wait_phase("newest", "Healthy")
    here.wait_served("newest-stable", 4)


def test_pause_resume_and_restart(begin):
    here = begin("hold")
    here.towpath("pause", "hold")
    update(here, "hold", 2)
    here.wait_phase("hold", "Paused")
    here.towpath("resume", "hold")
    here.wait_phase("hold", "Healthy")
    before = {name: pod for name, pod in here.pods("hold").items() if versions([pod]) == {image(2)}}
    here.a_second_after(before)
    here.towpath("restart", "hold")
    wait_until(lambda: not set(before) & set(here.pods("hold")), 120, "every pod is replaced")
    here.wait_phase("hold", "Healthy")


def test_scale_in_the_middle_and_to_zero_and_back(begin, tmp_path):
    here = begin("scale")
    update(here, "scale", 2)
    here.wait_phase("scale", "Paused", currentStepIndex=1)

    def scale_to(replicas):
        file = tmp_path / f"scaled-{replicas}.yaml"
        file.write_text(yaml.safe_dump(scaled(replicas)))
        here.towpath("apply", "-f", str(file))

    scale_to(4)
    here.wait_sizes("scale", {1: (4, 4), 2: (2, 2)})
    here.towpath("promote", "scale", "--full")
    here.wait_phase("scale", "Healthy")
    for replicas in (0, 2):
        scale_to(replicas)
        wait_until(lambda: here.sizes("scale").get(2, (0, 0)) == (replicas, replicas), 60, f"{replicas} pods of the new version")
        here.wait_phase("scale", "Healthy")
