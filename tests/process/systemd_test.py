"""The units of systemd/, under a real systemd as PID 1 in its own namespaces, on a root file system of Debian's packages (kept in the
cache directory). It needs to be root and debootstrap; elsewhere it says so and skips."""

import os
import pathlib
import shutil
import signal
import subprocess
import urllib.request

import pytest
from conftest import BUILD, ROOT
from fleet import CommandError, free_port, wait_until

PACKAGES = ("systemd,systemd-sysv,dbus,haproxy,libfmt9,libuv1,libcurl4,libprotobuf-lite32,libjemalloc2,libmbedtls14,libyaml-0-2,"
            "libboost-json1.81.0,libsqlite3-0,libtomlplusplus3,libarchive13,libcctz2,libre2-9,tzdata")

# What a container manager does before it starts systemd: the file systems that it expects, cgroups of both kinds.
BOOT = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"; cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys 2>/dev/null || true
mount -t tmpfs tmpfs sys/fs/cgroup
mkdir -p sys/fs/cgroup/systemd sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs tmp; mount --rbind /dev dev
export container=lxc
exec chroot . /lib/systemd/systemd --system --unit=multi-user.target
"""


def cannot(why):
    if os.environ.get("CI"):
        pytest.fail(f"the units must be tested in CI: {why}")
    pytest.skip(why)


@pytest.fixture(scope="module")
def base_root():
    if os.geteuid() != 0:
        cannot("systemd as PID 1 needs root")
    if not shutil.which("debootstrap"):
        cannot("debootstrap is not installed")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "towpath" / "systemd-root-2"
    if not cache.exists():
        fresh = cache.with_name(cache.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        made = subprocess.run(["timeout", "-s", "KILL", "900", "debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", fresh],
                              capture_output=True, text=True)
        if made.returncode != 0:
            cannot("debootstrap failed: " + made.stdout[-500:])
        fresh.rename(cache)
    return cache


class Machine:
    def __init__(self, base, directory):
        self.root = directory / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", base, self.root], check=True)
        for folder, program in (("coordinator", "towpath-coordinator"), ("nodeagent", "towpath-agent"), ("cli", "towpath")):
            subprocess.run(["strip", "-o", self.root / "usr" / ("bin" if program == "towpath" else "sbin") / program, BUILD / folder / program], check=True)
        for unit in (ROOT / "systemd").glob("*.service"):
            shutil.copy(unit, self.root / "etc/systemd/system")
        (self.root / "usr/lib/sysusers.d").mkdir(parents=True, exist_ok=True)
        for users in (ROOT / "systemd").glob("*.sysusers"):
            shutil.copy(users, self.root / "usr/lib/sysusers.d" / (users.stem + ".conf"))
        (self.root / "etc/towpath").mkdir()
        subprocess.run(["chroot", self.root, "systemd-sysusers"], check=True, capture_output=True)
        subprocess.run(["chroot", self.root, "systemctl", "mask", "haproxy.service"], check=True, capture_output=True)
        self.process = None

    def boot(self):
        self.process = subprocess.Popen(["timeout", "-s", "KILL", "300", "unshare", "--pid", "--mount", "--fork", "--uts", "--ipc", "--cgroup",
                                         "sh", "-c", BOOT, "boot", str(self.root)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.pid = wait_until(self._find, 30, "systemd runs")
        wait_until(lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"), 60, "systemd has booted")

    def _find(self):
        """PID 1 of the namespaces: the grandchild of timeout, by unshare."""
        children = lambda pid: [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        for unshare in children(self.process.pid):
            for child in children(unshare):
                if "systemd" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes().decode():
                    return child
        return None

    def run(self, *command, check=True, stdin=None):
        result = subprocess.run(["timeout", "-s", "KILL", "90", "nsenter", "-t", str(self.pid), "-p", "-m", "chroot", self.root, *map(str, command)],
                                input=stdin, capture_output=True, text=True)
        if check and result.returncode != 0:
            raise CommandError(f"{command} ended with {result.returncode}: {result.stdout}{result.stderr}")
        return result

    def stop(self):
        if self.process:
            try:
                os.kill(self.pid, signal.SIGKILL)  # PID 1 ignores SIGTERM; its namespace ends with it
            except ProcessLookupError:
                pass
            self.process.wait(30)


@pytest.fixture
def machine(base_root, tmp_path):
    machine = Machine(base_root, tmp_path)
    try:
        yield machine
    finally:
        machine.stop()


def test_both_units_start_hardened_and_instances_outlive_the_agents_unit(machine):
    port, gateway = free_port(), "127.241.0.2"
    artifacts = machine.root / "srv/art"
    artifacts.mkdir(parents=True)
    (artifacts / "start").write_text("#!/bin/sh\nexec ./shop --version-text 1\n")
    (artifacts / "start").chmod(0o755)
    shutil.copy(BUILD / "examples/shop/towpath-shop", artifacts / "shop")
    subprocess.run(["tar", "-C", artifacts, "-czf", artifacts / "shop-1.tar.gz", "shop", "start"], check=True)
    etc = machine.root / "etc/towpath"
    (etc / "coordinator.toml").write_text(f'listen = ["127.0.0.1:{port}"]\n')
    machine.boot()
    machine.run("systemctl", "start", "towpath-coordinator")
    token = wait_until(lambda: machine.run("towpath", "token", "create").stdout.strip(), 30, "a token")
    (etc / "agent.toml").write_text(f'''coordinator = "https://127.0.0.1:{port}"
join_token = "{token}"
node_name = "unit-1"
address = "127.0.0.1"
port_range = [19300, 19399]
[proxy]
listen_address = "{gateway}"
service_base = "127.242.0.0"
[images]
"registry.example/shop:*" = {{ artifact = "file:///srv/art/shop-*.tar.gz" }}
''')
    machine.run("systemctl", "start", "towpath-agent")
    for name in ("services", "analysis", "rollout"):
        machine.run("towpath", "apply", "-f", "-", stdin=(ROOT / "examples/shop" / f"{name}.yaml").read_text())
    machine.run("towpath", "status", "shop", "--timeout", "60s")
    answer = lambda: urllib.request.urlopen(f"http://{gateway}:8080/", timeout=5).read().decode()
    wait_until(lambda: answer().startswith("shop version 1"), 30, "the service answers")
    user = machine.run("systemctl", "show", "-p", "User", "--value", "towpath-coordinator").stdout.strip()
    assert user == "towpath"

    # The instances, as process ids: the same ones must be there all the time.
    pids = lambda: sorted(machine.run("sh", "-c", "grep -l '^shop$' /proc/[0-9]*/comm").stdout.split())
    before = pids()
    assert len(before) == 5
    machine.run("systemctl", "stop", "towpath-agent")
    assert pids() == before
    assert answer().startswith("shop version 1")
    machine.run("systemctl", "restart", "towpath-coordinator")
    machine.run("systemctl", "start", "towpath-agent")
    wait_until(lambda: machine.run("towpath", "nodes").stdout.count(" Ready ") == 1, 60, "the node is ready again")
    assert pids() == before
    assert machine.run("towpath", "get", "pods").stdout.count("1/1") == 5
