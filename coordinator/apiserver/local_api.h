#pragma once
// ObjectApi in process: what the controllers of a coordinator without Kubernetes work through.

#include <memory>
#include <string>

#include "apiserver/registry.h"
#include "cluster/object_api.h"

namespace towpath::apiserver {

class LocalApi final : public cluster::ObjectApi {
 public:
  // The registry outlives it and every watch that it made. `user` is named in audit records and as the field manager.
  LocalApi(Registry& registry, std::string user);

  loop::Task<Result<cluster::ObjectRef>> get(const cluster::Resource& resource, std::string ns,
                                             std::string name) override;
  loop::Task<Result<cluster::ObjectList>> list(const cluster::Resource& resource,
                                               cluster::ListOptions options) override;
  loop::Task<Result<std::unique_ptr<cluster::Watch>>> watch(const cluster::Resource& resource,
                                                            cluster::WatchOptions options) override;
  loop::Task<Result<cluster::ObjectRef>> create(const cluster::Resource& resource, Value object,
                                                cluster::WriteOptions options = {}) override;
  loop::Task<Result<cluster::ObjectRef>> update(const cluster::Resource& resource, Value object,
                                                cluster::WriteOptions options = {}) override;
  loop::Task<Result<cluster::ObjectRef>> patch(const cluster::Resource& resource, std::string ns, std::string name,
                                               cluster::PatchType type, Value patch,
                                               cluster::WriteOptions options = {}) override;
  loop::Task<Result<void>> remove(const cluster::Resource& resource, std::string ns, std::string name,
                                  cluster::DeleteOptions options = {}) override;

 private:
  Registry& registry_;
  std::string user_;
};

}  // namespace towpath::apiserver
