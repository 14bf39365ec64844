#include "http_harness.h"
#include "tls/identity.h"

namespace towpath::apiserver {
namespace {

constexpr auto kMaps = "/api/v1/namespaces/default/configmaps";
constexpr auto kMap =
    R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","labels":{"x":"1"}},"data":{"k":"v"}})";

TEST_CASE("version and health need no user, everything else does") {
  HttpHarness api;
  for (const auto* open : {"/version", "/healthz", "/livez", "/readyz"}) {
    CAPTURE(open);
    CHECK(api.call({.path = open, .token = ""}).status == 200);
  }
  const auto refused = api.call({.path = kMaps, .token = ""});
  CHECK(refused.status == 401);
  CHECK(refused.json()["kind"].asString() == "Status");
  CHECK(refused.json()["reason"].asString() == "Unauthorized");
  CHECK(api.call({.path = kMaps, .token = "0011223344.00"}).status == 401);
  CHECK(api.call({.path = "/api", .token = ""}).status == 401);
}

TEST_CASE("a viewer reads, but no secrets, and writes nothing") {
  HttpHarness api;
  CHECK(api.call({.path = kMaps, .token = "viewer"}).status == 200);
  CHECK(api.call({.path = "/api/v1/secrets", .token = "viewer"}).status == 403);
  const auto refused = api.call({.method = "POST", .path = kMaps, .body = kMap, .token = "viewer"});
  CHECK(refused.status == 403);
  CHECK(refused.json()["message"].asString().find("User \"eve\" cannot create") != std::string::npos);
  CHECK(api.call({.method = "DELETE", .path = kMaps, .token = "viewer"}).status == 403);
}

TEST_CASE("a revoked token opens nothing") {
  HttpHarness api;
  REQUIRE(api.run(api.authenticator.revokeToken(api.viewer.substr(0, api.viewer.find('.')))));
  CHECK(api.call({.path = kMaps, .token = "viewer"}).status == 401);
  CHECK(api.authenticator.tokens().size() == 1);
}

TEST_CASE("certificates name administrators, viewers and nodes by URI") {
  HttpHarness api;
  tls::Identity node{.common_name = "system:node:shop-1", .uris = {"towpath://node/u1"}};
  const auto user = api.authenticator.authenticate("", &node);
  REQUIRE(user);
  CHECK(user->role == Role::kNode);
  CHECK(user->uid == "u1");
  CHECK(!isAllowed(*user, {"get", "", "pods", ""}));
  tls::Identity admin{.common_name = "admin", .uris = {"towpath://user/admin"}};
  CHECK(isAllowed(*api.authenticator.authenticate("", &admin), {"delete", "", "pods", ""}));
  tls::Identity stranger{.common_name = "admin"};
  CHECK(!api.authenticator.authenticate("", &stranger));
}

TEST_CASE("create, read, replace, patch, delete") {
  HttpHarness api;
  const auto created = api.post(kMaps, kMap);
  CHECK(created.status == 201);
  auto object = api.get(std::string(kMaps) + "/a").json();
  CHECK(object == created.json());
  object["data"]["k"] = "w";
  const auto one = std::string(kMaps) + "/a";
  CHECK(api.call({.method = "PUT", .path = one, .body = json::serialize(object)}).status == 200);
  const auto stale = api.call({.method = "PUT", .path = one, .body = json::serialize(object)});
  CHECK(stale.status == 409);
  CHECK(stale.json()["reason"].asString() == "Conflict");
  const std::pair<const char*, const char*> patches[] = {
      {"application/merge-patch+json", R"({"data":{"k":"1"}})"},
      {"application/strategic-merge-patch+json", R"({"data":{"k":"2"}})"},
      {"application/json-patch+json", R"([{"op":"replace","path":"/data/k","value":"3"}])"},
  };
  for (const auto& [type, body] : patches) {
    CAPTURE(type);
    CHECK(api.call({.method = "PATCH", .path = one, .body = body, .content_type = type}).status == 200);
  }
  CHECK(api.get(one).json()["data"]["k"].asString() == "3");
  const auto apply =
      api.call({.method = "PATCH", .path = one, .body = "{}", .content_type = "application/apply-patch+yaml"});
  CHECK(apply.status == 415);
  const auto removed = api.call({.method = "DELETE", .path = one});
  CHECK(removed.json()["status"].asString() == "Success");
  CHECK(removed.json()["details"]["uid"] == object["metadata"]["uid"]);
  const auto missing = api.get(one);
  CHECK(missing.status == 404);
  CHECK(missing.json()["message"].asString() == "configmaps \"a\" not found");
  CHECK(missing.json()["details"]["kind"].asString() == "configmaps");
}

TEST_CASE("requests that make no sense are refused by name") {
  HttpHarness api;
  const struct {
    Call call;
    int status;
  } kCases[] = {
      {{.path = "/nowhere"}, 404},
      {{.path = "/api/v1/nothings"}, 404},
      {{.path = "/apis/none.test/v1/things"}, 404},
      {{.path = "/api/v1/namespaces/default/nodes"}, 404},
      {{.path = "/api/v1/namespaces/default/configmaps/a/status"}, 404},
      {{.method = "PUT", .path = kMaps, .body = kMap}, 405},
      {{.method = "POST", .path = std::string(kMaps) + "/a", .body = kMap}, 405},
      {{.method = "POST", .path = kMaps, .body = "{\"metadata\": "}, 400},
      {{.method = "POST", .path = kMaps, .body = "[]"}, 400},
      {{.method = "POST", .path = kMaps, .body = R"({"kind":"Secret","metadata":{"name":"a"}})"}, 400},
      {{.method = "POST", .path = kMaps, .body = R"({"metadata":{"name":"a","namespace":"other"}})"}, 400},
      {{.method = "POST", .path = kMaps, .body = R"({"metadata":{"name":"a"},"data":{"k":1}})"}, 422},
      {{.method = "POST", .path = kMaps, .body = kMap, .content_type = "text/plain"}, 415},
      {{.method = "POST", .path = std::string(kMaps) + "?dryRun=some", .body = kMap}, 400},
      {{.method = "POST", .path = std::string(kMaps) + "?fieldValidation=maybe", .body = kMap}, 400},
      {{.path = std::string(kMaps) + "?limit=many"}, 400},
      {{.path = std::string(kMaps) + "?labelSelector=a%20in%20("}, 400},
      {{.path = std::string(kMaps) + "?fieldSelector=data.k%3Dv"}, 400},
      {{.path = std::string(kMaps) + "?watch=1&resourceVersion=new"}, 400},
      {{.path = std::string(kMaps) + "?watch=1&sendInitialEvents=true"}, 400},
      {{.path = kMaps, .accept = "application/vnd.kubernetes.protobuf"}, 406},
      {{.method = "POST", .path = kMaps, .body = std::string(4u << 20, ' ')}, 413},
  };
  for (const auto& one : kCases) {
    CAPTURE(one.call.method);
    CAPTURE(one.call.path);
    CHECK(api.call(one.call).status == one.status);
  }
  CHECK(api.get(kMaps).json()["items"].asArray().empty());
}

TEST_CASE("strict validation names unknown and duplicate fields, warning warns") {
  HttpHarness api;
  const auto body = R"({"metadata":{"name":"a"},"data":{"k":"v","k":"w"},"datum":{}})";
  const auto strict = api.post(std::string(kMaps) + "?fieldValidation=Strict", body);
  CHECK(strict.status == 400);
  const auto message = strict.json()["message"].asString();
  CHECK(message.find("unknown field \"datum\"") != std::string::npos);
  CHECK(message.find("duplicate field \"data.k\"") != std::string::npos);
  const auto warned = api.post(kMaps, body);
  CHECK(warned.status == 201);
  CHECK(warned.head.find("Warning: 299 - \"unknown field \\\"datum\\\"\"") != std::string::npos);
}

TEST_CASE("bodies and answers in YAML") {
  HttpHarness api;
  const auto created = api.call({.method = "POST",
                                 .path = kMaps,
                                 .body = "metadata:\n  name: a\ndata:\n  k: v\n",
                                 .content_type = "application/yaml",
                                 .accept = "application/yaml"});
  CHECK(created.status == 201);
  CHECK(created.body.find("\n  name: a\n") != std::string::npos);
}

TEST_CASE("tables and bare metadata") {
  HttpHarness api;
  api.post(kMaps, kMap);
  const auto table = api.get(kMaps, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json").json();
  CHECK(table["kind"].asString() == "Table");
  CHECK(table["columnDefinitions"][std::size_t{1}]["name"].asString() == "Data");
  const auto& row = table["rows"][std::size_t{0}];
  CHECK(row["cells"][std::size_t{0}].asString() == "a");
  CHECK(row["cells"][std::size_t{1}].asInt() == 1);
  CHECK(row["object"]["kind"].asString() == "PartialObjectMetadata");
  const auto whole =
      api.get(std::string(kMaps) + "/a?includeObject=Object", "application/json;as=Table;v=v1;g=meta.k8s.io").json();
  CHECK(whole["rows"][std::size_t{0}]["object"]["data"]["k"].asString() == "v");
  const auto partial = api.get(kMaps, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").json();
  CHECK(partial["kind"].asString() == "PartialObjectMetadataList");
  CHECK(partial["items"][std::size_t{0}]["metadata"]["name"].asString() == "a");
  CHECK(partial["items"][std::size_t{0}]["data"].isNull());
}

TEST_CASE("pages over HTTP, and a list that is longer than one piece") {
  HttpHarness api;
  for (const auto* name : {"a", "b", "c"}) {
    api.post(kMaps, R"({"metadata":{"name":")" + std::string(name) + R"("},"data":{"k":")" + std::string(200000, 'x') +
                        R"("}})");
  }
  CHECK(api.get(kMaps).json()["items"].asArray().size() == 3);
  const auto first = api.get(std::string(kMaps) + "?limit=2").json();
  CHECK(first["items"].asArray().size() == 2);
  CHECK(first["metadata"]["remainingItemCount"].asInt() == 1);
  const auto token = http::percentEncode(first["metadata"]["continue"].asString());
  const auto second = api.get(std::string(kMaps) + "?limit=2&continue=" + token).json();
  CHECK(second["items"][std::size_t{0}]["metadata"]["name"].asString() == "c");
  CHECK(second["metadata"]["continue"].isNull());
}

TEST_CASE("discovery, classic and aggregated") {
  HttpHarness api;
  CHECK(api.get("/api").json()["versions"] == Value(Array{"v1"}));
  CHECK(api.get("/apis/apps").json()["preferredVersion"]["groupVersion"].asString() == "apps/v1");
  const auto apps = api.get("/apis/apps/v1").json();
  std::map<std::string, Value> short_names;
  for (const auto& resource : apps["resources"].asArray()) {
    short_names[resource["name"].asString()] = resource["shortNames"];
  }
  CHECK(short_names["replicasets"] == Value(Array{"rs"}));
  CHECK(short_names["deployments"] == Value(Array{"deploy"}));
  const auto reply =
      api.get("/apis", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json");
  CHECK(reply.head.find("as=APIGroupDiscoveryList") != std::string::npos);
  bool found = false;
  const auto groups = reply.json();
  for (const auto& group : groups["items"].asArray()) {
    if (group["metadata"]["name"].asStringView() != "argoproj.io") continue;
    for (const auto& resource : group["versions"][std::size_t{0}]["resources"].asArray()) {
      if (resource["resource"].asStringView() != "rollouts") continue;
      found = true;
      CHECK(resource["subresources"].asArray().size() == 2);
    }
  }
  CHECK(found);
  CHECK(api.get("/apis/none.test").status == 404);
}

TEST_CASE("OpenAPI tells kubectl what it looks for") {
  HttpHarness api;
  CHECK(api.get("/openapi/v3").json()["paths"]["apis/argoproj.io/v1alpha1"]["serverRelativeURL"].isString());
  const auto document = api.get("/openapi/v3/apis/argoproj.io/v1alpha1").json();
  const auto& patch = document["paths"]["/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/{name}"]["patch"];
  CHECK(patch["x-kubernetes-group-version-kind"]["kind"].asString() == "Rollout");
  CHECK(patch["parameters"][std::size_t{2}]["name"].asString() == "fieldValidation");
  const auto core = api.get("/openapi/v3/api/v1").json();
  const auto& pod = core["components"]["schemas"]["io.k8s.api.core.v1.Pod"];
  CHECK(pod["properties"]["spec"]["properties"]["containers"]["x-kubernetes-patch-merge-key"].asString() == "name");
}

TEST_CASE("questions of a user about itself") {
  HttpHarness api;
  const auto who = api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}");
  CHECK(who.status == 201);
  CHECK(who.json()["status"]["userInfo"]["username"].asString() == "admin");
  const auto may = api.call({.method = "POST",
                             .path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                             .body = R"({"spec":{"resourceAttributes":{"verb":"delete","resource":"pods"}}})",
                             .token = "viewer"});
  CHECK(may.json()["status"]["allowed"].asBool() == false);
}

TEST_CASE("a body in the protobuf of kubectl's typed commands") {
  HttpHarness api;
  const auto field = [](char number, const std::string& content) {
    return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())} + content;
  };
  const auto type = field(1, "v1") + field(2, "ConfigMap");
  const auto entry = field(1, "k") + field(2, "v");
  const auto object = field(1, field(1, "typed") + field(2, "")) + field(2, entry);
  const auto body = std::string("k8s\0", 4) + field(1, type) + field(2, object) + field(3, "") + field(4, "");
  const Call call{.method = "POST", .path = kMaps, .body = body, .content_type = "application/vnd.kubernetes.protobuf"};
  CHECK(api.call(call).status == 201);
  CHECK(api.get(std::string(kMaps) + "/typed").json()["data"]["k"].asString() == "v");
  auto cut_off = call;
  cut_off.body.resize(body.size() - 6);
  CHECK(api.call(cut_off).status == 400);
  auto unknown = call;
  unknown.body = std::string("k8s\0", 4) + field(1, type) + field(2, object + field(9, "x"));
  CHECK(api.call(unknown).status == 415);
}

