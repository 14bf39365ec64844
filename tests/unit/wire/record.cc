// Writes the recorded bytes of the present protocol version into a directory: run once when a version is made, never to
// mend a test.
//   build/tests/unit/wire/record-messages tests/unit/wire/recorded

#include <cstdio>
#include <string>

#include "base/file.h"
#include "examples.h"

int main(int argc, char** argv) {
  using namespace towpath::wire;
  if (argc != 2) return 2;
  const std::string prefix = std::string(argv[1]) + "/v" + std::to_string(kProtocol) + "-";
  const std::pair<const char*, std::string> files[] = {{"enrol-request", encode(examples::enrolRequest())},
                                                       {"enrol-reply", encode(examples::enrolReply())},
                                                       {"renew-request", encode(examples::renewRequest())},
                                                       {"renew-reply", encode(examples::renewReply())},
                                                       {"hello", encode(examples::hello())},
                                                       {"welcome", encode(examples::welcome())},
                                                       {"assignment", encode(examples::assignment())},
                                                       {"log-request", encode(examples::logRequest())},
                                                       {"cancel-request", encode(examples::cancelRequest())},
                                                       {"ping", encode(examples::ping())},
                                                       {"report", encode(examples::report())},
                                                       {"report-reply", encode(examples::reportReply())}};
  for (const auto& [name, bytes] : files) {
    if (!towpath::writeFileAtomically(prefix + name + ".bin", bytes, 0644)) {
      std::fprintf(stderr, "cannot write %s\n", name);
      return 1;
    }
  }
  return 0;
}
