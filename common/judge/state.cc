// SequentialJudge as a line of text: numbers and instances between spaces, with a version in front.

#include <fmt/format.h>

#include <charconv>
#include <ranges>

#include "judge/sequential.h"

namespace towpath::judge {
namespace {

constexpr std::string_view kVersion = "j1";
constexpr std::size_t kInstancesMax = 32;

class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}
  std::string_view next() {
    const std::size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return word;
  }
  template <class T>
  T number() {
    T value{};
    const std::string_view word = next();
    const auto read = std::from_chars(word.data(), word.data() + word.size(), value);
    if (read.ec != std::errc() || read.ptr != word.data() + word.size()) failed_ = true;
    return value;
  }
  bool failed() const { return failed_; }
  bool atEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

void put(std::string& text, const ShareTest& test) {
  for (const double wealth : test.wealths()) text += fmt::format(" {:.8g}", wealth);
}

void take(Words& words, ShareTest& test) {
  std::array<double, kBets> wealths{};
  for (double& wealth : wealths) wealth = words.number<double>();
  test.restore(wealths);
}

}  // namespace

std::string SequentialJudge::state() const {
  std::string text = fmt::format("{} {} {} {} {} {} {} {}", kVersion, metrics_.size(), windows_, left_out_,
                                 canary_requests_, stable_requests_, last_canary_, last_stable_);
  const auto put_effect = [&text](const Effect& effect) {
    text += fmt::format(" {:.8g} {:.8g} {:.8g} {:.8g} {:.8g} {:.8g}", effect.canary, effect.stable, effect.difference,
                        effect.weight, effect.log_ratio, effect.log_weight);
  };
  for (const Metric& metric : metrics_) {
    for (const ShareTest* test : {&metric.worse, &metric.tolerable, &metric.rare}) put(text, *test);
    text += fmt::format(" {} {} {} {}", metric.canary.requests, metric.canary.events, metric.stable.requests,
                        metric.stable.events);
    put_effect(metric.effect);
    text += fmt::format(" {}", metric.instances.size());
    for (const InstanceEffect& instance : metric.instances) {
      text += " " + instance.instance;
      put_effect(instance.without);
    }
  }
  return text;
}

Result<void> SequentialJudge::restore(std::string_view state) {
  Words words(state);
  SequentialJudge read(options_);
  const auto corrupt = [] { return fail(ErrorKind::kCorrupt, "this is no state of a judge with these metrics"); };
  if (words.next() != kVersion || words.number<std::size_t>() != metrics_.size()) return corrupt();
  read.windows_ = words.number<int>();
  read.left_out_ = words.number<int>();
  read.canary_requests_ = words.number<std::uint64_t>();
  read.stable_requests_ = words.number<std::uint64_t>();
  read.last_canary_ = words.number<double>();
  read.last_stable_ = words.number<double>();
  const auto take_effect = [&words](Effect& effect) {
    for (double* number :
         {&effect.canary, &effect.stable, &effect.difference, &effect.weight, &effect.log_ratio, &effect.log_weight}) {
      *number = words.number<double>();
    }
  };
  for (Metric& metric : read.metrics_) {
    for (ShareTest* test : {&metric.worse, &metric.tolerable, &metric.rare}) take(words, *test);
    for (std::uint64_t* number :
         {&metric.canary.requests, &metric.canary.events, &metric.stable.requests, &metric.stable.events}) {
      *number = words.number<std::uint64_t>();
    }
    take_effect(metric.effect);
    const auto instances = words.number<std::size_t>();
    if (words.failed() || instances > kInstancesMax) return corrupt();
    for (std::size_t i = 0; i < instances; ++i) {
      InstanceEffect& instance = metric.instances.emplace_back();
      instance.instance = words.next();
      take_effect(instance.without);
    }
  }
  if (words.failed() || !words.atEnd()) return corrupt();
  *this = std::move(read);
  return {};
}

}  // namespace towpath::judge
