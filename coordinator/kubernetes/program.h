#pragma once
// Running a short program to its end and taking what it prints: a credential plugin. It blocks, so it runs on a thread
// of the pool (loop::offload).

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace towpath::kubernetes {

struct Program {
  std::string command;  // a path, or a name that is looked up in PATH
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // replaces or adds to ours
  Duration limit = std::chrono::seconds(30);                     // then it is killed
};

struct ProgramEnd {
  int status = 0;      // exit status; 128 + the signal that ended it
  std::string output;  // at most kMostOutput bytes of each
  std::string errors;
};

inline constexpr std::size_t kMostOutput = 1u << 20;

// kNotFound: no such command. kTimeout, kTooLarge, kIo.
Result<ProgramEnd> runProgram(const Program& program);

}  // namespace towpath::kubernetes
