#include "supervise/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "tls/crypto.h"

namespace towpath::supervise {
namespace {

namespace fs = std::filesystem;

// Left free for everything else on the node: logs and records must be writable when artifacts fill the disk.
constexpr std::int64_t kReserveBytes = std::int64_t{32} << 20;

Result<void> checkRoom(const std::string& directory, std::int64_t wanted) {
  struct statvfs info{};
  if (::statvfs(directory.c_str(), &info) != 0)
    return std::unexpected(lastOsError("cannot ask for free space in " + directory));
  const std::int64_t free_bytes = static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
  if (free_bytes - wanted < kReserveBytes) {
    return fail(ErrorKind::kIo,
                fmt::format("not enough disk space in {}: {} bytes are needed, {} are free and {} of them are kept in "
                            "reserve",
                            directory, wanted, free_bytes, kReserveBytes));
  }
  return {};
}

struct ReadArchive {
  archive* handle = archive_read_new();
  ~ReadArchive() { archive_read_free(handle); }
};
struct WriteDisk {
  archive* handle = archive_write_disk_new();
  ~WriteDisk() { archive_write_free(handle); }
};

Error archiveError(archive* handle, const std::string& what) {
  const char* text = archive_error_string(handle);
  const ErrorKind kind = archive_errno(handle) == ENOSPC ? ErrorKind::kIo : ErrorKind::kCorrupt;
  return Error{kind, fmt::format("{}: {}", what, text ? text : "unknown failure"), {}};
}

Result<bool> openArchive(archive* reader, const std::string& file) {
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_xz(reader);
  archive_read_support_filter_zstd(reader);
  archive_read_support_filter_bzip2(reader);
  archive_read_support_format_tar(reader);
  archive_read_support_format_zip(reader);
  return archive_read_open_filename(reader, file.c_str(), 1u << 18) == ARCHIVE_OK;
}

// False if the file is no archive of a known format: then it is a program.
bool looksLikeArchive(const std::string& file) {
  const ReadArchive reader;
  if (!openArchive(reader.handle, file).value_or(false)) return false;
  archive_entry* entry = nullptr;
  return archive_read_next_header(reader.handle, &entry) == ARCHIVE_OK;
}

Result<void> copyEntry(archive* reader, archive* disk, archive_entry* entry, const std::string& to) {
  const std::string name = archive_entry_pathname(entry);
  const auto type = archive_entry_filetype(entry);
  if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK && archive_entry_hardlink(entry) == nullptr) {
    return fail(ErrorKind::kCorrupt, fmt::format("the archive holds a special file, \"{}\"", name));
  }
  if (auto room = checkRoom(to, archive_entry_size(entry)); !room) return room;
  archive_entry_set_pathname(entry, (to + "/" + name).c_str());
  if (const char* target = archive_entry_hardlink(entry)) {
    archive_entry_set_hardlink(entry, (to + "/" + target).c_str());
  }
  // Setuid bits of a downloaded file are nobody's wish.
  archive_entry_set_perm(entry, (archive_entry_perm(entry) & 0755) | (type == AE_IFDIR ? 0555 : 0444));
  if (archive_write_header(disk, entry) != ARCHIVE_OK)
    return std::unexpected(archiveError(disk, "cannot unpack " + name));
  const void* block = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  while (true) {
    const int got = archive_read_data_block(reader, &block, &size, &offset);
    if (got == ARCHIVE_EOF) break;
    if (got != ARCHIVE_OK) return std::unexpected(archiveError(reader, "cannot read " + name));
    if (archive_write_data_block(disk, block, size, offset) < ARCHIVE_OK) {
      return std::unexpected(archiveError(disk, "cannot write " + name));
    }
  }
  if (archive_write_finish_entry(disk) != ARCHIVE_OK)
    return std::unexpected(archiveError(disk, "cannot finish " + name));
  return {};
}

// Names are checked before they are joined to our directory, and libarchive refuses to write through symbolic links.
Result<void> checkName(const std::string& name) {
  if (name.empty() || name.front() == '/')
    return fail(ErrorKind::kCorrupt, fmt::format("the archive holds an absolute name, \"{}\"", name));
  for (const fs::path& part : fs::path(name)) {
    if (part == "..")
      return fail(ErrorKind::kCorrupt, fmt::format("the archive holds a name that leaves it, \"{}\"", name));
  }
  return {};
}

Result<void> unpackArchive(const std::string& file, const std::string& to) {
  const ReadArchive reader;
  const WriteDisk disk;
  if (!openArchive(reader.handle, file).value_or(false))
    return std::unexpected(archiveError(reader.handle, "cannot open the archive"));
  // Not ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS: after checkName() we make the names absolute ourselves.
  archive_write_disk_set_options(disk.handle, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
                                                  ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_SYMLINKS);
  while (true) {
    archive_entry* entry = nullptr;
    const int got = archive_read_next_header(reader.handle, &entry);
    if (got == ARCHIVE_EOF) return {};
    if (got != ARCHIVE_OK) return std::unexpected(archiveError(reader.handle, "cannot read the archive"));
    for (const char* name : {archive_entry_pathname(entry), archive_entry_hardlink(entry)}) {
      if (name == nullptr) continue;
      if (auto checked = checkName(name); !checked) return checked;
    }
    if (auto copied = copyEntry(reader.handle, disk.handle, entry, to); !copied) return copied;
  }
}

Result<void> copyProgram(const std::string& file, const std::string& to) {
  std::error_code error;
  if (auto room = checkRoom(fs::path(to).parent_path(), static_cast<std::int64_t>(fs::file_size(file, error))); !room)
    return room;
  fs::copy_file(file, to, error);
  if (error) return fail(ErrorKind::kIo, fmt::format("cannot copy {}: {}", file, error.message()));
  if (::chmod(to.c_str(), 0755) != 0) return std::unexpected(lastOsError("cannot make executable " + to));
  return {};
}

// One syncfs rather than an fsync a file: an archive may hold thousands.
Result<void> syncTree(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(lastOsError("cannot open " + directory));
  const bool synced = ::syncfs(fd) == 0;
  const Error error = synced ? Error{} : lastOsError("cannot sync " + directory);
  ::close(fd);
  if (!synced) return std::unexpected(error);
  return {};
}

}  // namespace

