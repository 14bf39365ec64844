"""Bad input: a clear error that names the field and the mend, and nothing changed."""

import http.client
import json
import pathlib
import re
import socket
import ssl
import subprocess

import pytest
import yaml
from fleet import condition, end_processes, proxies_below, wait_until
from scenarios_test import deploy
from shop import image, rollout, routed_canary, services

CANARY = {"canary": {}}


def changed(base, path, value):
    """A deep copy with one member set (or removed, for None)."""
    copy = json.loads(json.dumps(base))
    at = copy
    for key in path[:-1]:
        at = at[key]
    if value is None:
        at.pop(path[-1], None)
    else:
        at[path[-1]] = value
    return copy


GOOD = rollout("bad", {"canary": {"steps": [{"setWeight": 20}]}})

REFUSED = {
    "unknown field": (changed(GOOD, ["spec", "replica"], 3), "spec.replica"),
    "wrong type": (changed(GOOD, ["spec", "replicas"], "three"), "spec.replicas"),
    "two strategies": (changed(GOOD, ["spec", "strategy", "blueGreen"], {"activeService": "a"}), "Multiple Strategies can not be listed"),
    "no strategy": (changed(GOOD, ["spec", "strategy"], {}), "spec.strategy"),
    "weight out of range": (changed(GOOD, ["spec", "strategy", "canary", "steps"], [{"setWeight": 101}]), "steps[0].setWeight"),
    "negative weight": (changed(GOOD, ["spec", "strategy", "canary", "steps"], [{"setWeight": -1}]), "steps[0].setWeight"),
    "two actions in a step": (changed(GOOD, ["spec", "strategy", "canary", "steps"], [{"setWeight": 1, "pause": {}}]), "steps[0]"),
    "bad duration": (changed(GOOD, ["spec", "strategy", "canary", "steps"], [{"pause": {"duration": "soon"}}]), "steps[0].pause.duration"),
    "selector misses the template": (changed(GOOD, ["spec", "selector", "matchLabels", "app"], "other"), "spec.template.metadata.labels"),
    "no containers": (changed(GOOD, ["spec", "template", "spec", "containers"], []), "spec.template.spec.containers"),
    "bad name": (changed(GOOD, ["metadata", "name"], "Not_A_Name"), "metadata.name"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_rollout_is_refused(fleet, case):
    manifest, named = REFUSED[case]
    result = fleet.towpath("apply", "-f", "-", stdin=json.dumps(manifest), check=False)
    assert result.returncode == 1
    assert named in result.stderr, result.stderr
    assert fleet.towpath("get", "rollout", "bad", check=False).returncode == 1


def test_a_bad_change_leaves_the_object_as_it_was(fleet):
    deploy(fleet, "kept", [rollout("kept", CANARY, replicas=1)])
    before = fleet.rollout("kept")
    bad = changed(rollout("kept", CANARY, replicas=1), ["spec", "replicas"], -1)
    result = fleet.towpath("apply", "-f", "-", stdin=json.dumps(bad), check=False)
    assert result.returncode == 1 and "spec.replicas" in result.stderr
    assert fleet.rollout("kept")["spec"] == before["spec"]
    assert fleet.rollout("kept")["metadata"]["generation"] == before["metadata"]["generation"]


def test_a_service_that_does_not_exist_is_a_condition_that_heals(fleet):
    strategy = {"blueGreen": {"activeService": "later-active", "previewService": "later-preview"}}
    fleet.apply(rollout("later", strategy, replicas=1))
    r = fleet.wait_rollout(lambda r: condition(r, "InvalidSpec"), "later")
    assert 'service "later-active" not found' in condition(r, "InvalidSpec")["message"]
    assert not fleet.pods("later")
    fleet.apply(*services("later", "active", "preview"))
    fleet.wait_healthy("later")


def test_yaml_that_is_none_names_file_and_line(fleet, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n")
    result = fleet.towpath("apply", "-f", str(broken), check=False)
    assert result.returncode == 1 and "broken.yaml" in result.stderr and "line 4" in result.stderr


def test_a_file_without_an_object_is_refused(fleet, tmp_path):
    empty = tmp_path / "empty.yaml"
    empty.write_text("# nothing\n---\n")
    result = fleet.towpath("apply", "-f", str(empty), check=False)
    assert result.returncode == 1
    assert str(empty) in result.stderr and "holds no object" in result.stderr


def test_a_wrong_digest_starts_nothing(fleet):
    manifest = rollout("digest", CANARY, replicas=1)
    url = "file://" + str(fleet.directory / "artifacts" / "shop-1.tar.gz") + "@sha256:" + "0" * 64
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = url
    fleet.apply(manifest)

    def refused():
        pods = fleet.pods("digest")
        states = [c["state"].get("waiting", {}) for p in pods for c in p.get("status", {}).get("containerStatuses", [])]
        return [s for s in states if s.get("reason") == "ErrImagePull" and "was asked for" in s.get("message", "")]
    wait_until(refused, 60, "the pod says that the digest differs")


def test_a_port_that_is_taken_is_named(fleet):
    taken = socket.create_server(("0.0.0.0", 0))
    manifest = rollout("port", CANARY, replicas=1)
    manifest["spec"]["template"]["spec"]["containers"][0]["ports"][0]["hostPort"] = taken.getsockname()[1]
    fleet.apply(manifest)
    wait_until(lambda: [p for p in fleet.pods("port") if f"port {taken.getsockname()[1]}" in json.dumps(p.get("status", {}))], 60,
               "the pod says that the port is taken")
    taken.close()


def join(fleet, directory, token, node="intruder"):
    """Runs an agent until it gives up or a few seconds have passed; gives its log."""
    config = pathlib.Path(directory) / "agent.toml"
    config.write_text(f'node_name = "{node}"\ncoordinator = "{fleet.server}"\njoin_token = "{token}"\ndata_dir = "{directory}/data"\naddress = "127.0.0.1"\n')
    process = subprocess.Popen([str(fleet.program("towpath-agent")), "--config", str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True)
    try:
        return process.communicate(timeout=5)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]
    finally:
        end_processes(proxies_below(directory))


def test_join_tokens_expire_and_are_used_up(fleet, tmp_path):
    used = fleet.create_token(uses=1)
    first, second, third, fourth = [tmp_path / d for d in "abcd"]
    for directory in (first, second, third, fourth):
        directory.mkdir()
    join(fleet, first, used, "guest")
    wait_until(lambda: "guest" in [n["metadata"]["name"] for n in fleet.list("nodes")], 30, "the first one may join")
    assert re.search("used up|no uses", join(fleet, second, used, "guest-2"))
    expired = fleet.create_token(ttl="1s")
    wait_until(lambda: expired.split(".")[1] not in fleet.towpath("token", "list").stdout, 15, "the token expires")
    assert "expired" in join(fleet, third, expired, "guest-3") or "unknown" in join(fleet, third, expired, "guest-3")
    forged = used[:-6] + "000000"
    assert re.search("fingerprint|not trusted|does not match|certificate", join(fleet, fourth, forged, "guest-4"))
    assert not {"guest-2", "guest-3", "guest-4"} & {n["metadata"]["name"] for n in fleet.list("nodes")}
    fleet.towpath("delete", "node", "guest")


# --- the wire ---

def tls_connection(fleet):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", fleet.port), timeout=30))


def admin_token(fleet):
    return yaml.safe_load(fleet.kubeconfig.read_text())["users"][0]["user"]["token"]


def still_answers(fleet):
    assert fleet.towpath("version").stdout.count("server") == 1


def test_garbage_instead_of_tls_is_closed(fleet):
    with socket.create_connection(("127.0.0.1", fleet.port), timeout=30) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(range(256)))
        data = b""
        try:
            while chunk := raw.recv(4096):
                data += chunk
        except ConnectionResetError:
            pass
        assert b"200" not in data
    still_answers(fleet)


def test_a_body_over_the_limit_is_refused(fleet):
    with tls_connection(fleet) as tls:
        tls.sendall(f"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin_token(fleet)}\r\n"
                    "Content-Type: application/json\r\nContent-Length: 99000000\r\n\r\n".encode())
        response = http.client.HTTPResponse(tls)
        response.begin()
        assert response.status == 413 and response.getheader("Connection") == "close"
        status = json.loads(response.read())
        assert (status["kind"], status["reason"]) == ("Status", "RequestEntityTooLarge") and "bytes" in status["message"]
    still_answers(fleet)
    # Who it is comes first: a stranger is not told about limits.
    with tls_connection(fleet) as tls:
        tls.sendall(b"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\n\r\n")
        assert b"401" in tls.recv(4096).split(b"\r\n")[0]
    still_answers(fleet)


def test_a_truncated_request_changes_nothing(fleet):
    with tls_connection(fleet) as tls:
        tls.sendall(b'POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"kind":"ConfigMap"')
    still_answers(fleet)


def test_without_credentials_nothing_is_shown(fleet):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for token in (None, "wrong"):
        connection = http.client.HTTPSConnection("127.0.0.1", fleet.port, context=context, timeout=30)
        connection.request("GET", "/api/v1/secrets", headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        assert response.status in (401, 403)
        assert json.loads(response.read())["kind"] == "Status"


def as_node(fleet, agent, directory):
    """A connection with the certificate of that agent."""
    identity = json.loads((agent.directory / "data" / "identity.json").read_text())
    chain = directory / "node.pem"
    chain.write_text(identity["certificate"] + identity["key"])
    context = ssl.create_default_context(cadata=identity["ca"])
    context.check_hostname = False
    context.load_cert_chain(chain)
    return http.client.HTTPSConnection("127.0.0.1", fleet.port, context=context, timeout=30)


def test_a_node_gets_no_assignment_but_its_own_and_nothing_of_the_api(fleet, tmp_path):
    connection = as_node(fleet, fleet.agents[0], tmp_path)
    # A Hello (common/wire/agent.proto) that names another node than the certificate.
    name = b"node-2"
    connection.request("POST", "/agent/v1/session", body=b"\x0a\x02\x10\x01" + b"\x22" + bytes([len(name)]) + name)
    response = connection.getresponse()
    assert response.status == 403 and b"only its own assignment" in response.read()
    for method, path in (("GET", "/api/v1/secrets"), ("GET", "/api/v1/namespaces/default/pods"), ("DELETE", "/api/v1/nodes/node-2"),
                         ("POST", "/api/v1/namespaces/default/configmaps")):
        connection.request(method, path, body="{}" if method == "POST" else None, headers={"Content-Type": "application/json"})
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["reason"]) == (403, "Forbidden")
    assert "node-2" in fleet.ready_nodes()


def test_a_slow_client_is_cut_off_and_holds_nobody_up(fleet):
    slow = [tls_connection(fleet) for _ in range(20)]
    for tls in slow:
        tls.sendall(b"GET /version HTTP/1.1\r\nHost: ")
    still_answers(fleet)
    for tls in slow:
        assert tls.recv(4096).split(b"\r\n")[0] in (b"HTTP/1.1 408 Request Timeout", b"")
        tls.close()
    still_answers(fleet)


def test_a_corrupt_database_is_refused_with_the_mend(new_fleet):
    fleet = new_fleet(nodes=0).start()
    fleet.coordinator.stop()
    database = max(fleet.data.glob("*.db*"), key=lambda p: p.stat().st_size)
    content = bytearray(database.read_bytes())
    content[1024:min(len(content), 9000)] = b"\xff" * (min(len(content), 9000) - 1024)
    for extra in fleet.data.glob("*-wal"):
        extra.unlink()
    database.write_bytes(content)
    fleet.coordinator.start()
    fleet.coordinator.process.wait(30)
    assert fleet.coordinator.process.returncode != 0
    assert re.search("corrupt|malformed|integrity", fleet.coordinator.tail()) and str(database.name) in fleet.coordinator.tail()


def test_a_configuration_with_a_typing_error_names_file_line_and_key(new_fleet, tmp_path):
    fleet = new_fleet(nodes=0)
    for program, text, named in (("towpath-coordinator", 'data_dir = "/tmp/x"\nlissten = ["127.0.0.1:1"]\n', "lissten"),
                                 ("towpath-agent", 'node_name = 5\n', "node_name")):
        config = tmp_path / f"{program}.toml"
        config.write_text(text)
        result = subprocess.run([str(fleet.program(program)), "--config", str(config)], capture_output=True, text=True, timeout=30)
        assert result.returncode != 0
        assert str(config) in result.stderr and named in result.stderr and re.search(r"(line |:)[12]", result.stderr), result.stderr
