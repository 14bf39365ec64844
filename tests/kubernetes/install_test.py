"""The manifests of examples/kubernetes: accepted, and enough for everything that the controllers do; and the program as the image has it."""

import os
import pathlib
import subprocess
import sys

import pytest
import yaml
from answers import ANALYSIS, template
from conftest import BUILD
from control_plane import ROOT, coordinator
from fleet import wait_until
from pages import page
from workload import pod_template, rollout, service

sys.path.insert(0, str(ROOT / "tests" / "process"))
from shop import image, routed_canary  # noqa: E402

HOME = "argo-rollouts"
CHART = ROOT / "examples" / "kubernetes" / "helm"

# The verbs of the peer's own installation (core-semantics 12.3): whoever has only those can change to us without an administrator.
PEERS_RULES = [
    {"apiGroups": ["argoproj.io"], "resources": ["rollouts", "rollouts/status", "rollouts/finalizers"], "verbs": ["get", "list", "watch", "update", "patch"]},
    {"apiGroups": ["argoproj.io"], "resources": ["analysisruns", "analysisruns/finalizers", "experiments", "experiments/finalizers"],
     "verbs": ["create", "get", "list", "watch", "update", "patch", "delete"]},
    {"apiGroups": ["argoproj.io"], "resources": ["analysistemplates", "clusteranalysistemplates"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["create", "get", "list", "watch", "update", "patch", "delete"]},
    {"apiGroups": ["", "apps"], "resources": ["deployments", "podtemplates"], "verbs": ["get", "list", "watch", "update", "patch"]},
    {"apiGroups": [""], "resources": ["services"], "verbs": ["get", "list", "watch", "patch", "create", "delete"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]},
    {"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "update", "watch"]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "update", "patch"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "list", "watch", "update", "patch", "delete"]},
]


def manifests(folder):
    kubectl = os.environ.get("TOWPATH_KUBECTL")
    if not kubectl:
        pytest.skip("kubectl is not built")
    text = subprocess.run([kubectl, "kustomize", str(ROOT / folder)], check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(text))


def helm(*arguments):
    tools = os.environ.get("TOWPATH_KUBE_TOOLS")
    if not tools:
        pytest.skip("helm is not built")
    program, = pathlib.Path(tools).glob("helm-*[0-9]")
    return subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def chart(namespace, *arguments):
    """What the chart makes, by kind, namespace and name."""
    return by_name(yaml.safe_load_all(helm("template", "towpath", CHART, "--namespace", namespace, *arguments)))


def by_name(objects):
    return {(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]): obj for obj in objects}


def create(cluster, obj):
    """What is there already is left; a Deployment is only tried, since no node here runs an image."""
    if cluster.get(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]):
        return []
    query = "?dryRun=All" if obj["kind"] == "Deployment" else ""
    return cluster.request("POST", cluster.path(obj["kind"], obj["metadata"].get("namespace")) + query, obj)[1]


def may_list_rollouts(cluster, account):
    """Roles and bindings reach the API server's own decisions some time after they are written."""
    namespace, name = account
    asked = {"namespace": namespace, "group": "argoproj.io", "resource": "rollouts", "verb": "list"}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
              "spec": {"user": f"system:serviceaccount:{namespace}:{name}", "resourceAttributes": asked}}
    return cluster.request("POST", "apis/authorization.k8s.io/v1/subjectaccessreviews", review)[0]["status"]["allowed"]


@pytest.fixture
def install(workspace, tmp_path):
    """Starts ours as the installed ServiceAccount, in place of the one that the other tests use."""
    cluster, daemons = workspace.cluster, []
    workspace.ours.stop()

    def begin(objects, account, *arguments, program=None, directory=tmp_path):
        for obj in objects:
            assert create(cluster, obj) == [], f"a warning about {obj['kind']} {obj['metadata']['name']}"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        path = cluster.path("ServiceAccount", account[0], account[1], "token")
        wait_until(lambda: cluster.get("ServiceAccount", *account), 30, "the account is there")
        token = cluster.request("POST", path, request)[0]["status"]["token"]
        wait_until(lambda: may_list_rollouts(cluster, account), 30, "the API server knows the account's role")
        kubeconfig = directory / "account.kubeconfig"
        kubeconfig.write_text(cluster.kubeconfig_of(token, account[0]))
        kubeconfig.chmod(0o644)
        named = f"/{kubeconfig.name}" if program else kubeconfig
        daemon = coordinator(BUILD, cluster, tmp_path, "installed", *arguments, kubeconfig=named, program=program).start()
        daemons.append(daemon)
        wait_until(lambda: page(daemon, "/readyz") == (200, "ok: leads\n"), 60, "it leads")
        return daemon

    yield begin
    for daemon in daemons:
        daemon.stop()
    workspace.ours.start()
    wait_until(lambda: page(workspace.ours, "/readyz") == (200, "ok: leads\n"), 60, "the other one leads again")


