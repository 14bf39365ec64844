#pragma once
// What requests and responses share: headers, percent encoding, status texts.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace towpath::http {

struct Header {
  std::string name;
  std::string value;
};

// Fields in order; names compare without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> fields) : fields_(fields) {}

  // The first of that name, or empty.
  std::string_view get(std::string_view name) const;
  bool contains(std::string_view name) const;
  // Whether a comma-separated field (Connection, Accept-Encoding) has this token, without case.
  bool hasToken(std::string_view name, std::string_view token) const;
  void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
  // Replaces all of that name.
  void set(std::string name, std::string value);
  void remove(std::string_view name);

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }

 private:
  std::vector<Header> fields_;
};

bool equalsIgnoreCase(std::string_view a, std::string_view b);

// nullopt for a bad escape or an escaped NUL. `plus_is_space` for query strings.
enum class PlusIs { kPlus, kSpace };
std::optional<std::string> percentDecode(std::string_view text, PlusIs plus);
// Everything but unreserved characters (RFC 3986 section 2.3) is escaped: for a path segment or a query value.
std::string percentEncode(std::string_view text);
// "a=1&b=x%20y" → pairs in order; nullopt for a bad escape. "a" alone has an empty value.
std::optional<std::vector<std::pair<std::string, std::string>>> parseQuery(std::string_view query);

// "Not Found"; "Status" for a code that has none.
std::string_view statusText(int status);

}  // namespace towpath::http
