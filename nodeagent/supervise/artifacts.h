#pragma once
// Artifacts: what `image` means to the process driver. A file:// or https:// URL of an archive (tar, zip; plain or
// compressed) or of a program, optionally with @sha256:<hex>; ordinary image references are mapped to such URLs by
// [images] in agent.toml. Each is verified, unpacked once under its content address and shared by all instances:
//   <data>/artifacts/<sha256>/…     the unpacked content, read-only by convention
//   <data>/artifacts/.incoming-*    being made; swept at start

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/error.h"
#include "http/client.h"
#include "loop/event.h"
#include "loop/task.h"
#include "loop/uv_loop.h"
#include "supervise/supervisor.h"

namespace towpath::supervise {

struct ArtifactRef {
  std::string url;     // file:// or https://
  std::string sha256;  // lower-case hex, or empty: whatever is there
};

// "file:///srv/shop-1.tar.gz@sha256:…"; `images` maps other references. kInvalid names what is wrong and the mend.
Result<ArtifactRef> resolveImage(const std::string& image, const std::map<std::string, ImageMapping>& images);

struct Artifact {
  std::string sha256;
  std::string root;     // directory of the content
  std::string program;  // what to run if the container names no command; empty for an archive
};

class ArtifactStore {
 public:
  ArtifactStore(loop::UvLoop& loop, http::Client& client, std::string directory);

  // Makes the directory and sweeps what a crash left.
  Result<void> open();
  // The unpacked artifact; waits for a download or an unpacking that is under way. kCorrupt: the digest differs. kIo:
  // the disk is full, or the file can't be read.
  loop::Task<Result<Artifact>> ensure(ArtifactRef ref);
  // Removes what is not in the set, but for the few used last.
  void collectGarbage(const std::set<std::string>& sha256_in_use);

 private:
  loop::Task<Result<Artifact>> fetchAndUnpack(ArtifactRef ref);
  loop::Task<Result<std::string>> download(const ArtifactRef& ref, std::string to);
  std::optional<Artifact> find(const std::string& sha256) const;
  std::string newIncoming();

  loop::UvLoop& loop_;
  http::Client& client_;
  std::string directory_;
  std::uint64_t incoming_ = 0;
  loop::Semaphore one_at_a_time_;             // unpacking is bound by the disk: more at once only thrash it
  std::map<std::string, std::string> known_;  // fingerprint of a local file, or URL of a remote one → sha256
};

}  // namespace towpath::supervise
