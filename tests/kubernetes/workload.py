"""What a test's user does in a namespace: rollouts, commands, and looking at what became of them."""

import datetime
import os
import re
import subprocess

from fleet import CommandError, wait_until


def pod_template(app, version, **labels):
    return {"metadata": {"labels": {"app": app, **labels}}, "spec": {"containers": [{"name": "web", "image": f"registry.example/web:{version}"}]}}


def rollout(name, strategy, replicas=5, version=1, **spec):
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": pod_template(name, version),
                     "strategy": strategy, **spec}}


def service(name, app):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": app}, "ports": [{"port": 80}]}}


class Workspace:
    def __init__(self, cluster, ours, build, namespace):
        self.cluster, self.ours, self.build, self.namespace = cluster, ours, build, namespace

    @classmethod
    def of_its_own(cls, cluster, ours, build, test_name):
        """A new namespace."""
        made = cls(cluster, ours, build, re.sub(r"[^a-z0-9]+", "-", test_name.lower()).removeprefix("test-")[:60].strip("-"))
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.namespace}})
        wait_until(lambda: cluster.get("ServiceAccount", made.namespace, "default"), 30, "the namespace is usable")
        return made

    def create(self, *objects):
        for obj in objects:
            self.cluster.create({**obj, "metadata": {**obj["metadata"], "namespace": self.namespace}})

    def get(self, kind, name):
        return self.cluster.get(kind, self.namespace, name)

    def list(self, kind, selector=""):
        return self.cluster.list(kind, self.namespace, selector)

    def status(self, name):
        return (self.get("Rollout", name) or {}).get("status", {})

    def patch(self, kind, name, patch, subresource=None):
        return self.cluster.patch(kind, self.namespace, name, patch, subresource)

    def pods(self, name):
        """{name: pod} of those that stay."""
        return {pod["metadata"]["name"]: pod for pod in self.list("Pod", f"app={name}") if "deletionTimestamp" not in pod["metadata"]}

    @staticmethod
    def a_second_after(pods):
        """The first whole second in which none of the pods was made, once it has come."""
        newest = max(datetime.datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) for pod in pods.values())
        at = newest + datetime.timedelta(seconds=1)
        wait_until(lambda: datetime.datetime.now(datetime.UTC) >= at, 10, "the next second")
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def set_version(self, name, version, **labels):
        template = pod_template(name, version, **labels)
        self.cluster.patch("Rollout", self.namespace, name, {"spec": {"template": template}})

    def set_image(self, name, image):
        """Of the one container of a template whose other fields stay."""
        template = self.get("Rollout", name)["spec"]["template"]
        template["spec"]["containers"][0]["image"] = image
        self.patch("Rollout", name, {"spec": {"template": template}})

    def wait_phase(self, name, phase, timeout=60, **more):
        """Until the status says the phase for the spec as it is now, and each of `more` (a message, a step)."""

        def reached():
            found = self.get("Rollout", name)
            status = found.get("status", {})
            current = str(found["metadata"]["generation"]) == status.get("observedGeneration")
            return current and status.get("phase") == phase and all(status.get(key) == value for key, value in more.items()) and status

        try:
            return wait_until(reached, timeout, f"{name} is {phase} {more or ''}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\nstatus: {self.status(name)}") from None

    def sizes(self, name):
        """{version: (wanted, ready)} of the ReplicaSets that have any."""
        sizes = {}
        for replica_set in self.list("ReplicaSet", f"app={name}"):
            image = replica_set["spec"]["template"]["spec"]["containers"][0]["image"]
            if replica_set["spec"]["replicas"]:
                sizes[int(image.rsplit(":", 1)[1])] = (replica_set["spec"]["replicas"], replica_set["status"].get("readyReplicas", 0))
        return sizes

    def wait_sizes(self, name, wanted, timeout=60):
        wait_until(lambda: self.sizes(name) == wanted, timeout, f"{name} has {wanted}, not {self.sizes(name)}")

    def served_version(self, service_name):
        """Which version a Service's selector means."""
        wanted = self.get("Service", service_name)["spec"]["selector"]
        for replica_set in self.list("ReplicaSet"):
            labels = replica_set["spec"]["template"]["metadata"]["labels"]
            if "rollouts-pod-template-hash" in wanted and all(labels.get(key) == value for key, value in wanted.items()):
                return int(replica_set["spec"]["template"]["spec"]["containers"][0]["image"].rsplit(":", 1)[1])
        return None

    def wait_served(self, service_name, version):
        """A canary's stable Service is switched once its status names the version, so just after it is Healthy."""
        wait_until(lambda: self.served_version(service_name) == version, 30, f"{service_name} serves version {version}")

    def weights(self, name):
        """Of the HTTPRoute's backends, by their role."""
        rule = self.get("HTTPRoute", name)["spec"]["rules"][0]
        return {backend["name"].removeprefix(f"{name}-"): backend["weight"] for backend in rule["backendRefs"]}

    def events(self, name):
        return [event["reason"] for event in sorted(self.list("Event"), key=lambda event: event["metadata"]["creationTimestamp"])
                if event["involvedObject"]["name"] == name]

    def towpath(self, *arguments):
        """Our own command-line tool, against the cluster."""
        result = subprocess.run([str(self.build / "cli" / "towpath"), "--kubeconfig", str(self.cluster.kubeconfig), "-n", self.namespace, *arguments],
                                capture_output=True, text=True, timeout=60, env={**os.environ, "KUBECONFIG": ""})
        if result.returncode != 0:
            raise CommandError(f"towpath {' '.join(arguments)}: {result.stdout}{result.stderr}")
        return result.stdout
