#pragma once
// A program that is run to its end for its output: input on stdin, what it writes on stdout and stderr taken up to a
// bound, and a time limit after which its whole process group is killed. For helpers that a person configured; what
// outlives us is nodeagent/supervise.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "loop/loop.h"

namespace towpath::loop {

struct CommandRequest {
  std::vector<std::string> argv;  // argv[0]: a path, or a name that is looked up in PATH
  std::string input;
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours, or in the place of what is there
  Duration timeout = 30s;
  std::size_t output_max = std::size_t{1} << 20;  // bytes of stdout; of stderr the first few
};

struct CommandOutput {
  int status = 0;  // as exited; 128 + the signal's number if it was killed
  std::string out;
  std::string err;
};

// Blocks the thread. kNotFound: it cannot be executed; kTimeout: it was killed; kTooLarge: it wrote too much, and was
// killed.
Result<CommandOutput> runCommand(const CommandRequest& request);

// The same on a thread of the pool.
Task<Result<CommandOutput>> runCommand(Loop& loop, CommandRequest request);

}  // namespace towpath::loop
