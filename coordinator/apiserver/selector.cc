#include "apiserver/selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "apiserver/kinds.h"
#include "apiserver/names.h"

namespace towpath::apiserver {
namespace {

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

// A recursive descent over words and the operators =, ==, !=, <, >, !, (, ), `,`.
class LabelSelector::Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Answer<LabelSelector> parse() {
    LabelSelector selector;
    skip();
    while (!rest_.empty()) {
      auto requirement = parseRequirement();
      if (!requirement) return std::unexpected(requirement.error());
      selector.requirements_.push_back(std::move(*requirement));
      skip();
      if (rest_.empty()) break;
      if (!take(','))
        return wrong(fmt::format("found '{}', expected: ',' or end of the selector", rest_.substr(0, 20)));
      skip();
      if (rest_.empty()) return wrong("it ends after ','");
    }
    return selector;
  }

 private:
  static std::unexpected<Failure> wrong(const std::string& why) {
    return refuse(Reason::kBadRequest, "unable to parse the label selector: " + why);
  }
  void skip() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  bool take(char symbol) {
    skip();
    if (rest_.empty() || rest_.front() != symbol) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view word() {
    skip();
    const auto length = std::min(rest_.find_first_of(" \t,=!<>()"), rest_.size());
    const auto found = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return found;
  }

  Answer<Requirement> parseRequirement() {
    const bool negated = take('!');
    Requirement requirement;
    requirement.key = word();
    if (auto why = labelKeyError(requirement.key); !why.empty()) {
      return wrong(fmt::format("the key '{}' {}", requirement.key, why));
    }
    if (negated) {
      requirement.op = Operator::kDoesNotExist;
      return requirement;
    }
    skip();
    if (rest_.empty() || rest_.front() == ',') return requirement;
    return parseOperator(std::move(requirement));
  }

  Answer<Requirement> parseOperator(Requirement requirement) {
    if (take('=')) {
      take('=');
      return parseValue(std::move(requirement), Operator::kIn);
    }
    if (take('!')) {
      if (!take('=')) return wrong("'!' must be followed by '='");
      return parseValue(std::move(requirement), Operator::kNotIn);
    }
    if (take('>')) return parseBound(std::move(requirement), Operator::kGreater);
    if (take('<')) return parseBound(std::move(requirement), Operator::kLess);
    const auto op = word();
    if (op == "in") return parseSet(std::move(requirement), Operator::kIn);
    if (op == "notin") return parseSet(std::move(requirement), Operator::kNotIn);
    return wrong(
        fmt::format("found '{}', expected: in, notin, =, ==, !=, > or <", op.empty() ? rest_.substr(0, 10) : op));
  }

  static Answer<void> checkValue(std::string_view value) {
    if (auto why = labelValueError(value); !why.empty()) return wrong(fmt::format("the value '{}' {}", value, why));
    return {};
  }

  Answer<Requirement> parseValue(Requirement requirement, Operator op) {
    requirement.op = op;
    requirement.values.emplace_back(word());
    if (auto checked = checkValue(requirement.values[0]); !checked) return std::unexpected(checked.error());
    return requirement;
  }

  Answer<Requirement> parseBound(Requirement requirement, Operator op) {
    requirement.op = op;
    const auto number = integer(word());
    if (!number) return wrong("'>' and '<' need an integer");
    requirement.bound = *number;
    return requirement;
  }

  Answer<Requirement> parseSet(Requirement requirement, Operator op) {
    requirement.op = op;
    if (!take('(')) return wrong("'in' and 'notin' need values in parentheses");
    do {
      requirement.values.emplace_back(word());
      if (auto checked = checkValue(requirement.values.back()); !checked) return std::unexpected(checked.error());
    } while (take(','));
    if (!take(')')) return wrong("')' is missing");
    return requirement;
  }

  std::string_view rest_;
};

Answer<LabelSelector> LabelSelector::parse(std::string_view text) { return Parser(text).parse(); }

bool LabelSelector::matches(const cluster::ObjectMeta& meta) const {
  return std::ranges::all_of(requirements_, [&](const Requirement& requirement) {
    const auto* value = meta.label(requirement.key);
    const auto listed = [&] { return std::ranges::find(requirement.values, *value) != requirement.values.end(); };
    switch (requirement.op) {
      case Operator::kIn:
        return value != nullptr && listed();
      case Operator::kNotIn:
        return value == nullptr || !listed();
      case Operator::kExists:
        return value != nullptr;
      case Operator::kDoesNotExist:
        return value == nullptr;
      case Operator::kGreater:
      case Operator::kLess: {
        const auto number = value == nullptr ? std::nullopt : integer(*value);
        if (!number) return false;
        return requirement.op == Operator::kGreater ? *number > requirement.bound : *number < requirement.bound;
      }
    }
    return false;
  });
}

Answer<FieldSelector> FieldSelector::parse(const Kind& kind, std::string_view text) {
  FieldSelector selector;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto term = trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (term.empty()) continue;
    const auto at = term.find('=');
    if (at == std::string_view::npos) {
      return refuse(Reason::kBadRequest,
                    fmt::format("invalid field selector '{}': write path=value or path!=value", term));
    }
    Requirement requirement;
    requirement.equal = at == 0 || term[at - 1] != '!';
    requirement.path = trim(term.substr(0, requirement.equal ? at : at - 1));
    requirement.value = trim(term.substr(at + (term.substr(at).starts_with("==") ? 2 : 1)));
    const bool known = requirement.path == "metadata.name" || requirement.path == "metadata.namespace" ||
                       std::ranges::find(kind.selectable_fields, requirement.path) != kind.selectable_fields.end();
    if (!known) return refuse(Reason::kBadRequest, fmt::format("field label not supported: {}", requirement.path));
    if (requirement.equal && requirement.path == "metadata.name") selector.name_ = requirement.value;
    if (requirement.equal && requirement.path == "metadata.namespace") selector.ns_ = requirement.value;
    selector.requirements_.push_back(std::move(requirement));
  }
  return selector;
}

namespace {

std::string textOf(const Value& value) {
  if (const auto* text = value.ifString()) return *text;
  if (const auto* number = value.ifInt()) return std::to_string(*number);
  if (const auto* flag = value.ifBool()) return *flag ? "true" : "false";
  return {};
}

// The trees of the two objects looked at last: a thousand watchers look at one event after the other, each at the
// object before and after it.
const Value& treeOf(const cluster::StoredObject& object) {
  struct Entry {
    std::string uid, version;
    Value tree;
  };
  thread_local std::array<Entry, 2> entries;
  thread_local std::size_t oldest = 0;
  const auto& meta = object.meta();
  for (const auto& entry : entries) {
    if (!meta.uid.empty() && entry.uid == meta.uid && entry.version == meta.resource_version) return entry.tree;
  }
  auto& entry = entries[oldest];
  oldest = 1 - oldest;
  entry = {meta.uid, meta.resource_version, object.parse()};
  return entry.tree;
}

}  // namespace

bool FieldSelector::matches(const cluster::StoredObject& object) const {
  return std::ranges::all_of(requirements_, [&](const Requirement& requirement) {
    if (requirement.path == "metadata.name") return (object.meta().name == requirement.value) == requirement.equal;
    if (requirement.path == "metadata.namespace") return (object.meta().ns == requirement.value) == requirement.equal;
    const Value* value = &treeOf(object);
    for (std::string_view path = requirement.path; !path.empty();) {
      const auto dot = std::min(path.find('.'), path.size());
      value = &(*value)[path.substr(0, dot)];
      path.remove_prefix(std::min(dot + 1, path.size()));
    }
    auto text = textOf(*value);
    // An absent boolean is false, an absent count 0, as the typed API has it.
    if (value->isNull() && (requirement.value == "false" || requirement.value == "0")) text = requirement.value;
    return (text == requirement.value) == requirement.equal;
  });
}

bool Selection::matches(const cluster::StoredObject& object) const {
  return (ns.empty() || object.meta().ns == ns) && labels.matches(object.meta()) && fields.matches(object);
}

Answer<Selection> parseSelection(const Kind& kind, std::string ns, std::string_view labels, std::string_view fields) {
  auto label_selector = LabelSelector::parse(labels);
  if (!label_selector) return std::unexpected(label_selector.error());
  auto field_selector = FieldSelector::parse(kind, fields);
  if (!field_selector) return std::unexpected(field_selector.error());
  return Selection{std::move(ns), std::move(*label_selector), std::move(*field_selector)};
}

}  // namespace towpath::apiserver
