#pragma once
// The REST API as the commands see it: objects as values, resources looked up by discovery, errors with the server's
// own message.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "access/access.h"
#include "access/credentials.h"
#include "base/error.h"
#include "base/value.h"
#include "http/client.h"
#include "loop/task.h"
#include "loop/uv_loop.h"

namespace towpath::cli {

struct ApiResource {
  std::string group, version, plural, singular, kind;
  std::vector<std::string> short_names;
  bool namespaced = true;

  std::string fullName() const { return group.empty() ? plural : plural + "." + group; }
};

enum class PatchKind { kMerge, kJson, kStrategic };
enum class Representation { kObject, kTable };

struct ListQuery {
  std::string ns;  // empty: all namespaces
  std::string label_selector;
  std::string field_selector;
  Representation as = Representation::kObject;
};

// A running watch. next() gives {type, object}; nullopt at the server's proper end (watch again from the last version).
class ObjectStream {
 public:
  explicit ObjectStream(std::unique_ptr<http::ResponseStream> stream) : stream_(std::move(stream)) {}
  loop::Task<Result<std::optional<Value>>> next();

 private:
  std::unique_ptr<http::ResponseStream> stream_;
};

class Api {
 public:
  Api(loop::UvLoop& loop, access::ClusterAccess connection)
      : loop_(loop), client_(loop), connection_(std::move(connection)), credentials_(loop, connection_) {}
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  const access::ClusterAccess& connection() const { return connection_; }
  const std::string& ns() const { return connection_.ns; }
  loop::UvLoop& loop() { return loop_; }

  // By plural, singular, kind or short name, with or without ".group"; asks discovery once.
  loop::Task<Result<ApiResource>> findResource(std::string name);
  loop::Task<Result<ApiResource>> findKind(std::string api_version, std::string kind);

  loop::Task<Result<Value>> get(const ApiResource& resource, std::string ns, std::string name,
                                Representation as = Representation::kObject);
  loop::Task<Result<Value>> list(const ApiResource& resource, ListQuery query);
  loop::Task<Result<Value>> create(const ApiResource& resource, std::string ns, Value object, std::string query = "");
  loop::Task<Result<Value>> replace(const ApiResource& resource, std::string ns, Value object);
  loop::Task<Result<Value>> patch(const ApiResource& resource, std::string ns, std::string name, PatchKind kind,
                                  Value patch, std::string subresource = "", std::string query = "");
  loop::Task<Result<Value>> remove(const ApiResource& resource, std::string ns, std::string name, Value options);
  loop::Task<Result<ObjectStream>> watch(const ApiResource& resource, ListQuery query, std::string resource_version);

  // Anything else below the server: "/version", "/towpath/v1/tokens".
  loop::Task<Result<Value>> call(std::string method, std::string path, std::optional<Value> body = std::nullopt);
  loop::Task<Result<std::unique_ptr<http::ResponseStream>>> stream(std::string path);

 private:
  http::ClientRequest request(std::string method, std::string path) const;
  loop::Task<Result<Value>> send(http::ClientRequest request);
  loop::Task<Result<void>> discover();
  std::string path(const ApiResource& resource, const std::string& ns, const std::string& name) const;

  loop::UvLoop& loop_;
  http::Client client_;
  access::ClusterAccess connection_;
  access::Credentials credentials_;
  std::vector<ApiResource> resources_;
};

// The rollout kinds, which need no discovery.
extern const ApiResource kRollouts, kReplicaSets, kPods, kAnalysisRuns, kExperiments, kNodes, kEvents, kDeployments;

}  // namespace towpath::cli