Result<std::string> hashFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(lastOsError("cannot open " + path));
  tls::Sha256 hash;
  std::string buffer(1u << 18, '\0');
  ssize_t count = 0;
  while ((count = ::read(fd, buffer.data(), buffer.size())) > 0)
    hash.update({buffer.data(), static_cast<std::size_t>(count)});
  const Error error = count < 0 ? lastOsError("cannot read " + path) : Error{};
  ::close(fd);
  if (count < 0) return std::unexpected(error);
  return hash.finishHex();
}

Result<std::string> fingerprintOf(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return std::unexpected(lastOsError("cannot open " + path));
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::kInvalid, path + " is not a file");
  return fmt::format("{}:{}:{}:{}.{}", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec);
}

Result<std::string> unpackInto(const std::string& file, const std::string& to, const std::string& program_name) {
  if (::mkdir(to.c_str(), 0755) != 0) return std::unexpected(lastOsError("cannot make " + to));
  const bool is_archive = looksLikeArchive(file);
  // libarchive refuses to write through any symbolic link of the path, those above our directory too: so without them.
  std::error_code error;
  const std::string real = fs::canonical(to, error);
  const Result<void> unpacked =
      is_archive ? unpackArchive(file, error ? to : real) : copyProgram(file, to + "/" + program_name);
  if (!unpacked) return std::unexpected(unpacked.error());
  if (auto synced = syncTree(to); !synced) return std::unexpected(synced.error());
  return is_archive ? std::string() : program_name;
}

}  // namespace towpath::supervise
