#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace towpath {

void assertionFailed(const char* expression, const char* why, const char* file, int line) {
  std::fprintf(stderr, "<2>assertion failed: %s (%s) at %s:%d\n", expression, why, file, line);
  std::abort();
}

}  // namespace towpath
