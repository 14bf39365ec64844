"""One control plane for all tests of this folder; each test has a namespace of its own."""

import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from answers import Answers  # noqa: E402
from control_plane import ROOT, ControlPlane, coordinator  # noqa: E402
from fleet import wait_until  # noqa: E402
from pages import page  # noqa: E402
from workload import Workspace  # noqa: E402

BUILD = pathlib.Path(os.environ.get("TOWPATH_BUILD", ROOT / "build"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of our log."""
    outcome = yield
    report = outcome.get_result()
    for name in ("ours", "workspace"):
        daemon = item.funcargs.get(name) if hasattr(item, "funcargs") else None
        daemon = getattr(daemon, "ours", daemon)
        if report.when == "call" and report.failed and daemon:
            report.sections.append((f"log of {daemon.name}", daemon.tail(60)))
            break


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    tools = os.environ.get("TOWPATH_KUBE_TOOLS", "")
    if not tools:
        if os.environ.get("CI"):
            pytest.fail("the control plane must be built in CI: is Go installed?")
        pytest.skip("the control plane is not built: Go is missing")
    cluster = ControlPlane(tmp_path_factory.mktemp("control-plane"), tools)
    try:
        cluster.start()
        cluster.warnings = cluster.apply_definitions()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def ours(cluster, tmp_path_factory):
    """The coordinator on that cluster."""
    daemon = coordinator(BUILD, cluster, tmp_path_factory.mktemp("ours")).start()
    try:
        wait_until(lambda: page(daemon, "/readyz") == (200, "ok: leads\n"), 60, "the coordinator leads")
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def workspace(cluster, ours, request):
    """A namespace, and ways to play a user in it."""
    space = Workspace.of_its_own(cluster, ours, BUILD, request.node.name)
    yield space
    cluster.delete("Namespace", None, space.namespace)


@pytest.fixture
def answers():
    """What analyses ask."""
    answers = Answers()
    yield answers
    answers.stop()
