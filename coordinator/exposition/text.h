#pragma once
// MetricsText: a page in the text format of Prometheus (0.0.4), family by family. Histogram: counts by fixed bounds.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace towpath::exposition {

enum class Type { kCounter, kGauge, kHistogram };

using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

// How many values were at most each of the bounds. `kBounds` rise and leave out +Inf.
template <const auto& kBounds>
class Histogram {
 public:
  void observe(double value) {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && value > kBounds[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += value;
  }
  static std::span<const double> bounds() { return kBounds; }
  std::span<const std::uint64_t> counts() const { return counts_; }  // one more than bounds; not cumulative
  double sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  double sum_ = 0;
};

class MetricsText {
 public:
  // What follows are its samples. A family may stay empty.
  void family(std::string_view name, Type type, std::string_view help);
  void add(Labels labels, double value);
  template <const auto& kBounds>
  void add(Labels labels, const Histogram<kBounds>& histogram) {
    addHistogram(labels, histogram.bounds(), histogram.counts(), histogram.sum());
  }
  std::string take() && { return std::move(text_); }

 private:
  void addHistogram(Labels labels, std::span<const double> bounds, std::span<const std::uint64_t> counts, double sum);
  void sample(std::string_view suffix, Labels labels, const Label* more, double value);

  std::string text_;
  std::string family_;
};

}  // namespace towpath::exposition
