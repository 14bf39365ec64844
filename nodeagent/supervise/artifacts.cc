#include "supervise/artifacts.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/log.h"
#include "supervise/unpack.h"

namespace towpath::supervise {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeptUnused = 5;  // for a quick way back
constexpr const char* kProgramFile = ".towpath-program";

bool isHexDigest(const std::string& text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The longest pattern that fits: an exact reference, or a prefix that ends in "*" (the rest takes the place of "*" in
// the artifact).
std::optional<std::string> mapImage(const std::string& image, const std::map<std::string, ImageMapping>& images) {
  if (const auto exact = images.find(image); exact != images.end()) return exact->second.artifact;
  std::optional<std::string> mapped;
  std::size_t longest = 0;
  for (const auto& [pattern, mapping] : images) {
    if (!pattern.ends_with('*') || pattern.size() <= longest) continue;
    const std::string prefix = pattern.substr(0, pattern.size() - 1);
    if (!image.starts_with(prefix)) continue;
    longest = pattern.size();
    mapped = mapping.artifact;
    if (const std::size_t star = mapped->find('*'); star != std::string::npos)
      mapped->replace(star, 1, image.substr(prefix.size()));
  }
  return mapped;
}

std::string baseName(const std::string& url) {
  const std::string path = url.substr(0, url.find('?'));
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.empty() ? "program" : name;
}

Error digestDiffers(const ArtifactRef& ref, const std::string& actual) {
  return Error{
      ErrorKind::kCorrupt,
      fmt::format(
          "{} has the digest sha256:{}, but sha256:{} was asked for: it was changed or damaged; nothing was started",
          ref.url, actual, ref.sha256),
      {}};
}

}  // namespace

Result<ArtifactRef> resolveImage(const std::string& image, const std::map<std::string, ImageMapping>& images) {
  ArtifactRef ref{mapImage(image, images).value_or(image), {}};
  if (const std::size_t at = ref.url.rfind("@sha256:"); at != std::string::npos) {
    ref.sha256 = ref.url.substr(at + 8);
    ref.url.resize(at);
    if (!isHexDigest(ref.sha256)) {
      return fail(ErrorKind::kInvalid,
                  fmt::format("\"{}\": after @sha256: come 64 lower-case hexadecimal digits", image));
    }
  }
  if (ref.url.starts_with("file:///") || ref.url.starts_with("https://")) return ref;
  if (ref.url.starts_with("http://")) {
    return fail(ErrorKind::kInvalid,
                fmt::format("\"{}\": artifacts come by https:// or file://, not by http://", image));
  }
  return fail(ErrorKind::kInvalid,
              fmt::format("\"{}\" is no file:// or https:// URL, and [images] in this node's agent.toml does not "
                          "map it to one",
                          image));
}

ArtifactStore::ArtifactStore(loop::UvLoop& loop, http::Client& client, std::string directory)
    : loop_(loop), client_(client), directory_(std::move(directory)), one_at_a_time_(loop, 1) {}

Result<void> ArtifactStore::open() {
  if (auto made = makeDirectories(directory_, 0755); !made) return made;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    if (entry.path().filename().string().starts_with(".incoming")) fs::remove_all(entry.path(), error);
  }
  return {};
}

std::optional<Artifact> ArtifactStore::find(const std::string& sha256) const {
  const std::string root = directory_ + "/" + sha256;
  std::error_code error;
  if (sha256.empty() || !fs::is_directory(root, error)) return std::nullopt;
  const std::string program = readFile(root + "/" + kProgramFile).value_or("");
  return Artifact{sha256, root, program.empty() ? "" : root + "/" + program};
}

std::string ArtifactStore::newIncoming() { return fmt::format("{}/.incoming-{}", directory_, ++incoming_); }

loop::Task<Result<Artifact>> ArtifactStore::ensure(ArtifactRef ref) {
  if (auto found = find(ref.sha256)) co_return *found;
  const auto permit = co_await one_at_a_time_.acquire();
  if (auto found = find(ref.sha256)) co_return *found;
  co_return co_await fetchAndUnpack(std::move(ref));
}

loop::Task<Result<std::string>> ArtifactStore::download(const ArtifactRef& ref, std::string to) {
  http::ClientRequest request;
  request.url = ref.url;
  request.timeout = Duration::zero();
  request.idle_timeout = std::chrono::seconds(60);
  request.max_redirects = 5;
  auto stream = co_await client_.open(std::move(request));
  if (!stream) co_return std::unexpected(withContext(stream.error(), "cannot fetch " + ref.url));
  if ((*stream)->status() != 200) {
    co_return fail(ErrorKind::kNotFound,
                   fmt::format("cannot fetch {}: the server answered {}", ref.url, (*stream)->status()));
  }
  std::ofstream file(to, std::ios::binary);
  while (true) {
    auto chunk = co_await (*stream)->read();
    if (!chunk) co_return std::unexpected(withContext(chunk.error(), "cannot fetch " + ref.url));
    if (!*chunk) break;
    file.write((*chunk)->data(), static_cast<std::streamsize>((*chunk)->size()));
    if (!file) co_return std::unexpected(lastOsError("cannot write " + to));
  }
  file.close();
  if (!file) co_return std::unexpected(lastOsError("cannot write " + to));
  co_return to;
}

loop::Task<Result<Artifact>> ArtifactStore::fetchAndUnpack(ArtifactRef ref) {
  const bool local = ref.url.starts_with("file://");
  std::string file = local ? ref.url.substr(7) : newIncoming();
  std::string known_as = ref.url;
  if (local) {
    auto fingerprint = fingerprintOf(file);
    if (!fingerprint) co_return std::unexpected(fingerprint.error());
    known_as = *fingerprint;
  }
  // A URL without a digest is fetched once (as imagePullPolicy IfNotPresent); a file is looked at again when it
  // changed.
  if (const auto known = known_.find(known_as); known != known_.end() && ref.sha256.empty()) {
    if (auto found = find(known->second)) co_return *found;
  }
  if (!local) {
    auto downloaded = co_await download(ref, file);
    if (!downloaded) {
      ::unlink(file.c_str());
      co_return std::unexpected(downloaded.error());
    }
  }
  const std::string incoming = newIncoming();
  auto unpacked =
      co_await loop::offload(loop_, [file, incoming, ref, this_directory = directory_]() -> Result<std::string> {
        auto digest = hashFile(file);
        if (!digest) return digest;
        if (!ref.sha256.empty() && ref.sha256 != *digest) return std::unexpected(digestDiffers(ref, *digest));
        std::error_code error;
        const std::string final_name = this_directory + "/" + *digest;
        if (fs::is_directory(final_name, error)) return digest;
        auto program = unpackInto(file, incoming, baseName(ref.url));
        Result<void> done;
        if (!program)
          done = std::unexpected(program.error());
        else if (!program->empty())
          done = writeFileAtomically(incoming + "/" + kProgramFile, *program, 0644);
        if (done && std::rename(incoming.c_str(), final_name.c_str()) != 0)
          done = std::unexpected(lastOsError("cannot keep " + final_name));
        if (!done) {
          fs::remove_all(incoming, error);
          return std::unexpected(done.error());
        }
        return digest;
      });
  if (!local) ::unlink(file.c_str());
  if (!unpacked) co_return std::unexpected(unpacked.error());
  known_[known_as] = *unpacked;
  auto found = find(*unpacked);
  if (!found) co_return fail(ErrorKind::kIo, "the unpacked artifact has vanished from " + directory_);
  co_return *found;
}

void ArtifactStore::collectGarbage(const std::set<std::string>& sha256_in_use) {
  std::error_code error;
  std::vector<fs::directory_entry> unused;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    if (isHexDigest(name) && !sha256_in_use.contains(name)) unused.push_back(entry);
  }
  if (unused.size() <= kKeptUnused) return;
  std::sort(unused.begin(), unused.end(),
            [&](const auto& a, const auto& b) { return a.last_write_time(error) > b.last_write_time(error); });
  for (std::size_t i = kKeptUnused; i < unused.size(); ++i) {
    // Renamed first: a crash in the middle leaves nothing that looks whole.
    const std::string doomed = newIncoming();
    fs::rename(unused[i].path(), doomed, error);
    fs::remove_all(doomed, error);
  }
}

}  // namespace towpath::supervise
