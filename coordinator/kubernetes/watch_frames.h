#pragma once
// The stream of a watch: one JSON event a line, cut into pieces wherever the network pleases. Pure.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cluster/kinds.h"
#include "cluster/object_api.h"

namespace towpath::kubernetes {

class WatchFrames {
 public:
  static constexpr std::size_t kMostLine = 16u << 20;  // an object is at most 3 MB, escapes may multiply it

  // kTooLarge: a line that does not end.
  Result<void> feed(std::string_view bytes);
  // The next whole line that is not blank; valid until the next feed().
  std::optional<std::string_view> next();
  // The stream ended within a line.
  bool partial() const { return taken_ < text_.size(); }

 private:
  std::string text_;
  std::size_t taken_ = 0;     // bytes that next() has given out
  std::size_t searched_ = 0;  // no line end before it
};

// A line of a watch of that resource. nullopt: an event of a type that we do not know, which is passed over. Errors:
// what an ERROR event says (410: kGone), kCorrupt for anything that is no event.
Result<std::optional<cluster::WatchEvent>> decodeWatchEvent(const cluster::Resource& resource, std::string_view line);

// Puts in what the items of a typed list lack.
void addKind(const cluster::Resource& resource, Value& object);

}  // namespace towpath::kubernetes
