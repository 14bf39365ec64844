#include "cli/api.h"

#include "access/status.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::cli {

const ApiResource kRollouts{"argoproj.io", "v1alpha1", "rollouts", "rollout", "Rollout", {"ro"}, true};
const ApiResource kReplicaSets{"apps", "v1", "replicasets", "replicaset", "ReplicaSet", {"rs"}, true};
const ApiResource kPods{"", "v1", "pods", "pod", "Pod", {"po"}, true};
const ApiResource kAnalysisRuns{"argoproj.io", "v1alpha1", "analysisruns", "analysisrun", "AnalysisRun", {"ar"}, true};
const ApiResource kExperiments{"argoproj.io", "v1alpha1", "experiments", "experiment", "Experiment", {"exp"}, true};
const ApiResource kNodes{"", "v1", "nodes", "node", "Node", {"no"}, false};
const ApiResource kEvents{"", "v1", "events", "event", "Event", {"ev"}, true};
const ApiResource kDeployments{"apps", "v1", "deployments", "deployment", "Deployment", {"deploy"}, true};

namespace {

constexpr const char* kTableAccept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
constexpr const char* kDiscoveryAccept =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
constexpr std::size_t kWatchLineBytes = 8u << 20;

void addQuery(std::string& path, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  path += path.find('?') == std::string::npos ? '?' : '&';
  path += fmt::format("{}={}", key, http::percentEncode(value));
}

void addSelectors(std::string& path, const ListQuery& query) {
  addQuery(path, "labelSelector", query.label_selector);
  addQuery(path, "fieldSelector", query.field_selector);
}

void readGroup(const Value& group, std::vector<ApiResource>& resources) {
  for (const Value& version : group["versions"].asArray()) {
    for (const Value& entry : version["resources"].asArray()) {
      ApiResource resource;
      resource.group = group["metadata"]["name"].asString();
      resource.version = version["version"].asString();
      resource.plural = entry["resource"].asString();
      resource.singular = entry["singularResource"].asString();
      resource.kind = entry["responseKind"]["kind"].asString();
      resource.namespaced = entry["scope"].asStringView() != "Cluster";
      for (const Value& name : entry["shortNames"].asArray()) resource.short_names.push_back(name.asString());
      resources.push_back(std::move(resource));
    }
  }
}

bool isCalled(const ApiResource& resource, const std::string& name, const std::string& group) {
  if (!group.empty() && !resource.group.starts_with(group)) return false;
  if (http::equalsIgnoreCase(name, resource.plural) || http::equalsIgnoreCase(name, resource.singular) ||
      http::equalsIgnoreCase(name, resource.kind)) {
    return true;
  }
  return std::find(resource.short_names.begin(), resource.short_names.end(), name) != resource.short_names.end();
}

}  // namespace

loop::Task<Result<std::optional<Value>>> ObjectStream::next() {
  auto line = co_await stream_->readLine(kWatchLineBytes);
  if (!line) co_return std::unexpected(line.error());
  if (!*line) co_return std::optional<Value>();
  auto event = json::parse(**line);
  if (!event) co_return std::unexpected(event.error());
  if ((*event)["type"].asStringView() == "ERROR") {
    co_return std::unexpected(access::errorOfStatus((*event)["object"]));
  }
  co_return std::optional<Value>(*std::move(event));
}

std::string Api::path(const ApiResource& resource, const std::string& ns, const std::string& name) const {
  std::string path = resource.group.empty() ? fmt::format("/api/{}", resource.version)
                                            : fmt::format("/apis/{}/{}", resource.group, resource.version);
  if (resource.namespaced && !ns.empty()) path += "/namespaces/" + http::percentEncode(ns);
  path += "/" + resource.plural;
  if (!name.empty()) path += "/" + http::percentEncode(name);
  return path;
}

http::ClientRequest Api::request(std::string method, std::string path) const {
  http::ClientRequest request;
  request.method = std::move(method);
  request.url = connection_.server + path;
  request.proxy = connection_.proxy;
  request.headers.add("Accept", "application/json");
  request.headers.add("User-Agent", "towpath/" TOWPATH_VERSION);
  return request;
}

loop::Task<Result<Value>> Api::send(http::ClientRequest request) {
  for (bool renewed = false;; renewed = true) {
    http::ClientRequest signed_request = request;
    if (auto added = co_await credentials_.addTo(signed_request); !added) co_return std::unexpected(added.error());
    auto response = co_await client_.fetch(std::move(signed_request));
    if (!response) co_return std::unexpected(withContext(response.error(), connection_.server));
    if (response->status == 401 && !renewed && credentials_.renew()) continue;
    if (!response->ok()) co_return std::unexpected(access::errorOfAnswer(response->status, response->body));
    if (response->body.empty()) co_return Value();
    co_return json::parse(response->body);
  }
}

loop::Task<Result<void>> Api::discover() {
  if (!resources_.empty()) co_return Result<void>();
  std::vector<ApiResource> found;
  for (const char* root : {"/api", "/apis"}) {
    auto request = this->request("GET", root);
    request.headers.set("Accept", kDiscoveryAccept);
    auto list = co_await send(std::move(request));
    if (!list) co_return std::unexpected(list.error());
    for (const Value& group : (*list)["items"].asArray()) readGroup(group, found);
  }
  if (found.empty())
    co_return fail(ErrorKind::kUnsupported,
                   "the server offers no aggregated discovery (Kubernetes 1.27 or newer does)");
  resources_ = std::move(found);
  co_return Result<void>();
}

