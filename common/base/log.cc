#include "base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>

#include "base/time.h"

namespace towpath::log {
namespace {

std::atomic<Level> g_level{Level::kInfo};
std::atomic<int> g_fd{2};

bool needsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (c == ' ' || c == '"' || c == '=' || c == '\\' || static_cast<unsigned char>(c) < 0x20) return true;
  }
  return false;
}

// Text from outside must not be able to forge a second record: control characters are escaped.
void appendValue(std::string& line, std::string_view text) {
  if (!needsQuotes(text)) {
    line += text;
    return;
  }
  line.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') line.push_back('\\');
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      line.push_back(c);
    }
  }
  line.push_back('"');
}

const char* nameOf(Level level) {
  constexpr const char* kNames[] = {"debug", "info", "warn", "error"};
  return kNames[static_cast<int>(level)];
}

// systemd.exec(5): $JOURNAL_STREAM is "device:inode" of the stream that goes to the journal; a redirection may have put
// something else in its place.
bool isJournal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  if (!stream || fstat(fd, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

// journald takes syslog's priority from the start of a line and knows the time; everyone else is told the time.
std::string beginning(Level level) {
  constexpr int kPriorities[] = {7, 6, 4, 3};
  if (isJournal(g_fd)) return fmt::format("<{}>", kPriorities[static_cast<int>(level)]);
  return fmt::format("time={} ", formatRfc3339Micro(std::chrono::system_clock::now()));
}

}  // namespace

void setLevel(Level level) { g_level = level; }
Level level() { return g_level; }
void setOutput(int fd) { g_fd = fd; }

bool parseLevel(std::string_view text, Level& level) {
  if (text == "debug")
    level = Level::kDebug;
  else if (text == "info")
    level = Level::kInfo;
  else if (text == "warn")
    level = Level::kWarning;
  else if (text == "error")
    level = Level::kError;
  else
    return false;
  return true;
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  std::string line = beginning(level);
  line += fmt::format("level={} msg=", nameOf(level));
  appendValue(line, message);
  for (const Field& field : fields) {
    line.push_back(' ');
    line += field.key;
    line.push_back('=');
    appendValue(line, field.value);
  }
  line.push_back('\n');
  // One write call a record, so that records of several threads do not mix. A full pipe loses the record, never blocks
  // state.
  [[maybe_unused]] const auto written = ::write(g_fd, line.data(), line.size());
}

}  // namespace towpath::log
