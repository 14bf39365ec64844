#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace towpath {
namespace {

// Closes on every way out; the destructor must not disturb the errno that tells why.
struct Descriptor {
  int fd;
  ~Descriptor() {
    const int saved = errno;
    if (fd >= 0) ::close(fd);
    errno = saved;
  }
};

bool writeAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool syncDirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor descriptor{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  return descriptor.fd >= 0 && ::fsync(descriptor.fd) == 0;
}

}  // namespace

Error lastOsError(const std::string& what) {
  const int code = errno;
  const ErrorKind kind = code == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo;
  return Error{kind, fmt::format("{}: {}", what, std::strerror(code)), {}};
}

Result<std::string> readFile(const std::string& path, std::size_t limit) {
  const Descriptor descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (descriptor.fd < 0) return std::unexpected(lastOsError("cannot open " + path));
  std::string bytes;
  char buffer[16384];
  while (true) {
    const ssize_t count = ::read(descriptor.fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(lastOsError("cannot read " + path));
    if (count == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(count) > limit) {
      return fail(ErrorKind::kTooLarge, fmt::format("{} is larger than {} bytes", path, limit));
    }
    bytes.append(buffer, static_cast<std::size_t>(count));
  }
}

Result<void> writeFileAtomically(const std::string& path, std::string_view bytes, int mode) {
  const std::string temporary = path + ".tmp";
  {
    const Descriptor descriptor{
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, static_cast<mode_t>(mode))};
    if (descriptor.fd < 0) return std::unexpected(lastOsError("cannot write " + temporary));
    if (!writeAll(descriptor.fd, bytes) || ::fsync(descriptor.fd) != 0) {
      const Error error = lastOsError("cannot write " + temporary);
      ::unlink(temporary.c_str());
      return std::unexpected(error);
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0 || !syncDirectoryOf(path)) {
    return std::unexpected(lastOsError("cannot replace " + path));
  }
  return {};
}

Result<void> makeDirectories(const std::string& path, int mode) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), static_cast<mode_t>(mode)) != 0 && errno != EEXIST) {
      return std::unexpected(lastOsError("cannot make directory " + part));
    }
    if (at == std::string::npos) return {};
  }
}

}  // namespace towpath