def everything(workspace, answers, with_route):
    """A canary with an analysis and metadata of roles, a restart, a blue-green rollout, and a Deployment that is taken over."""
    metadata = {"canaryMetadata": {"labels": {"role": "canary"}}, "stableMetadata": {"labels": {"role": "stable"}}}
    objects = routed_canary("web", [{"setWeight": 20}, {"analysis": ANALYSIS}, {"pause": {}}], canary=metadata)
    canary = objects[-1]["spec"]["strategy"]["canary"]
    canary["trafficRouting"]["plugins"]["argoproj-labs/gatewayAPI"]["namespace"] = workspace.namespace
    if not with_route:
        del canary["trafficRouting"]
    blue_green = {"blueGreen": {"activeService": "active", "previewService": "preview", "scaleDownDelaySeconds": 1}}
    adopting = rollout("taken", {"canary": {}}, replicas=1)
    del adopting["spec"]["template"], adopting["spec"]["selector"]
    adopting["spec"]["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "taken", "scaleDown": "onsuccess"}
    taken = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "taken"},
             "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "taken"}}, "template": pod_template("taken", 1)}}
    workspace.create(template(answers.url), *objects, service("active", "blue"), service("preview", "blue"), rollout("blue", blue_green, replicas=1),
                     taken, adopting)
    for name in ("web", "blue", "taken"):
        workspace.wait_phase(name, "Healthy")
    workspace.set_image("web", image(2))
    workspace.set_version("blue", 2)
    workspace.wait_phase("web", "Paused", currentStepIndex=2)
    if with_route:
        assert workspace.weights("web") == {"stable": 80, "canary": 20}
    before = set(workspace.pods("web"))
    workspace.patch("Rollout", "web", {"spec": {"restartAt": workspace.a_second_after(workspace.pods("web"))}})
    wait_until(lambda: not before & set(workspace.pods("web")), 180, "every pod is replaced")
    workspace.towpath("promote", "web")
    for name in ("web", "blue"):
        workspace.wait_phase(name, "Healthy", timeout=90)
    wait_until(lambda: workspace.get("Deployment", "taken")["spec"]["replicas"] == 0, 60, "the Deployment is scaled down")
    wait_until(lambda: {pod["metadata"]["labels"].get("role") for pod in workspace.pods("web").values()} == {"stable"}, 60, "the roles are told")
    wait_until(lambda: "RolloutCompleted" in workspace.events("web"), 30, "the end is told")


def refusals(daemon):
    """What its role does not allow. A namespace of an earlier test that is on its way out takes nothing new from anybody."""
    return [line for line in daemon.log.read_text(errors="replace").splitlines() if "forbidden" in line.lower() and "being terminated" not in line]


def test_the_cluster_wide_installation_may_do_what_it_does_and_reads_no_secret(workspace, install, answers):
    objects = manifests("examples/kubernetes")
    rules = next(obj for obj in objects if obj["kind"] == "ClusterRole")["rules"]
    assert not any({"secrets", "*"} & set(rule["resources"]) or "*" in rule["verbs"] for rule in rules)
    daemon = install([obj for obj in objects if obj["kind"] != "CustomResourceDefinition"], (HOME, "towpath"))
    everything(workspace, answers, with_route=True)
    assert refusals(daemon) == []
    assert workspace.cluster.get("Lease", HOME, "argo-rollouts-controller-lock")["spec"]["holderIdentity"]


def test_the_namespaced_installation_works_in_its_namespace_only(workspace, install, answers):
    objects = manifests("examples/kubernetes/namespaced")
    assert not {"ClusterRole", "ClusterRoleBinding"} & {obj["kind"] for obj in objects}
    text = yaml.safe_dump_all(objects).replace("namespace: shop", f"namespace: {workspace.namespace}")
    daemon = install(list(yaml.safe_load_all(text)), (workspace.namespace, "towpath"), "--namespace", workspace.namespace)
    everything(workspace, answers, with_route=True)
    # The one kind that is of no namespace counts as empty.
    assert [line for line in refusals(daemon) if "clusteranalysistemplates" not in line] == []


