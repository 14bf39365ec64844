#pragma once
// The HAProxy process of a node: one, outliving the agent. HAProxy (and each of its workers) inherits a lock on a file
// in the run directory from the moment of its birth, so whoever gets the lock knows that none is there, whatever
// crashed and when; whoever does not, adopts. The calls here are short and do not wait.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace towpath::proxy {

// A file descriptor that is closed when this goes.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept;
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  ~OwnedFd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct HaproxyLaunch {
  std::string binary;
  std::string config;         // file
  std::string master_socket;  // at most 100 bytes
  std::string lock_file;
  std::string log_file;  // what HAProxy says on stderr
};

// The lock, if no HAProxy of this run directory lives; an empty one if one does.
Result<OwnedFd> takeLock(const std::string& lock_file);

// Starts HAProxy in a session of its own, with the lock. Gives its PID.
Result<int> launch(const HaproxyLaunch& launch, const OwnedFd& lock);

// A descriptor that becomes readable when the process ends; kNotFound if there is none.
Result<OwnedFd> watchProcess(int pid);
// Takes the exit status of an ended child, so that it does not stay a zombie, and tells whether it had ended. Harmless
// for what is no child of ours.
bool reap(int pid);

// "<boot id>/<pid>/<start time>": names a process for ever. nullopt if there is none.
std::optional<std::string> processKey(int pid);

// Runs `haproxy -c -f FILE`; kInvalid with what it says. Waits for it (some 20 ms): call it from a pool thread.
Result<void> checkConfig(const std::string& binary, const std::string& config);

// Whether this machine would let HAProxy listen there. HAProxy itself finds out only in the middle of a reload, and
// then pauses its listening sockets for a moment; so we look before. kInvalid names the address.
Result<void> checkListen(const std::string& address, std::uint16_t port);

struct File {
  std::string path, text;
};
enum class Durability {
  kSynced,   // after a crash of the machine there is the old or the new content of each
  kRenamed,  // the same after a crash of the process only
};
// Replaces all files, in order, at the price of one sync of the disk and not of one for each. All in one directory, or
// in few.
Result<void> replaceFiles(const std::vector<File>& files, Durability durability);

// The lines with an ALERT in the log from `offset` on, without HAProxy's decoration.
std::string alertsSince(const std::string& log_file, std::int64_t offset);
std::int64_t fileSize(const std::string& path);

}  // namespace towpath::proxy
