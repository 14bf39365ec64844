#include "apiserver/names.h"

#include <fmt/format.h>

#include <algorithm>

namespace towpath::apiserver {
namespace {

constexpr std::size_t kAnnotationBytes = 256u << 10;  // all of one object, as Kubernetes

bool isAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool isLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Letters and digits at both ends, also `-_.` between.
bool isQualified(std::string_view name) {
  return !name.empty() && name.size() <= 63 && isAlnum(name.front()) && isAlnum(name.back()) &&
         std::ranges::all_of(name, [](char c) { return isAlnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool isDnsLabel(std::string_view label) {
  return !label.empty() && isLowerAlnum(label.front()) && isLowerAlnum(label.back()) &&
         std::ranges::all_of(label, [](char c) { return isLowerAlnum(c) || c == '-'; });
}

void checkMap(const Value& map, std::string_view path, bool labels, std::vector<Cause>& causes) {
  for (const auto& [key, value] : map.asObject()) {
    const auto field = std::string(path);
    if (auto why = labelKeyError(key); !why.empty()) {
      causes.push_back({.message = fmt::format("Invalid value: \"{}\": the key {}", key, why), .field = field});
    }
    if (!value.isString()) {
      causes.push_back({"FieldValueTypeInvalid",
                        fmt::format("Invalid value: \"{}\": must be a string, is {}", key, toString(value.kind())),
                        field});
    } else if (labels) {
      if (auto why = labelValueError(value.asStringView()); !why.empty()) {
        causes.push_back(
            {.message = fmt::format("Invalid value: \"{}\": the value {}", value.asStringView(), why), .field = field});
      }
    }
  }
}

void checkOwners(const Value& owners, std::vector<Cause>& causes) {
  int controllers = 0;
  for (std::size_t i = 0; i < owners.asArray().size(); ++i) {
    for (const auto* member : {"apiVersion", "kind", "name", "uid"}) {
      if (!owners[i][member].asStringView().empty()) continue;
      causes.push_back(
          {"FieldValueRequired", "Required value", fmt::format("metadata.ownerReferences[{}].{}", i, member)});
    }
    controllers += owners[i]["controller"].asBool() ? 1 : 0;
  }
  if (controllers > 1) {
    causes.push_back(
        {.message = "Invalid value: only one owner may be the controller", .field = "metadata.ownerReferences"});
  }
}

}  // namespace

std::string dnsLabelError(std::string_view name) {
  if (name.size() > 63) return "must be no more than 63 characters";
  if (isDnsLabel(name)) return {};
  return "must consist of lower case letters, digits or '-', and start and end with a letter or digit (RFC 1123 label)";
}

std::string dnsSubdomainError(std::string_view name) {
  if (name.size() > 253) return "must be no more than 253 characters";
  bool valid = !name.empty();
  for (std::size_t begin = 0; valid && begin <= name.size();) {
    const auto dot = std::min(name.find('.', begin), name.size());
    valid = isDnsLabel(name.substr(begin, dot - begin));
    begin = dot + 1;
  }
  if (valid) return {};
  return "must consist of lower case letters, digits, '-' or '.', and start and end with a letter or digit (RFC 1123 "
         "subdomain)";
}

std::string labelKeyError(std::string_view key) {
  const auto slash = key.find('/');
  if (slash != std::string_view::npos && !dnsSubdomainError(key.substr(0, slash)).empty()) {
    return "has a prefix that is no DNS subdomain";
  }
  if (isQualified(slash == std::string_view::npos ? key : key.substr(slash + 1))) return {};
  return "must be 1 to 63 letters, digits, '-', '_' or '.', starting and ending with a letter or digit";
}

std::string labelValueError(std::string_view value) {
  if (value.empty() || isQualified(value)) return {};
  return "must be at most 63 letters, digits, '-', '_' or '.', starting and ending with a letter or digit";
}

void checkMetadata(const Value& object, std::vector<Cause>& causes) {
  const auto& metadata = object["metadata"];
  checkMap(metadata["labels"], "metadata.labels", true, causes);
  checkMap(metadata["annotations"], "metadata.annotations", false, causes);
  std::size_t bytes = 0;
  for (const auto& [key, value] : metadata["annotations"].asObject()) bytes += key.size() + value.asStringView().size();
  if (bytes > kAnnotationBytes) {
    causes.push_back(
        {"FieldValueTooLong", "Too long: annotations may have at most 262144 bytes", "metadata.annotations"});
  }
  checkOwners(metadata["ownerReferences"], causes);
  const auto& finalizers = metadata["finalizers"];
  for (std::size_t i = 0; i < finalizers.asArray().size(); ++i) {
    if (auto why = labelKeyError(finalizers[i].asStringView()); !why.empty()) {
      causes.push_back({.message = fmt::format("Invalid value: \"{}\": {}", finalizers[i].asStringView(), why),
                        .field = fmt::format("metadata.finalizers[{}]", i)});
    }
  }
}

}  // namespace towpath::apiserver
