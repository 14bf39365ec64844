#include "apiserver/negotiate.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "apiserver/protobuf_body.h"
#include "json/parse.h"
#include "json/yaml.h"

namespace towpath::apiserver {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view cut(std::string_view& text, char separator) {
  const auto at = std::min(text.find(separator), text.size());
  const auto piece = trim(text.substr(0, at));
  text.remove_prefix(std::min(at + 1, text.size()));
  return piece;
}

struct MediaRange {
  std::string_view type, as, version, group;
  double quality = 1;
};

MediaRange readRange(std::string_view text) {
  MediaRange range;
  range.type = cut(text, ';');
  while (!text.empty()) {
    auto parameter = cut(text, ';');
    const auto key = cut(parameter, '=');
    if (key == "as") range.as = parameter;
    if (key == "v") range.version = parameter;
    if (key == "g") range.group = parameter;
    if (key == "q") std::from_chars(parameter.data(), parameter.data() + parameter.size(), range.quality);
  }
  return range;
}

std::optional<Form> formOf(const MediaRange& range) {
  if (range.as.empty()) return Form::kPlain;
  if (range.group == "meta.k8s.io" && range.version == "v1") {
    if (range.as == "Table") return Form::kTable;
    if (range.as == "PartialObjectMetadata" || range.as == "PartialObjectMetadataList") return Form::kPartial;
  }
  if (range.group == "apidiscovery.k8s.io" && range.as == "APIGroupDiscoveryList") {
    if (range.version == "v2") return Form::kAggregated;
    if (range.version == "v2beta1") return Form::kAggregatedBeta;
  }
  return std::nullopt;
}

std::optional<Negotiated> accepted(const MediaRange& range) {
  const bool yaml = range.type == "application/yaml";
  if (range.type != "application/json" && range.type != "*/*" && range.type != "application/*" && !yaml)
    return std::nullopt;
  const auto form = formOf(range);
  if (!form || range.quality <= 0) return std::nullopt;
  Negotiated answer{*form, yaml ? Encoding::kYaml : Encoding::kJson, yaml ? "application/yaml" : "application/json"};
  if (*form == Form::kAggregated || *form == Form::kAggregatedBeta) {
    answer.content_type = fmt::format("application/json;g={};v={};as={}", range.group, range.version, range.as);
  }
  return answer;
}

}  // namespace

Answer<Negotiated> negotiate(std::string_view accept) {
  if (trim(accept).empty()) return Negotiated{};
  std::optional<Negotiated> best;
  double best_quality = 0;
  for (auto rest = accept; !rest.empty();) {
    const auto range = readRange(cut(rest, ','));
    auto candidate = accepted(range);
    if (!candidate || range.quality <= best_quality) continue;
    best = std::move(candidate);
    best_quality = range.quality;
  }
  if (best) return std::move(*best);
  return refuse(
      Reason::kNotAcceptable,
      "only the following media types are accepted: application/json, application/yaml, application/json;as=Table;v=v1;"
      "g=meta.k8s.io, application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
}

std::string mediaType(std::string_view content_type) {
  std::string type(cut(content_type, ';'));
  std::ranges::transform(type, type.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return type;
}

Answer<Value> readBody(std::string_view content_type, std::string_view body, std::vector<std::string>* duplicates) {
  const auto type = mediaType(content_type);
  if (type == "application/vnd.kubernetes.protobuf") return readProtobuf(body);
  const bool yaml = type == "application/yaml" || type.ends_with("+yaml");
  if (!yaml && !type.empty() && type != "application/json" && !type.ends_with("+json")) {
    return refuse(Reason::kUnsupportedMedia,
                  fmt::format("the body of the request was in an unknown format - accepted media types include: "
                              "application/json, application/yaml; this was {}",
                              type));
  }
  std::vector<std::string> ignored;
  auto* const found = duplicates == nullptr ? &ignored : duplicates;
  auto value = yaml ? json::parseYamlDocument(body, {.duplicates = found})
                    : json::parse(body, {.duplicates = found, .managed_fields = json::ManagedFields::kSkip});
  if (value) return std::move(*value);
  auto failure = toFailure(value.error());
  if (failure.reason == Reason::kInvalid) failure.reason = Reason::kBadRequest;
  failure.message = fmt::format("the body cannot be read: {}", value.error().message);
  return std::unexpected(std::move(failure));
}

}  // namespace towpath::apiserver
