#include "exposition/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "base/file.h"

namespace towpath::exposition {
namespace {

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

// The n-th field after the command's name in /proc/self/stat, which may hold blanks itself; 0 is the state.
std::optional<double> statField(std::string_view stat, int index) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(std::min(stat.size(), name_end + 2));
  for (int i = 0; i < index; ++i) {
    const std::size_t blank = stat.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(blank + 1);
  }
  return number(stat);
}

std::optional<double> bootTime() {
  const Result<std::string> stat = readFile("/proc/stat", 4u << 20);
  if (!stat) return std::nullopt;
  const std::size_t at = stat->find("\nbtime ");
  if (at == std::string::npos) return std::nullopt;
  return number(std::string_view(*stat).substr(at + 7));
}

std::optional<double> openFiles() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error))
    ++count;
  if (error) return std::nullopt;
  return count - 1;  // the folder's own
}

}  // namespace

void writeProcess(MetricsText& text) {
  const auto gauge = [&text](const char* name, const char* help, std::optional<double> value,
                             Type type = Type::kGauge) {
    if (!value) return;
    text.family(name, type, help);
    text.add({}, *value);
  };
  const Result<std::string> stat = readFile("/proc/self/stat", 4096);
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    gauge("process_cpu_seconds_total", "CPU time, in seconds.", seconds(used.ru_utime) + seconds(used.ru_stime),
          Type::kCounter);
  }
  gauge("process_open_fds", "Open files.", openFiles());
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0)
    gauge("process_max_fds", "How many files may be open.", static_cast<double>(files.rlim_cur));
  if (!stat) return;
  gauge("process_virtual_memory_bytes", "Virtual memory.", statField(*stat, 20));
  if (const auto pages = statField(*stat, 21))
    gauge("process_resident_memory_bytes", "Resident memory.", *pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  const auto started = statField(*stat, 19);
  const auto boot = bootTime();
  if (started && boot)
    gauge("process_start_time_seconds", "When the process began, since 1970.", *boot + *started / ticks);
}

}  // namespace towpath::exposition
