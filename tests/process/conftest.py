"""Whole binaries, real HAProxy, real kubectl: one installation a module, started and ended by the tests themselves."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "examples" / "demo"))
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fleet import Fleet  # noqa: E402

BUILD = pathlib.Path(os.environ.get("TOWPATH_BUILD", ROOT / "build"))

# Versions of the example service that tests roll out.
VERSIONS = {
    "v1": [],
    "v2": [],
    "v3": ["--fail-ratio", "0.3"],
    "v4": [],
    "v5": ["--fail-ratio", "0.05"],
    "v9": ["--never-ready"],
}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of every daemon's log."""
    outcome = yield
    report = outcome.get_result()
    fleet = item.funcargs.get("fleet") if hasattr(item, "funcargs") else None
    if report.when == "call" and report.failed and fleet:
        for daemon in [fleet.coordinator, *fleet.agents]:
            report.sections.append((f"log of {daemon.name}", daemon.tail(40)))


def make_fleet(tmp_path_factory, nodes):
    fleet = Fleet(BUILD, tmp_path_factory.mktemp("fleet"), nodes=nodes)
    fleet.make_shops(**VERSIONS)
    return fleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    fleet = make_fleet(tmp_path_factory, 3)
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()


@pytest.fixture
def new_fleet(tmp_path_factory):
    """Makes installations that a test may break; each is ended with the test."""
    made = []

    def make(nodes=1):
        made.append(make_fleet(tmp_path_factory, nodes))
        return made[-1]

    yield make
    for fleet in made:
        fleet.stop()


@pytest.fixture(scope="session")
def kubectl_path():
    path = os.environ.get("TOWPATH_KUBECTL", "")
    if not path:
        if os.environ.get("CI"):
            pytest.fail("kubectl must be built in CI: is Go installed?")
        pytest.skip("kubectl is not built: Go is missing")
    return path
