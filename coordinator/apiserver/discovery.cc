#include "apiserver/discovery.h"

#include <fmt/format.h>

#include <algorithm>

namespace towpath::apiserver {
namespace {

// What one entry of a resource list says; kinds, their subresources, and the reviews that no store keeps.
struct Entry {
  std::string group, version, name, kind, kind_group, kind_version;
  bool namespaced = true;
  std::vector<std::string> verbs;
  const Kind* source = nullptr;  // of a main resource
};

const std::vector<std::string> kAllVerbs{"create", "delete", "deletecollection", "get",
                                         "list",   "patch",  "update",           "watch"};

void addSubresources(const Kind& kind, std::vector<Entry>& entries) {
  const auto add = [&](const char* name, const char* kind_name, std::vector<std::string> verbs, const char* group = "",
                       const char* version = "") {
    entries.push_back({kind.resource.group, kind.resource.version, fmt::format("{}/{}", kind.resource.plural, name),
                       kind_name, group, version, kind.resource.namespaced, std::move(verbs), nullptr});
  };
  const std::vector<std::string> change{"get", "patch", "update"};
  if (kind.has_status) add("status", kind.resource.kind.c_str(), change);
  if (kind.scale) add("scale", "Scale", change, "autoscaling", "v1");
  if (kind.resource == cluster::kPods) {
    add("log", "Pod", {"get"});
    add("eviction", "Eviction", {"create"}, "policy", "v1");
  }
  if (kind.resource == cluster::kNamespaces) add("finalize", "Namespace", {"update"});
}

std::vector<Entry> entriesOf(const KindTable& kinds) {
  std::vector<Entry> entries;
  for (const auto& kind : kinds.all()) {
    const auto& resource = kind->resource;
    entries.push_back({resource.group, resource.version, resource.plural, resource.kind, "", "", resource.namespaced,
                       kAllVerbs, kind.get()});
    addSubresources(*kind, entries);
  }
  const auto review = [&](const char* group, const char* name, const char* kind) {
    entries.push_back({group, "v1", name, kind, "", "", false, {"create"}, nullptr});
  };
  review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview");
  review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview");
  review("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview");
  return entries;
}

Array texts(const std::vector<std::string>& list) { return Array(list.begin(), list.end()); }

// "v1" before "v1beta1" before "v1alpha1".
bool newer(const std::string& a, const std::string& b) {
  const auto rank = [](const std::string& version) {
    return version.find("alpha") != std::string::npos ? 2 : version.find("beta") != std::string::npos ? 1 : 0;
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  return a.size() != b.size() ? a.size() > b.size() : a > b;
}

// group → versions, the preferred one first.
std::map<std::string, std::vector<std::string>> groupsOf(const std::vector<Entry>& entries) {
  std::map<std::string, std::vector<std::string>> groups;
  for (const auto& entry : entries) {
    auto& versions = groups[entry.group];
    if (std::ranges::find(versions, entry.version) == versions.end()) versions.push_back(entry.version);
  }
  for (auto& [group, versions] : groups) std::ranges::sort(versions, newer);
  return groups;
}

Value groupValue(const std::string& group, const std::vector<std::string>& versions) {
  Array list;
  for (const auto& version : versions) {
    list.push_back(Object{{"groupVersion", fmt::format("{}/{}", group, version)}, {"version", version}});
  }
  Value preferred = list.front();
  return Object{{"name", group}, {"versions", std::move(list)}, {"preferredVersion", std::move(preferred)}};
}

Value aggregatedResource(const Entry& entry, const std::vector<Entry>& entries) {
  const auto kindValue = [](const Entry& of) {
    return Object{{"group", of.kind_group}, {"version", of.kind_version}, {"kind", of.kind}};
  };
  Object resource{{"resource", entry.name},
                  {"responseKind", kindValue(entry)},
                  {"scope", entry.namespaced ? "Namespaced" : "Cluster"},
                  {"singularResource", entry.source ? entry.source->singular : ""},
                  {"verbs", texts(entry.verbs)}};
  if (entry.source && !entry.source->short_names.empty()) resource.set("shortNames", texts(entry.source->short_names));
  if (entry.source && !entry.source->categories.empty()) resource.set("categories", texts(entry.source->categories));
  Array subresources;
  for (const auto& other : entries) {
    if (other.group != entry.group || other.version != entry.version || !other.name.starts_with(entry.name + "/"))
      continue;
    subresources.push_back(Object{{"subresource", other.name.substr(entry.name.size() + 1)},
                                  {"responseKind", kindValue(other)},
                                  {"verbs", texts(other.verbs)}});
  }
  if (!subresources.empty()) resource.set("subresources", std::move(subresources));
  return resource;
}

}  // namespace

Value coreVersions() {
  return Object{{"kind", "APIVersions"},
                {"versions", Array{"v1"}},
                {"serverAddressByClientCIDRs", Array{Object{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", ""}}}}};
}

Value groupList(const KindTable& kinds) {
  Array groups;
  for (const auto& [group, versions] : groupsOf(entriesOf(kinds))) {
    if (!group.empty()) groups.push_back(groupValue(group, versions));
  }
  return Object{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

Answer<Value> groupDocument(const KindTable& kinds, std::string_view group) {
  const auto groups = groupsOf(entriesOf(kinds));
  const auto found = groups.find(std::string(group));
  if (found == groups.end() || group.empty())
    return refuse(Reason::kNotFound, "the server could not find the requested resource");
  auto value = groupValue(found->first, found->second);
  value["kind"] = "APIGroup";
  value["apiVersion"] = "v1";
  return value;
}

Answer<Value> resourceList(const KindTable& kinds, std::string_view group, std::string_view version) {
  Array resources;
  for (const auto& entry : entriesOf(kinds)) {
    if (entry.group != group || entry.version != version) continue;
    Object resource{{"name", entry.name},
                    {"singularName", entry.source ? entry.source->singular : ""},
                    {"namespaced", entry.namespaced},
                    {"kind", entry.kind},
                    {"verbs", texts(entry.verbs)}};
    if (!entry.kind_group.empty()) {
      resource.set("group", entry.kind_group);
      resource.set("version", entry.kind_version);
    }
    if (entry.source && !entry.source->short_names.empty())
      resource.set("shortNames", texts(entry.source->short_names));
    if (entry.source && !entry.source->categories.empty()) resource.set("categories", texts(entry.source->categories));
    resources.push_back(std::move(resource));
  }
  if (resources.empty()) return refuse(Reason::kNotFound, "the server could not find the requested resource");
  return Object{{"kind", "APIResourceList"},
                {"apiVersion", "v1"},
                {"groupVersion", group.empty() ? std::string(version) : fmt::format("{}/{}", group, version)},
                {"resources", std::move(resources)}};
}

Value aggregatedDiscovery(const KindTable& kinds, DiscoveryPart part, const char* version) {
  const auto entries = entriesOf(kinds);
  Array items;
  for (const auto& [group, versions] : groupsOf(entries)) {
    if (group.empty() != (part == DiscoveryPart::kCore)) continue;
    Array list;
    for (const auto& one : versions) {
      Array resources;
      for (const auto& entry : entries) {
        if (entry.group != group || entry.version != one || entry.name.find('/') != std::string::npos) continue;
        resources.push_back(aggregatedResource(entry, entries));
      }
      list.push_back(Object{{"version", one}, {"resources", std::move(resources)}, {"freshness", "Current"}});
    }
    items.push_back(
        Object{{"metadata", Object{{"name", group}, {"creationTimestamp", nullptr}}}, {"versions", std::move(list)}});
  }
  return Object{{"kind", "APIGroupDiscoveryList"},
                {"apiVersion", fmt::format("apidiscovery.k8s.io/{}", version)},
                {"metadata", Object()},
                {"items", std::move(items)}};
}

}  // namespace towpath::apiserver
