#pragma once
// Namespaces: empties a namespace that is being deleted, then lets it go.

#include <memory>
#include <string>

#include "cluster/controller.h"
#include "cluster/object_api.h"
#include "store/store.h"

namespace towpath::edge {

class Namespaces {
 public:
  Namespaces(loop::Loop& loop, store::Store& store, cluster::ObjectApi& api);
  // Follows the store's namespaces.
  Result<void> start();

 private:
  loop::Task<Result<cluster::PassEnd>> pass(std::string name);
  // How many objects are still there.
  loop::Task<Result<std::size_t>> removeContent(std::string name);
  loop::Task<Result<void>> finish(cluster::ObjectRef ns);

  store::Store& store_;
  cluster::ObjectApi& api_;
  cluster::Controller controller_;
  std::unique_ptr<store::Subscription> subscription_;
};

}  // namespace towpath::edge