loop::Task<Result<ApiResource>> Api::findResource(std::string name) {
  if (auto discovered = co_await discover(); !discovered) co_return std::unexpected(discovered.error());
  const std::size_t dot = name.find('.');
  const std::string base = name.substr(0, dot);
  const std::string group = dot == std::string::npos ? "" : name.substr(dot + 1);
  for (const ApiResource& resource : resources_) {
    if (isCalled(resource, base, group)) co_return resource;
  }
  co_return fail(ErrorKind::kNotFound, fmt::format("the server doesn't have a resource type \"{}\"", name));
}

loop::Task<Result<ApiResource>> Api::findKind(std::string api_version, std::string kind) {
  if (auto discovered = co_await discover(); !discovered) co_return std::unexpected(discovered.error());
  for (const ApiResource& resource : resources_) {
    const std::string version = resource.group.empty() ? resource.version : resource.group + "/" + resource.version;
    if (version == api_version && resource.kind == kind) co_return resource;
  }
  co_return fail(ErrorKind::kNotFound,
                 fmt::format("no matches for kind \"{}\" in version \"{}\": apply its CustomResourceDefinition first",
                             kind, api_version));
}

loop::Task<Result<Value>> Api::get(const ApiResource& resource, std::string ns, std::string name, Representation as) {
  auto request = this->request("GET", path(resource, ns, name));
  if (as == Representation::kTable) request.headers.set("Accept", kTableAccept);
  co_return co_await send(std::move(request));
}

loop::Task<Result<Value>> Api::list(const ApiResource& resource, ListQuery query) {
  std::string path = this->path(resource, query.ns, "");
  addSelectors(path, query);
  auto request = this->request("GET", path);
  if (query.as == Representation::kTable) request.headers.set("Accept", kTableAccept);
  co_return co_await send(std::move(request));
}

loop::Task<Result<Value>> Api::create(const ApiResource& resource, std::string ns, Value object, std::string query) {
  auto request = this->request("POST", path(resource, ns, "") + query);
  request.headers.add("Content-Type", "application/json");
  request.body = json::serialize(object);
  co_return co_await send(std::move(request));
}

loop::Task<Result<Value>> Api::replace(const ApiResource& resource, std::string ns, Value object) {
  auto request = this->request("PUT", path(resource, ns, object["metadata"]["name"].asString()));
  request.headers.add("Content-Type", "application/json");
  request.body = json::serialize(object);
  co_return co_await send(std::move(request));
}

loop::Task<Result<Value>> Api::patch(const ApiResource& resource, std::string ns, std::string name, PatchKind kind,
                                     Value patch, std::string subresource, std::string query) {
  std::string path = this->path(resource, ns, name);
  if (!subresource.empty()) path += "/" + subresource;
  auto request = this->request("PATCH", path + query);
  const char* type = kind == PatchKind::kMerge  ? "application/merge-patch+json"
                     : kind == PatchKind::kJson ? "application/json-patch+json"
                                                : "application/strategic-merge-patch+json";
  request.headers.add("Content-Type", type);
  request.body = json::serialize(patch);
  co_return co_await send(std::move(request));
}

loop::Task<Result<Value>> Api::remove(const ApiResource& resource, std::string ns, std::string name, Value options) {
  auto request = this->request("DELETE", path(resource, ns, name));
  request.headers.add("Content-Type", "application/json");
  request.body = json::serialize(options);
  co_return co_await send(std::move(request));
}

loop::Task<Result<ObjectStream>> Api::watch(const ApiResource& resource, ListQuery query,
                                            std::string resource_version) {
  std::string path = this->path(resource, query.ns, "");
  addSelectors(path, query);
  addQuery(path, "watch", "true");
  addQuery(path, "allowWatchBookmarks", "true");
  addQuery(path, "resourceVersion", resource_version);
  auto stream = co_await this->stream(path);
  if (!stream) co_return std::unexpected(stream.error());
  co_return ObjectStream(*std::move(stream));
}

loop::Task<Result<Value>> Api::call(std::string method, std::string path, std::optional<Value> body) {
  auto request = this->request(std::move(method), std::move(path));
  if (body) {
    request.headers.add("Content-Type", "application/json");
    request.body = json::serialize(*body);
  }
  co_return co_await send(std::move(request));
}

loop::Task<Result<std::unique_ptr<http::ResponseStream>>> Api::stream(std::string path) {
  auto request = this->request("GET", std::move(path));
  request.timeout = Duration::zero();
  if (auto added = co_await credentials_.addTo(request); !added) co_return std::unexpected(added.error());
  auto stream = co_await client_.open(std::move(request));
  if (!stream) co_return std::unexpected(withContext(stream.error(), connection_.server));
  if ((*stream)->status() == 200) co_return stream;
  std::string body;
  while (body.size() < 65536) {
    auto chunk = co_await (*stream)->read();
    if (!chunk || !*chunk) break;
    body += **chunk;
  }
  co_return std::unexpected(access::errorOfAnswer((*stream)->status(), body));
}

}  // namespace towpath::cli
