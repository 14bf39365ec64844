#pragma once
// Paths and queries of the Kubernetes API. Pure.

#include <string>
#include <string_view>

#include "cluster/kinds.h"

namespace towpath::kubernetes {

// "/apis/apps/v1/namespaces/shop/replicasets/web-1/status"; empty ns: all namespaces (or a cluster-scoped kind); empty
// name: the collection.
std::string resourcePath(const cluster::Resource& resource, std::string_view ns, std::string_view name = {},
                         std::string_view subresource = {});

// Builds "?a=1&b=2"; parameters without a value are left out.
class Query {
 public:
  Query& add(std::string_view key, std::string_view value);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace towpath::kubernetes
