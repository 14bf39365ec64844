#include "metrics/metric_programs.h"

#include <fmt/format.h>

#include <utility>

#include "json/parse.h"
#include "json/serialize.h"
#include "loop/command.h"

namespace towpath::metrics {
namespace {

constexpr std::size_t kErrorShown = 300;

}  // namespace

MetricPrograms::MetricPrograms(loop::Loop& loop, std::map<std::string, MetricProgram, std::less<>> programs)
    : loop_(loop), running_(loop, kRunningMost) {
  for (auto& [name, program] : programs) {
    programs_[name] = {std::move(program), std::make_unique<loop::Semaphore>(loop, 1)};
  }
}

loop::Task<Result<Value>> MetricPrograms::call(std::string name, Value request) {
  const auto known = programs_.find(name);
  if (known == programs_.end()) {
    co_return fail(ErrorKind::kUnsupported, fmt::format("no metric plugin {} is configured here", name));
  }
  const MetricProgram& program = known->second.program;
  if (program.disabled) co_return fail(ErrorKind::kUnsupported, fmt::format("metric plugin {} is disabled", name));
  const auto turn = co_await known->second.turn->acquire();
  const auto permit = co_await running_.acquire();
  const Result<loop::CommandOutput> output = co_await loop::runCommand(loop_, {.argv = program.command,
                                                                               .input = json::serialize(request),
                                                                               .timeout = program.timeout,
                                                                               .output_max = kOutputMost});
  if (!output) co_return std::unexpected(output.error());
  if (output->status != 0) {
    co_return fail(ErrorKind::kUnavailable, fmt::format("{} ended with status {}: {}", program.command.front(),
                                                        output->status, output->err.substr(0, kErrorShown)));
  }
  Result<Value> answer = json::parse(output->out);
  if (!answer) co_return fail(ErrorKind::kInvalid, "the plugin's answer is no JSON object: " + answer.error().message);
  if (!answer->isObject()) co_return fail(ErrorKind::kInvalid, "the plugin's answer is no JSON object");
  co_return answer;
}

}  // namespace towpath::metrics
