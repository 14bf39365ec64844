#pragma once
// What a check has found, and the list that it goes into.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/field_error.h"
#include "lint/document.h"

namespace towpath::lint {

enum class Severity : std::uint8_t {
  kError,    // the object is refused, or cannot work
  kWarning,  // it works, but probably not as meant; or it cannot be told from these files
};
const char* toString(Severity severity);  // "error", "warning"

struct Finding {
  Severity severity = Severity::kError;
  std::string file;
  std::size_t line = 0;  // 0: unknown
  std::string kind, name;
  std::string path;  // of the field; may be empty
  std::string message;

  bool operator==(const Finding&) const = default;
};

// "shop.yaml:12: error: Rollout "shop": spec.replicas: Invalid value: -1: must be greater than or equal to 0".
std::string toString(const Finding& finding);

// What refers to an object that none of the files has: it may be where the files go.
enum class Missing : std::uint8_t { kWarning, kError };

class Findings {
 public:
  explicit Findings(Missing missing) : missing_(missing) {}

  void error(const Document& at, std::string_view path, std::string message);
  void error(const Document& at, const api::FieldError& error) { this->error(at, error.path, error.message); }
  void warning(const Document& at, std::string_view path, std::string message);
  // `what`: "Service \"shop\"".
  void missing(const Document& at, std::string_view path, const std::string& what);

  bool has(const Document& at, std::string_view path) const;
  // In the order of files and lines; each once.
  std::vector<Finding> take();

 private:
  void add(Severity severity, const Document& at, std::string_view path, std::string message);

  Missing missing_;
  std::vector<Finding> findings_;
};

}  // namespace towpath::lint
