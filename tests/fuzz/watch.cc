// The stream of a watch. The first byte says how it is cut into pieces: the events must not depend on that.

#include "kubernetes/watch_frames.h"

#include "fuzz.h"

namespace towpath::fuzz {
namespace {

std::string read(std::string_view stream, std::size_t piece) {
  kubernetes::WatchFrames frames;
  std::string said;
  while (!stream.empty()) {
    const std::string_view bytes = stream.substr(0, piece);
    stream.remove_prefix(bytes.size());
    if (!frames.feed(bytes)) return said + "too large";
    while (const auto line = frames.next()) {
      const auto event = kubernetes::decodeWatchEvent(cluster::kPods, *line);
      if (!event) {
        said += describe(event.error()) + ";";
        continue;
      }
      if (!*event) continue;
      const cluster::ObjectMeta& meta = (*event)->object->meta();
      require(!meta.resource_version.empty(), "a watch goes on from each of its events");
      said += meta.name + "@" + meta.resource_version + ";";
    }
  }
  return said + (frames.partial() ? "…" : "");
}

}  // namespace

void run(std::string_view input) {
  if (input.empty()) return;
  const std::size_t piece = 1 + static_cast<unsigned char>(input.front()) % 64;
  input.remove_prefix(1);
  require(read(input, piece) == read(input, input.size() + 1), "the events depend on the pieces");
}

}  // namespace towpath::fuzz
