"""A Kubernetes control plane on this machine: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and KWOK in place of nodes.
All of it real but the nodes, on loopback and below one directory. The tests use it, and `./dev kube up` for people to play with."""

import base64
import json
import os
import pathlib
import secrets
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "examples" / "demo"))

from fleet import CommandError, Daemon, free_port, wait_until  # noqa: E402

# Plural names and groups of what the tests look at.
RESOURCES = {
    "Namespace": "api/v1/namespaces", "Service": "api/v1/services", "Pod": "api/v1/pods", "Node": "api/v1/nodes", "Event": "api/v1/events",
    "PodTemplate": "api/v1/podtemplates",
    "ServiceAccount": "api/v1/serviceaccounts", "ReplicaSet": "apis/apps/v1/replicasets", "Deployment": "apis/apps/v1/deployments",
    "Lease": "apis/coordination.k8s.io/v1/leases", "Rollout": "apis/argoproj.io/v1alpha1/rollouts",
    "AnalysisRun": "apis/argoproj.io/v1alpha1/analysisruns", "AnalysisTemplate": "apis/argoproj.io/v1alpha1/analysistemplates",
    "ClusterAnalysisTemplate": "apis/argoproj.io/v1alpha1/clusteranalysistemplates", "Experiment": "apis/argoproj.io/v1alpha1/experiments",
    "PodDisruptionBudget": "apis/policy/v1/poddisruptionbudgets", "HorizontalPodAutoscaler": "apis/autoscaling/v2/horizontalpodautoscalers",
    "HTTPRoute": "apis/gateway.networking.k8s.io/v1/httproutes", "Gateway": "apis/gateway.networking.k8s.io/v1/gateways",
    "ConfigMap": "api/v1/configmaps", "Secret": "api/v1/secrets", "Job": "apis/batch/v1/jobs",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1/clusterroles", "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "apis/rbac.authorization.k8s.io/v1/roles", "RoleBinding": "apis/rbac.authorization.k8s.io/v1/rolebindings",
    "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}
CLUSTER_SCOPED = {"Namespace", "Node", "CustomResourceDefinition", "ClusterAnalysisTemplate", "ClusterRole", "ClusterRoleBinding"}


class ApiError(CommandError):
    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status


class ControlPlane:
    def __init__(self, directory, tools, storage="etcd"):
        """`tools`: a folder of programs that bear their plain names or end in their version. `storage`: "etcd", or "kine", on SQLite as in k3s."""
        self.storage = storage
        self.directory = pathlib.Path(directory)
        self.tools = pathlib.Path(tools)
        self.etcd_port, self.peer_port, self.port, self.kwok_port = (free_port() for _ in range(4))
        self.server = f"https://127.0.0.1:{self.port}"
        self.token = secrets.token_hex(16)
        self.kubeconfig = self.directory / "admin.kubeconfig"
        self.daemons = []

    def program(self, name):
        found = sorted(self.tools.glob(f"{name}-[0-9]*")) or [self.tools / name]
        return str(found[-1])

    def start(self):
        self.write_secrets()
        if self.storage == "kine":
            self.daemon("kine", "--endpoint", f"sqlite://{self.directory}/state.db?_journal=WAL&cache=shared", "--listen-address",
                        f"tcp://127.0.0.1:{self.etcd_port}", "--metrics-bind-address", "0")
            wait_until(lambda: (self.directory / "state.db").exists(), 30, "kine's database")
        else:
            self.daemon("etcd", "--data-dir", self.directory / "etcd", "--listen-client-urls", f"http://127.0.0.1:{self.etcd_port}",
                        "--advertise-client-urls", f"http://127.0.0.1:{self.etcd_port}", "--listen-peer-urls", f"http://127.0.0.1:{self.peer_port}",
                        "--unsafe-no-fsync", "--log-level", "warn")
        self.api_server = self.daemon(
            "kube-apiserver", "--etcd-servers", f"http://127.0.0.1:{self.etcd_port}", "--bind-address", "127.0.0.1", "--secure-port", self.port,
            "--cert-dir", self.directory / "certificates", "--token-auth-file", self.directory / "tokens.csv", "--authorization-mode", "RBAC",
            "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", self.directory / "accounts.key",
            "--service-account-signing-key-file", self.directory / "accounts.key", "--endpoint-reconciler-type", "none",
            "--service-cluster-ip-range", "10.96.0.0/16", "--profiling=false")
        # The key is written when the certificate is whole.
        wait_until(lambda: (self.directory / "certificates" / "apiserver.key").exists(), 60, "the API server's certificate")
        self.write_kubeconfig()
        wait_until(self.ready, 120, "the API server")
        for name, *more in [("kube-controller-manager", "--service-account-private-key-file", self.directory / "accounts.key",
                             "--root-ca-file", self.directory / "certificates" / "apiserver.crt", "--secure-port", "0", "--leader-elect=false",
                             "--concurrent-replicaset-syncs", "20"),
                            ("kube-scheduler", "--secure-port", "0", "--leader-elect=false")]:
            self.daemon(name, "--kubeconfig", self.kubeconfig, "--kube-api-qps", "500", "--kube-api-burst", "1000", *more)
        self.daemon("kwok", "--kubeconfig", self.kubeconfig, "--config", HERE / "stages.yaml", "--manage-all-nodes",
                    "--node-lease-duration-seconds", "40", "--server-address", f"127.0.0.1:{self.kwok_port}")
        self.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1", "labels": {"kubernetes.io/hostname": "node-1"}}})
        wait_until(lambda: self.get("ServiceAccount", "default", "default"), 60, "the controller manager")
        return self

    def daemon(self, name, *arguments):
        daemon = Daemon(name, [self.program(name), *map(str, arguments)], self.directory / f"{name}.log",
                        {"HOME": str(self.directory), "KUBECONFIG": ""})
        self.daemons.append(daemon)
        return daemon.start()

    def stop(self):
        # Those that only hold connections first; etcd last, or the others log their grief.
        for daemon in reversed(self.daemons):
            daemon.stop(timeout=5 if daemon.name != "etcd" else 10)

    def write_secrets(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        subprocess.run(["openssl", "genrsa", "-out", self.directory / "accounts.key", "2048"], check=True, capture_output=True)
        (self.directory / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')

    def write_kubeconfig(self):
        self.kubeconfig.write_text(self.kubeconfig_of(self.token))
        self.tls = ssl.create_default_context(cafile=str(self.directory / "certificates" / "apiserver.crt"))

    def kubeconfig_of(self, token, namespace="default", server=None):
        """The text of one for whoever has that token."""
        authority = base64.b64encode((self.directory / "certificates" / "apiserver.crt").read_bytes()).decode()
        return yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": server or self.server, "certificate-authority-data": authority}}],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user", "namespace": namespace}}]})

    def request(self, method, path, body=None, content_type="application/json"):
        """(parsed answer, warnings); raises ApiError."""
        request = urllib.request.Request(f"{self.server}/{path}", method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": f"Bearer {self.token}", "Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=30) as answer:
                text = answer.read()
                parsed = json.loads(text) if text.startswith(b"{") else text.decode()
                return parsed, answer.headers.get_all("Warning", [])
        except urllib.error.HTTPError as error:
            raise ApiError(error.code, error.read().decode(errors="replace")[:2000]) from None

    def ready(self):
        return self.request("GET", "readyz")[0] == "ok"

    @staticmethod
    def path(kind, namespace=None, name=None, subresource=None):
        prefix, plural = RESOURCES[kind].rsplit("/", 1)
        scope = f"/namespaces/{namespace}" if namespace and kind not in CLUSTER_SCOPED else ""
        return "/".join(part for part in (f"{prefix}{scope}/{plural}", name, subresource) if part)

    def create(self, obj):
        return self.request("POST", self.path(obj["kind"], obj["metadata"].get("namespace")), obj)[0]

    def get(self, kind, namespace, name):
        """None if it is not there."""
        try:
            return self.request("GET", self.path(kind, namespace, name))[0]
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind, namespace=None, selector=""):
        query = "?labelSelector=" + urllib.parse.quote(selector) if selector else ""
        return self.request("GET", self.path(kind, namespace) + query)[0]["items"]

    def patch(self, kind, namespace, name, patch, subresource=None):
        return self.request("PATCH", self.path(kind, namespace, name, subresource), patch, "application/merge-patch+json")[0]

    def delete(self, kind, namespace, name):
        return self.request("DELETE", self.path(kind, namespace, name))[0]

    def apply_definitions(self):
        """Ours, and as much of Gateway API as the tests need; returns the warnings that the API server has about them."""
        warnings = []
        for file in [*sorted((ROOT / "crds").glob("*.yaml")), HERE / "gateway-api.yaml"]:
            for definition in yaml.safe_load_all(file.read_text()):
                warnings += self.request("POST", self.path("CustomResourceDefinition"), definition)[1]
        for definition in self.list("CustomResourceDefinition"):
            name = definition["metadata"]["name"]
            wait_until(lambda: self.condition("CustomResourceDefinition", None, name, "Established") == "True", 60, f"{name} is served")
        return warnings

    def condition(self, kind, namespace, name, condition_type):
        found = self.get(kind, namespace, name) or {}
        for condition in found.get("status", {}).get("conditions", []):
            if condition["type"] == condition_type:
                return condition["status"]
        return None


