#pragma once
// TOWPATH_ASSERT(condition, "why it holds"): for what cannot be otherwise. It ends the process in every build; the
// state is in SQLite and systemd starts us again.

namespace towpath {
[[noreturn]] void assertionFailed(const char* expression, const char* why, const char* file, int line);
}  // namespace towpath

#define TOWPATH_ASSERT(condition, why) \
  ((condition) ? static_cast<void>(0) : ::towpath::assertionFailed(#condition, why, __FILE__, __LINE__))