def test_the_chart_makes_what_the_kustomizations_make():
    helm("lint", "--strict", CHART)
    wide = by_name(manifests("examples/kubernetes"))
    del wide["Namespace", None, HOME]  # by --create-namespace
    assert chart(HOME, "--include-crds") == wide
    assert chart("shop", "--set", "namespaced=true") == by_name(manifests("examples/kubernetes/namespaced"))


def test_the_charts_values_reach_the_deployment():
    values = ["image.repository=registry.example/mine", "image.tag=7", "image.pullPolicy=Always", "imagePullSecrets[0].name=key", "replicas=1",
              "args={--instance-id=blue}", "resources.limits.memory=64Mi", "nodeSelector.disk=ssd", "tolerations[0].operator=Exists"]
    deployment = chart("shop", "--set", ",".join(values))["Deployment", "shop", "towpath"]
    pod = deployment["spec"]["template"]["spec"]
    container, = pod["containers"]
    assert deployment["spec"]["replicas"] == 1 and container["image"] == "registry.example/mine:7" and container["imagePullPolicy"] == "Always"
    assert container["args"] == ["--kubernetes", "--listen", "0.0.0.0:8090", "--instance-id=blue"]
    assert container["resources"] == {"limits": {"memory": "64Mi"}}
    assert (pod["imagePullSecrets"], pod["nodeSelector"], pod["tolerations"]) == ([{"name": "key"}], {"disk": "ssd"}, [{"operator": "Exists"}])


def test_helm_installs_and_takes_away(workspace, install):
    where = ["--kubeconfig", workspace.cluster.kubeconfig, "--namespace", workspace.namespace]
    helm("install", "towpath", CHART, *where, "--skip-crds", "--set", "namespaced=true,replicas=1", "--wait", "--timeout", "120s")
    # No node here runs an image: the program runs beside, with the account that the chart made.
    assert workspace.get("Deployment", "towpath")["status"]["readyReplicas"] == 1
    install([], (workspace.namespace, "towpath"), "--namespace", workspace.namespace)
    workspace.create(rollout("web", {"canary": {}}, replicas=1))
    workspace.wait_phase("web", "Healthy")
    workspace.set_version("web", 2)
    workspace.wait_phase("web", "Healthy")
    helm("uninstall", "towpath", *where)
    for kind in ("Deployment", "ServiceAccount", "Role", "RoleBinding"):
        assert not [obj for obj in workspace.list(kind) if obj["metadata"]["name"].startswith("towpath")]
    assert workspace.get("Rollout", "web")


def test_the_peers_role_is_enough(workspace, install, answers):
    account, role = f"peer-{workspace.namespace}"[:50].strip("-"), "peer"
    bind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": account},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": workspace.namespace}]}
    daemon = install([{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": workspace.namespace}},
                      {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role}, "rules": PEERS_RULES}, bind],
                     (workspace.namespace, account))
    everything(workspace, answers, with_route=False)
    # His role knows no routes; the users of his plugin add a role of their own.
    assert [line for line in refusals(daemon) if "httproutes" not in line] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a root of its own takes root")
def test_the_image_holds_all_that_the_program_needs(workspace, install, tmp_path):
    root = tmp_path / "root"
    program = BUILD / "coordinator" / "towpath-coordinator"
    subprocess.run([str(ROOT / "examples" / "kubernetes" / "image" / "make-root.sh"), str(program), str(root)], check=True, capture_output=True)
    files = [path for path in root.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 64 << 20
    assert not [path.name for path in files if path.name in ("sh", "bash", "dash", "apt", "dpkg")]
    assert (root / "usr/share/zoneinfo/Europe/Berlin").is_file(), "conditions may name time zones"
    command = ["chroot", "--userspec=65532:65532", str(root), "/usr/sbin/towpath-coordinator"]
    install([obj for obj in manifests("examples/kubernetes") if obj["kind"] != "CustomResourceDefinition"], (HOME, "towpath"),
            program=command, directory=root)
    workspace.create(rollout("web", {"canary": {}}, replicas=1))
    workspace.wait_phase("web", "Healthy")