def coordinator(build, cluster, directory, name="coordinator", *arguments, kubeconfig=None, program=None):
    """Ours, on that cluster; not started yet. `program`: the beginning of another command line than that of the build."""
    port = free_port()
    program = program or [str(pathlib.Path(build) / "coordinator" / "towpath-coordinator")]
    daemon = Daemon(name, [*program, "--kubernetes", "--kubeconfig", str(kubeconfig or cluster.kubeconfig),
                           "--listen", f"127.0.0.1:{port}", "--log-level", "debug", *arguments],
                    pathlib.Path(directory) / f"{name}.log", {"KUBECONFIG": "", "HOME": str(directory)})
    daemon.port = port
    return daemon


def up(arguments):
    """A cluster for people: until Ctrl-C."""
    build, tools = arguments
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory(prefix="towpath-kube-") as directory:
        cluster = ControlPlane(directory, tools)
        ours = None
        try:
            cluster.start().apply_definitions()
            ours = coordinator(build, cluster, directory).start()
            print(f"A cluster with one node that only pretends, and towpath-coordinator on it.\n\n  export KUBECONFIG={cluster.kubeconfig}\n"
                  f"  {cluster.program('kubectl')} get nodes\n\nLogs are in {directory}. Ctrl-C ends it.", flush=True)
            ended.wait()
        finally:
            if ours:
                ours.stop()
            cluster.stop()


if __name__ == "__main__":
    up(sys.argv[1:])
