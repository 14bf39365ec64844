#include "apiserver/definition.h"

#include <fmt/format.h>

#include <algorithm>

#include "apiserver/write_pass.h"

namespace towpath::apiserver {
namespace {

Value condition(const char* type, const char* reason, const char* message, const std::string& since) {
  return Object{
      {"type", type}, {"status", "True"}, {"lastTransitionTime", since}, {"reason", reason}, {"message", message}};
}

std::string lowered(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

}  // namespace

Answer<void> establish(const KindTable& kinds, WallTime now, Value& definition) {
  const auto name = std::as_const(definition)["metadata"]["name"].asString();
  if (auto checked = kinds.checkDefinition(definition); !checked) {
    const auto kind = kinds.find(cluster::kCustomResourceDefinitions);
    return std::unexpected(invalidObject(
        *kind, name, {{.message = "Invalid value: " + checked.error().message, .field = checked.error().field}}));
  }
  Value names = std::as_const(definition)["spec"]["names"];
  if (names["singular"].asStringView().empty()) names["singular"] = lowered(names["kind"].asString());
  if (names["listKind"].asStringView().empty()) names["listKind"] = names["kind"].asString() + "List";
  definition["spec"]["names"] = names;
  if (definition["spec"]["conversion"].isNull()) definition["spec"]["conversion"] = Object{{"strategy", "None"}};
  auto& status = definition["status"];
  status["acceptedNames"] = std::move(names);
  const auto since =
      std::as_const(status)["conditions"][std::size_t{0}]["lastTransitionTime"].asString(formatRfc3339(now));
  status["conditions"] =
      Array{condition("NamesAccepted", "NoConflicts", "no conflicts found", since),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted", since)};
  Array stored;
  for (const auto& version : std::as_const(definition)["spec"]["versions"].asArray()) {
    if (version["storage"].asBool()) stored.push_back(version["name"]);
  }
  status["storedVersions"] = std::move(stored);
  return {};
}

Failure failureOfCommit(const Kind& kind, const std::string& name, const Error& error) {
  if (error.kind == ErrorKind::kConflict) return conflictOf(kind, name);
  if (error.kind == ErrorKind::kNotFound) return notFound(kind, name);
  if (error.kind == ErrorKind::kAlreadyExists) {
    return failureAbout(kind, name, Reason::kAlreadyExists,
                        fmt::format("{} \"{}\" already exists", kind.storageName(), name));
  }
  auto failure = toFailure(error);
  failure.group = kind.resource.group;
  failure.kind = kind.resource.plural;
  failure.name = name;
  return failure;
}

}  // namespace towpath::apiserver
