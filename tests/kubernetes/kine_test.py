"""k3s keeps its cluster in SQLite, by kine in etcd's place: one rollout on that."""

import os

import pytest
from conftest import BUILD
from control_plane import ControlPlane, coordinator
from fleet import wait_until
from pages import page
from workload import Workspace, rollout


@pytest.fixture
def small(tmp_path):
    tools = os.environ.get("TOWPATH_KUBE_TOOLS", "")
    if not tools:
        pytest.skip("the control plane is not built: Go is missing")
    cluster = ControlPlane(tmp_path / "control-plane", tools, storage="kine")
    daemon = None
    try:
        cluster.start()
        cluster.apply_definitions()
        daemon = coordinator(BUILD, cluster, tmp_path).start()
        wait_until(lambda: page(daemon, "/readyz") == (200, "ok: leads\n"), 60, "the coordinator leads")
        yield Workspace.of_its_own(cluster, daemon, BUILD, "kine")
    finally:
        if daemon:
            daemon.stop()
        cluster.stop()


def test_a_canary_on_kine(small):
    small.create(rollout("web", {"canary": {"maxSurge": 1, "maxUnavailable": 0, "steps": [{"setWeight": 20}, {"pause": {}}]}}))
    small.wait_phase("web", "Healthy")
    small.set_version("web", 2)
    small.wait_phase("web", "Paused", currentStepIndex=1)
    small.wait_sizes("web", {1: (4, 4), 2: (1, 1)})
    small.towpath("promote", "web")
    small.wait_phase("web", "Healthy", timeout=300)  # events of kine come seconds late when the machine is busy
    small.wait_sizes("web", {2: (5, 5)})
