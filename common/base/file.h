#pragma once
// Small files that must survive a crash whole: configuration, records, keys.

#include <string>
#include <string_view>

#include "base/error.h"

namespace towpath {

// The whole file. kNotFound, kIo, or kTooLarge past `limit` bytes.
Result<std::string> readFile(const std::string& path, std::size_t limit = std::size_t{64} << 20);

// Writes a temporary file beside it, syncs, renames over it and syncs the directory: after a crash there is the old
// file or the new one. A full disk or any other failure leaves the old one.
Result<void> writeFileAtomically(const std::string& path, std::string_view bytes, int mode = 0600);

// With its parents.
Result<void> makeDirectories(const std::string& path, int mode = 0700);

// "what: No space left on device", of the present errno.
Error lastOsError(const std::string& what);

}  // namespace towpath
