#include "exposition/text.h"

#include <fmt/format.h>

#include <iterator>

namespace towpath::exposition {
namespace {

const char* nameOf(Type type) {
  switch (type) {
    case Type::kCounter:
      return "counter";
    case Type::kGauge:
      return "gauge";
    case Type::kHistogram:
      return "histogram";
  }
  return "untyped";
}

void appendLabel(std::string& text, const Label& label) {
  text += label.first;
  text += "=\"";
  for (const char c : label.second) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  text += '"';
}

}  // namespace

void MetricsText::family(std::string_view name, Type type, std::string_view help) {
  family_ = name;
  fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, nameOf(type));
}

void MetricsText::sample(std::string_view suffix, Labels labels, const Label* more, double value) {
  text_ += family_;
  text_ += suffix;
  if (labels.size() > 0 || more != nullptr) {
    char separator = '{';
    const auto append = [&](const Label& label) {
      text_ += separator;
      separator = ',';
      appendLabel(text_, label);
    };
    for (const Label& label : labels) append(label);
    if (more != nullptr) append(*more);
    text_ += '}';
  }
  fmt::format_to(std::back_inserter(text_), " {}\n", value);
}

void MetricsText::add(Labels labels, double value) { sample("", labels, nullptr, value); }

void MetricsText::addHistogram(Labels labels, std::span<const double> bounds, std::span<const std::uint64_t> counts,
                               double sum) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const std::string bound = i < bounds.size() ? fmt::format("{}", bounds[i]) : "+Inf";
    const Label le{"le", bound};
    sample("_bucket", labels, &le, static_cast<double>(total));
  }
  sample("_sum", labels, nullptr, sum);
  sample("_count", labels, nullptr, static_cast<double>(total));
}

}  // namespace towpath::exposition
