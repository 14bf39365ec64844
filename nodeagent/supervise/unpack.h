#pragma once
// Blocking file work for artifacts, run on a pool thread.

#include <cstdint>
#include <string>

#include "base/error.h"

namespace towpath::supervise {

// Lower-case hex SHA-256 of a file.
Result<std::string> hashFile(const std::string& path);

// "<device>:<inode>:<size>:<mtime ns>": changes when the file's content may have.
Result<std::string> fingerprintOf(const std::string& path);

// Unpacks an archive, or copies a program, into the new directory `to`, and syncs it. Refuses entries that would leave
// it (absolute names, "..", through symbolic links) and special files. Checks for room first: kIo with the numbers if
// there is not enough. Gives the name of the program if it was one, or "" for an archive.
Result<std::string> unpackInto(const std::string& file, const std::string& to, const std::string& program_name);

}  // namespace towpath::supervise
