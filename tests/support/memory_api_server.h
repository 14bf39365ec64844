#pragma once
// MemoryApiServer: our own API server, REST included, over a store in memory and reached without sockets: the
// Kubernetes that clients are tested against under virtual time.

#include <memory>
#include <string>

#include "access/access.h"
#include "apiserver/local_api.h"
#include "apiserver/rest.h"
#include "base/assert.h"
#include "http/memory_server.h"
#include "loop/timeout.h"
#include "store/memory_store.h"

namespace towpath::testing {

struct MemoryApiServer {
  // `history`: changes that a watch can go back.
  explicit MemoryApiServer(loop::Loop& loop, std::size_t history = 10000)
      : store(store::makeMemoryStore(history)),
        registry(loop, *store),
        users(*store),
        rest(registry, users, {}),
        http(loop, rest.handler()),
        inside(registry, "system:test") {
    TOWPATH_ASSERT(loop::blockOn(loop, registry.start()).has_value(), "a store in memory takes the namespaces");
    auto token = loop::blockOn(loop, users.createToken("admin", apiserver::Role::kAdmin));
    TOWPATH_ASSERT(token.has_value(), "a store in memory takes a token");
    access.server = "http://memory";
    access.ns = "default";
    access.token = *token;
  }

  std::unique_ptr<store::Store> store;
  apiserver::Registry registry;
  apiserver::Authenticator users;
  apiserver::Rest rest;
  http::MemoryServer http;
  apiserver::LocalApi inside;  // past HTTP and its faults
  towpath::access::ClusterAccess access;
};

}  // namespace towpath::testing
