// What comes from nodes and from an object's status: sketches of latency, and the state of a judge. What is read writes
// something that reads back the same.

#include "sketch/sketch.h"

#include "fuzz.h"
#include "judge/sequential.h"

namespace towpath::fuzz {
namespace {

void checkSketch(std::string_view input) {
  const Result<sketch::Sketch> read = sketch::Sketch::decode(input);
  if (!read) return;
  require(sketch::Sketch::decode(read->encode()) == *read, "a sketch reads back");
  require(read->quantile(0.5) <= read->quantile(0.99), "quantiles ascend");
  require(read->scaled(1.5).count() == read->count(), "scaling keeps the count");
  sketch::Sketch twice = *read;
  twice.merge(*read);
  require(twice.count() == 2 * read->count(), "merging adds");
  require(read->bins().size() <= sketch::kBinsMax, "a sketch is bounded");
}

void checkState(std::string_view input) {
  const judge::SequentialOptions options{.metrics = {{.name = "errors"}}};
  judge::SequentialJudge first(options);
  if (!first.restore(input)) return;
  judge::SequentialJudge second(options);
  require(second.restore(first.state()).has_value(), "a state reads back");
  require(second.state() == first.state(), "and is the same");
  first.report();
}

}  // namespace

void run(std::string_view input) {
  checkSketch(input);
  checkState(input);
}

}  // namespace towpath::fuzz
