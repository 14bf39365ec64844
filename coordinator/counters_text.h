#pragma once
// CountersText: our own counters in the text format of Prometheus, each under the prefix towpath_.

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace towpath::coordinator {

class CountersText {
 public:
  enum class Type { kCounter, kGauge };

  template <class Number>
  void add(std::string_view name, Type type, std::string_view help, Number value) {
    fmt::format_to(std::back_inserter(text_), "# HELP towpath_{0} {1}\n# TYPE towpath_{0} {2}\ntowpath_{0} {3}\n", name,
                   help, type == Type::kCounter ? "counter" : "gauge", value);
  }
  std::string take() && { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace towpath::coordinator