TEST_CASE("a mounted prefix goes to its own handler") {
  HttpHarness api;
  api.rest.mount("/agent/v1", [](http::Request& request, http::ResponseWriter& response) -> loop::Task<void> {
    (void)co_await response.send(200, {}, "agent " + request.path);
  });
  CHECK(api.call({.path = "/agent/v1/session", .token = ""}).body == "agent /agent/v1/session");
  CHECK(api.call({.path = "/agent/v10", .token = ""}).status == 401);
}

class ThreeLines final : public LogSource {
 public:
  loop::Task<Result<std::unique_ptr<LogStream>>> open(cluster::ObjectRef pod, LogOptions options) override {
    asked = pod->meta().name + "/" + options.container +
            (options.tail_lines ? "/" + std::to_string(*options.tail_lines) : "");
    co_return std::make_unique<Lines>();
  }
  std::string asked;

 private:
  class Lines final : public LogStream {
    loop::Task<Result<std::optional<std::string>>> next() override {
      if (left_-- == 0) co_return std::optional<std::string>();
      co_return std::optional<std::string>("line\n");
    }
    int left_ = 3;
  };
};

TEST_CASE("logs come from the pod's node") {
  ThreeLines logs;
  HttpHarness api(&logs);
  const std::string pods = "/api/v1/namespaces/default/pods";
  api.post(pods, R"({"metadata":{"name":"p"},"spec":{"nodeName":"n1","containers":[{"name":"app","image":"i"}]}})");
  const auto reply = api.get(pods + "/p/log?tailLines=7");
  CHECK(reply.status == 200);
  CHECK(reply.body == "line\nline\nline\n");
  CHECK(logs.asked == "p/app/7");
  CHECK(api.get(pods + "/p/log?container=other").status == 400);
  CHECK(api.get(pods + "/none/log").status == 404);
}

}  // namespace
}  // namespace towpath::apiserver
