#include "cluster/controller.h"

#include <exception>

#include "base/log.h"
#include "loop/timeout.h"

namespace towpath::cluster {

Controller::Controller(loop::Loop& loop, ControllerOptions options, Pass pass)
    : loop_(loop),
      options_(std::move(options)),
      pass_(std::move(pass)),
      queue_(loop, options_.backoff),
      scope_(loop, options_.name + " controller") {}

void Controller::start() {
  for (int i = 0; i < options_.workers; ++i) scope_.spawn(work());
}

loop::Task<void> Controller::work() {
  while (const std::optional<ObjectKey> key = co_await queue_.next()) {
    const Duration waited = queue_.lastWait();
    const MonoTime began = loop_.now();
    const Result<PassEnd> end = co_await runPass(*key);
    ++passes_;
    if (observer_) observer_({*key, waited, loop_.now() - began, !end});
    if (end) {
      queue_.forget(*key);
      if (end->again_after) queue_.addAfter(*key, *end->again_after);
    } else {
      ++failures_;
      const std::string object = toString(*key);
      log::info("pass failed, will be tried again",
                {{"controller", options_.name}, {"object", object}, {"error", describe(end.error())}});
      queue_.addRateLimited(*key);
    }
    queue_.done(*key);
  }
}

// Whatever a pass throws ends that pass and nothing else.
loop::Task<Result<PassEnd>> Controller::runPass(ObjectKey key) {
  std::string thrown;
  try {
    co_return co_await loop::withTimeout(loop_, options_.pass_timeout, pass_(key));
  } catch (const std::exception& exception) {
    thrown = exception.what();
  } catch (...) {
    thrown = "unknown exception";
  }
  co_return fail(ErrorKind::kInternal, "the pass threw: " + thrown);
}

}  // namespace towpath::cluster
