#include "agents/node_selector.h"

#include <algorithm>

namespace towpath::agents {

namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

bool holds(std::string_view term, const std::vector<std::pair<std::string, std::string>>& labels) {
  std::size_t equals = term.find('=');
  std::string_view key = trimmed(term.substr(0, equals));
  return std::ranges::any_of(labels, [&](const auto& label) {
    if (label.first != key) return false;
    return equals == std::string_view::npos || label.second == trimmed(term.substr(equals + 1));
  });
}

}  // namespace

bool selectsLabels(std::string_view selector, const std::vector<std::pair<std::string, std::string>>& labels) {
  while (!selector.empty()) {
    std::size_t end = std::min(selector.find(','), selector.size());
    std::string_view term = trimmed(selector.substr(0, end));
    if (!term.empty() && !holds(term, labels)) return false;
    selector.remove_prefix(std::min(end + 1, selector.size()));
  }
  return true;
}

}  // namespace towpath::agents
