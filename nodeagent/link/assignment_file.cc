#include "link/assignment_file.h"

#include <utility>

#include "base/file.h"
#include "tls/crypto.h"
#include "wire/messages.h"

namespace towpath::link {

namespace {
constexpr const char* kFile = "/assignment.sealed";
constexpr const char* kKeyFile = "/node.seal";
constexpr std::size_t kKeyBytes = 32;
// Binds the seal to this use and form.
constexpr std::string_view kContext = "towpath assignment 1";
}  // namespace

Result<std::string> AssignmentFile::key() const {
  Result<std::string> kept = readFile(directory_ + kKeyFile, kKeyBytes + 1);
  if (kept && kept->size() == kKeyBytes) return kept;
  if (kept) return fail(ErrorKind::kCorrupt, directory_ + kKeyFile + " is damaged");
  if (kept.error().kind != ErrorKind::kNotFound) return kept;
  std::string made = tls::randomBytes(kKeyBytes);
  if (Result<void> written = writeFileAtomically(directory_ + kKeyFile, made, 0600); !written) {
    return std::unexpected(written.error());
  }
  return made;
}

Result<std::optional<ObjectSet>> AssignmentFile::load() const {
  Result<std::string> sealed = readFile(directory_ + kFile);
  if (!sealed && sealed.error().kind == ErrorKind::kNotFound) return std::nullopt;
  if (!sealed) return std::unexpected(sealed.error());
  Result<std::string> with = key();
  if (!with) return std::unexpected(with.error());
  Result<std::string> bytes = tls::unseal(*with, *sealed, kContext);
  if (!bytes)
    return fail(ErrorKind::kCorrupt, directory_ + kFile + " does not open: it is damaged, or of another node");
  Result<wire::Down> down = wire::decodeDown(*bytes);
  if (!down) return std::unexpected(down.error());
  auto* whole = std::get_if<wire::Assignment>(&*down);
  if (!whole) return fail(ErrorKind::kCorrupt, directory_ + kFile + " holds no assignment");
  ObjectSet objects;
  objects.apply(std::move(*whole));
  return objects;
}

Result<std::string> AssignmentFile::seal(const ObjectSet& objects) const {
  Result<std::string> with = key();
  if (!with) return with;
  return tls::seal(*with, wire::encode(wire::Down(objects.snapshot())), kContext);
}

Result<void> AssignmentFile::write(const std::string& sealed) const {
  return writeFileAtomically(directory_ + kFile, sealed, 0600);
}

}  // namespace towpath::link
