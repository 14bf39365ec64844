#pragma once
// Kinds are data: what the server knows of each resource it serves. Built-in ones come from tables in this folder and
// from crds/; an applied CustomResourceDefinition adds one at run time.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "cluster/kinds.h"

namespace towpath::apiserver {

// One column of a Table, besides NAME and AGE only where the list says so. A built-in kind with columns that need more
// than a path has a `cell` function in columns.cc.
struct Column {
  std::string name;
  std::string type = "string";  // integer, number, string, boolean, date
  std::string format;
  std::string description;
  int priority = 0;  // 0: always shown, 1: with -o wide
  std::string path;  // JSONPath without braces, ".status.phase"
};

struct ScalePaths {
  std::string spec_replicas;    // ".spec.replicas"
  std::string status_replicas;  // ".status.replicas"
  std::string label_selector;   // ".status.selector", or empty
};

struct Kind {
  cluster::Resource resource;  // group, version served, plural, kind, namespaced
  std::string singular;
  std::string list_kind;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  std::vector<std::string> versions;  // all served ones, the stored first; `resource.version` is one of them
  bool custom = false;                // from a CRD: no strategic merge patch
  bool has_status = false;            // status is a subresource: the main resource ignores it and the other way round
  bool has_generation = false;  // metadata.generation is kept: it rises with every change outside metadata (and status)
  std::optional<ScalePaths> scale;
  std::vector<Column> columns;
  std::vector<std::string> selectable_fields;  // field selectors besides metadata.name and metadata.namespace
  std::string description;
  // A structural schema (OpenAPI v3 as CRDs have it). Shared with the other versions of the kind and with requests
  // under way.
  std::shared_ptr<const Value> schema;

  std::string storageName() const { return resource.storageName(); }
};

// Shared on purpose: a request under way keeps its kind although the CustomResourceDefinition is being deleted.
using KindRef = std::shared_ptr<const Kind>;

class KindTable {
 public:
  // With the built-in kinds and those of crds/.
  KindTable();
  // Adds the kinds of a definition that cannot be changed or removed; a faulty one is a bug of ours.
  void addBuiltIn(const Value& definition);
  bool isBuiltIn(std::string_view storage_name) const;

  KindRef find(std::string_view group, std::string_view version, std::string_view plural) const;
  KindRef find(const cluster::Resource& resource) const;
  // Any version of it: "pods", "rollouts.argoproj.io".
  KindRef findStorage(std::string_view storage_name) const;
  // By spelling of a manifest.
  KindRef findKind(std::string_view api_version, std::string_view kind) const;
  std::vector<KindRef> all() const;  // sorted by group, version, plural
  // Rises with every change, for cached discovery documents.
  std::uint64_t epoch() const { return epoch_; }

  // What applyDefinition would say.
  Result<void> checkDefinition(const Value& definition) const;
  // Adds or replaces the kinds of a CustomResourceDefinition; an error names the field that is wrong or clashes.
  Result<void> applyDefinition(const Value& definition);
  // Takes away what a definition had added; built-in kinds stay.
  void removeDefinition(std::string_view storage_name);

 private:
  using Key = std::pair<std::string, std::string>;  // storage name, version
  void add(Kind kind);

  std::map<Key, KindRef> kinds_;
  std::set<std::string, std::less<>> built_in_;
  std::uint64_t epoch_ = 1;
};

// The kinds a CustomResourceDefinition describes, one a served version.
Result<std::vector<Kind>> kindsOfDefinition(const Value& definition);

}  // namespace towpath::apiserver
