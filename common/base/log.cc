#include "base/log.h"

#include <unistd.h>

#include <atomic>

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

// The number is syslog's priority, which journald takes from the start of a line.
const char* prefix(Level level) {
  switch (level) {
    case Level::kDebug:
      return "<7>level=debug msg=";
    case Level::kInfo:
      return "<6>level=info msg=";
    case Level::kWarning:
      return "<4>level=warn msg=";
    case Level::kError:
      return "<3>level=error msg=";
  }
  return "";
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
  std::string line = prefix(level);
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
