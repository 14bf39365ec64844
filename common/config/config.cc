#include "config/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/file.h"

namespace towpath::config {

namespace {

struct Fault {
  std::uint32_t line = 0;
  std::string key;
  std::string why;
};

// What all tables of a file share.
struct Shared {
  std::string name;
  std::vector<Fault> faults;
};

std::string joined(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

const char* typeName(const toml::node& node) {
  if (node.is_string()) return "a string";
  if (node.is_integer()) return "a whole number";
  if (node.is_floating_point()) return "a number";
  if (node.is_boolean()) return "true or false";
  if (node.is_array()) return "a list";
  if (node.is_table()) return "a table";
  return "a date or time";
}

}  // namespace

struct Table::Impl {
  Shared& shared;
  std::string path;
  const toml::table* table = nullptr;  // null: absent
  std::set<std::string, std::less<>> known;
  std::map<std::string, std::unique_ptr<Table>, std::less<>> below;

  const toml::node* take(std::string_view key) {
    known.emplace(key);
    return table ? table->get(key) : nullptr;
  }
  void fault(const toml::node& node, std::string_view key, std::string why) {
    shared.faults.push_back({static_cast<std::uint32_t>(node.source().begin.line), joined(path, key), std::move(why)});
  }
  void wrongType(const toml::node& node, std::string_view key, std::string_view wanted) {
    fault(node, key, fmt::format("must be {}, not {}", wanted, typeName(node)));
  }
  bool inRange(const toml::node& node, std::string_view key, std::int64_t value, Range range) {
    if (value >= range.min && value <= range.max) return true;
    fault(node, key, fmt::format("{} is not between {} and {}", value, range.min, range.max));
    return false;
  }
  Table& child(const std::string& key, const toml::table* node) {
    std::unique_ptr<Table>& slot = below[key];
    if (!slot) slot.reset(new Table(std::make_unique<Impl>(shared, joined(path, key), node)));
    return *slot;
  }
  void findUnknown() {
    if (!table) return;
    for (const auto& [key, node] : *table) {
      if (!known.contains(key.str())) fault(node, key.str(), "unknown key");
    }
    for (auto& [key, child] : below) child->impl_->findUnknown();
  }
};

Table::Table(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Table::~Table() = default;

bool Table::has(std::string_view key) const { return impl_->table && impl_->table->contains(key); }

std::string Table::text(std::string_view key, std::string otherwise) {
  const toml::node* node = impl_->take(key);
  if (!node) return otherwise;
  if (auto value = node->value_exact<std::string>()) return *value;
  impl_->wrongType(*node, key, "a string");
  return otherwise;
}

std::int64_t Table::integer(std::string_view key, std::int64_t otherwise, Range range) {
  const toml::node* node = impl_->take(key);
  if (!node) return otherwise;
  auto value = node->value_exact<std::int64_t>();
  if (!value) impl_->wrongType(*node, key, "a whole number");
  return value && impl_->inRange(*node, key, *value, range) ? *value : otherwise;
}

bool Table::boolean(std::string_view key, bool otherwise) {
  const toml::node* node = impl_->take(key);
  if (!node) return otherwise;
  if (auto value = node->value_exact<bool>()) return *value;
  impl_->wrongType(*node, key, "true or false");
  return otherwise;
}

Duration Table::duration(std::string_view key, Duration otherwise) {
  const toml::node* node = impl_->take(key);
  if (!node) return otherwise;
  auto value = node->value_exact<std::string>();
  if (!value) {
    impl_->wrongType(*node, key, "a string such as \"30s\"");
    return otherwise;
  }
  Result<Duration> duration = parseGoDuration(*value);
  if (duration && *duration > Duration::zero()) return *duration;
  impl_->fault(*node, key, fmt::format("\"{}\" is no duration such as \"30s\" or \"1h30m\"", *value));
  return otherwise;
}

std::vector<std::string> Table::texts(std::string_view key, std::vector<std::string> otherwise) {
  const toml::node* node = impl_->take(key);
  if (!node) return otherwise;
  const toml::array* list = node->as_array();
  std::vector<std::string> values;
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    if (auto value = (*list)[i].value_exact<std::string>()) values.push_back(*value);
  }
  if (list && values.size() == list->size()) return values;
  impl_->wrongType(*node, key, "a list of strings");
  return otherwise;
}

std::vector<std::int64_t> Table::integers(std::string_view key, std::vector<std::int64_t> otherwise, Range range) {
  const toml::node* node = impl_->take(key);
  if (!node) return otherwise;
  const toml::array* list = node->as_array();
  std::vector<std::int64_t> values;
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    auto value = (*list)[i].value_exact<std::int64_t>();
    if (value && !impl_->inRange(*node, key, *value, range)) return otherwise;
    if (value) values.push_back(*value);
  }
  if (list && values.size() == list->size()) return values;
  impl_->wrongType(*node, key, "a list of whole numbers");
  return otherwise;
}

std::map<std::string, std::string> Table::textMap(std::string_view key) {
  std::map<std::string, std::string> values;
  const toml::node* node = impl_->take(key);
  if (!node) return values;
  if (!node->is_table()) {
    impl_->wrongType(*node, key, "a table");
    return values;
  }
  for (const auto& [name, entry] : *node->as_table()) {
    if (auto value = entry.value_exact<std::string>())
      values.emplace(name.str(), *value);
    else
      impl_->wrongType(entry, joined(std::string(key), name.str()), "a string");
  }
  return values;
}

Table& Table::table(std::string_view key) {
  const toml::node* node = impl_->take(key);
  if (node && !node->is_table()) impl_->wrongType(*node, key, "a table");
  return impl_->child(std::string(key), node ? node->as_table() : nullptr);
}

std::vector<std::pair<std::string, Table*>> Table::tables(std::string_view key) {
  std::vector<std::pair<std::string, Table*>> tables;
  Table& parent = table(key);
  if (!parent.impl_->table) return tables;
  for (const auto& [name, entry] : *parent.impl_->table) tables.emplace_back(name.str(), &parent.table(name.str()));
  return tables;
}

void Table::refuse(std::string_view key, std::string why) {
  const toml::node* node = impl_->take(key);
  if (node)
    impl_->fault(*node, key, std::move(why));
  else
    impl_->shared.faults.push_back({0, joined(impl_->path, key), std::move(why)});
}

struct File::Impl {
  Shared shared;
  toml::table table;
  std::unique_ptr<Table> root;
};

File::File(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

Result<File> File::load(const std::string& path) {
  Result<std::string> text = readFile(path, 1u << 20);
  if (!text) return std::unexpected(withContext(text.error(), "configuration " + path));
  return parse(*text, path);
}

Result<File> File::parse(std::string_view text, std::string name) {
  auto impl = std::make_unique<Impl>();
  impl->shared.name = std::move(name);
  try {
    impl->table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::kInvalid,
                fmt::format("{}:{}: {}", impl->shared.name, error.source().begin.line, error.description()));
  }
  impl->root.reset(new Table(std::make_unique<Table::Impl>(impl->shared, "", &impl->table)));
  return File(std::move(impl));
}

Table& File::root() { return *impl_->root; }

Result<void> File::finish() {
  impl_->root->impl_->findUnknown();
  std::vector<Fault>& faults = impl_->shared.faults;
  if (faults.empty()) return {};
  std::ranges::sort(faults, {}, [](const Fault& fault) { return std::tie(fault.line, fault.key); });
  std::string message;
  for (const Fault& fault : faults) {
    if (!message.empty()) message += '\n';
    if (fault.line == 0)
      message += fmt::format("{}: {}: {}", impl_->shared.name, fault.key, fault.why);
    else
      message += fmt::format("{}:{}: {}: {}", impl_->shared.name, fault.line, fault.key, fault.why);
  }
  return fail(ErrorKind::kInvalid, std::move(message));
}

}  // namespace towpath::config
