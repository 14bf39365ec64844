#include "api/analysis_arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/base64.h"
#include "json/field.h"
#include "json/serialize.h"

namespace towpath::api {
namespace {

// As in a query (RFC 3986: what is not reserved stays).
std::string inUrl(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::optional<std::string> argumentText(std::string_view tag, const ArgumentValues& values) {
  const auto found = tag.starts_with("args.") ? values.find(tag.substr(5)) : values.end();
  if (found == values.end()) return std::nullopt;
  return found->second;
}

Result<std::string> substituteText(std::string_view text, const ArgumentValues& values) {
  return substituteTags(text, [&values](std::string_view tag) { return argumentText(tag, values); });
}

Result<void> substituteIn(Value& value, const ArgumentValues& values) {
  if (std::string* text = value.ifString()) {
    if (text->find("{{") == std::string::npos) return {};
    Result<std::string> replaced = substituteText(*text, values);
    if (!replaced) return std::unexpected(replaced.error());
    *text = std::move(*replaced);
    return {};
  }
  if (Array* array = value.ifArray()) {
    for (Value& item : *array) {
      if (Result<void> done = substituteIn(item, values); !done) return done;
    }
  }
  if (Object* object = value.ifObject()) {
    for (auto& [key, member] : *object) {
      if (key.find("{{") != std::string::npos) {
        Result<std::string> replaced = substituteText(key, values);
        if (!replaced) return std::unexpected(replaced.error());
        key = std::move(*replaced);
      }
      if (Result<void> done = substituteIn(member, values); !done) return done;
    }
  }
  return {};
}

bool resolved(const model::Argument& argument) {
  return argument.value || argument.pod_template_hash || argument.field_path || argument.secret;
}

void takeSource(model::Argument& into, const model::Argument& from) {
  if (from.value) {
    into.value = from.value;
    into.secret.reset();
    return;
  }
  if (!from.pod_template_hash && !from.field_path && !from.secret) return;
  into.pod_template_hash = from.pod_template_hash;
  into.field_path = from.field_path;
  into.secret = from.secret;
}

}  // namespace

Result<std::string> substituteTags(std::string_view text, const TagValue& value_of) {
  std::string out;
  for (;;) {
    const std::size_t open = text.find("{{");
    const std::size_t close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) break;
    out += text.substr(0, open);
    const std::string_view tag = trimmed(text.substr(open + 2, close - open - 2));
    const std::optional<std::string> value = value_of(tag);
    if (!value) return fail(ErrorKind::kInvalid, fmt::format("failed to resolve {{{{{}}}}}", tag));
    out += *value;
    text.remove_prefix(close + 2);
  }
  out += text;
  return out;
}

Result<Value> substituteArguments(const Value& tree, const ArgumentValues& values) {
  Value copy = tree;
  if (Result<void> done = substituteIn(copy, values); !done) return std::unexpected(done.error());
  return copy;
}

Result<std::vector<model::Argument>> mergeArguments(std::vector<model::Argument> declared,
                                                    const std::vector<model::Argument>& incoming) {
  std::vector<model::Argument> merged;
  for (model::Argument& argument : declared) {
    const auto known = std::ranges::find(merged, argument.name, &model::Argument::name);
    if (known == merged.end()) {
      merged.push_back(std::move(argument));
      continue;
    }
    if (known->value && argument.value && *known->value != *argument.value) {
      return fail(ErrorKind::kInvalid,
                  fmt::format("Argument `{}` specified multiple times with different values: '{}', '{}'", argument.name,
                              *known->value, *argument.value));
    }
    if (!resolved(*known)) takeSource(*known, argument);
  }
  for (const model::Argument& argument : incoming) {
    const auto known = std::ranges::find(merged, argument.name, &model::Argument::name);
    if (known != merged.end()) takeSource(*known, argument);
  }
  for (const model::Argument& argument : merged) {
    if (!resolved(argument)) {
      return fail(ErrorKind::kInvalid, fmt::format("args.{} was not resolved", argument.name));
    }
  }
  return merged;
}

Result<std::string> fieldText(const Value& object, std::string_view path) {
  const Value& value = json::fieldAt(object, path);
  if (value.isNull()) return fail(ErrorKind::kInvalid, fmt::format("invalid path {} in rollout", path));
  if (value.isObject() || value.isArray()) {
    return fail(ErrorKind::kInvalid, fmt::format("path {} in rollout must terminate in a primitive value", path));
  }
  if (const std::string* text = value.ifString()) return *text;
  return json::serialize(value);
}

std::vector<std::string> formsOfSecret(std::string_view secret) {
  std::string_view bare = secret;
  const auto isSpace = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!bare.empty() && isSpace(bare.front())) bare.remove_prefix(1);
  while (!bare.empty() && isSpace(bare.back())) bare.remove_suffix(1);
  if (bare.empty()) return {};
  std::vector<std::string> forms = {std::string(bare)};
  for (const std::string_view text : {bare, secret}) {
    const std::string in_json = json::serialize(std::string(text));
    for (std::string form :
         {std::string(text), encodeBase64(text), inUrl(text), in_json.substr(1, in_json.size() - 2)}) {
      if (std::ranges::find(forms, form) == forms.end()) forms.push_back(std::move(form));
    }
  }
  return forms;
}

std::string redacted(std::string text, std::vector<std::string> secrets) {
  std::ranges::sort(secrets, std::ranges::greater{}, &std::string::size);
  for (const std::string& secret : secrets) {
    if (secret.empty()) continue;
    for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 5)) {
      text.replace(at, secret.size(), "*****");
    }
  }
  return text;
}

}  // namespace towpath::api
