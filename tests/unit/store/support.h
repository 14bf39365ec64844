#pragma once
// What the tests of the store share.

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "store/sqlite_store.h"

namespace towpath::store {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "towpath-store-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Key podKey(const std::string& name, const std::string& ns = "default") { return {"pods", ns, name}; }

inline Value objectOf(const Key& key, const std::string& content) {
  Value object;
  object["kind"] = Value("Pod");
  if (!key.ns.empty()) object["metadata"]["namespace"] = Value(key.ns);
  object["metadata"]["name"] = Value(key.name);
  object["spec"]["content"] = Value(content);
  return object;
}

inline std::string contentOf(const cluster::ObjectRef& object) {
  return object ? object->parse()["spec"]["content"].asString() : "(none)";
}

inline Transaction putting(const Key& key, const std::string& content, Precondition precondition = {}) {
  Transaction transaction;
  transaction.put(key, objectOf(key, content), precondition);
  return transaction;
}

inline Transaction erasing(const Key& key, Precondition precondition = {}) {
  Transaction transaction;
  transaction.erase(key, precondition);
  return transaction;
}

inline Revision revisionOf(const cluster::ObjectRef& object) { return Precondition::of(*object).revision; }

}  // namespace towpath::store
