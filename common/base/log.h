#pragma once
// Structured logging: one line a record on stderr, `key=value`; with the priority prefix that journald reads when it is
// our stderr, else with the time. Levels change at run time. A secret never goes here: log names, not contents.
//
//   log::info("replica set scaled", {{"name", rs.name}, {"from", old}, {"to", wanted}});

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace towpath::log {

enum class Level { kDebug, kInfo, kWarning, kError };

// A key with a value that prints as text, number or boolean.
struct Field {
  Field(std::string_view key, std::string_view value) : key(key), value(value) {}
  Field(std::string_view key, const char* value) : key(key), value(value) {}
  Field(std::string_view key, const std::string& value) : key(key), value(value) {}
  Field(std::string_view key, bool value) : key(key), value(value ? "true" : "false") {}
  Field(std::string_view key, std::int64_t value) : key(key), value(std::to_string(value)) {}
  Field(std::string_view key, std::uint64_t value) : key(key), value(std::to_string(value)) {}
  Field(std::string_view key, int value) : key(key), value(std::to_string(value)) {}
  Field(std::string_view key, unsigned value) : key(key), value(std::to_string(value)) {}
  Field(std::string_view key, double value) : key(key), value(std::to_string(value)) {}

  std::string_view key;
  std::string value;
};

void setLevel(Level level);
Level level();
// "debug", "info", "warn" or "error"; false for anything else.
bool parseLevel(std::string_view text, Level& level);
// Where records go: a file descriptor that stays open (2 by default).
void setOutput(int fd);

void write(Level level, std::string_view message, std::initializer_list<Field> fields);

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  if (level() <= Level::kDebug) write(Level::kDebug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
  if (level() <= Level::kInfo) write(Level::kInfo, message, fields);
}
inline void warning(std::string_view message, std::initializer_list<Field> fields = {}) {
  if (level() <= Level::kWarning) write(Level::kWarning, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::kError, message, fields);
}

}  // namespace towpath::log
