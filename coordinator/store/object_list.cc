// Lists, also of the past: the state at an older revision is the present one with the changes since then undone.

#include <fmt/format.h>

#include "store/object_table.h"

namespace towpath::store {
namespace {

using Objects = std::map<std::string, cluster::ObjectRef, std::less<>>;

// Walks two ordered maps as one, in which an entry of `over` hides the one of `under`; entries of `over` without an
// object are skipped.
class MergedWalk {
 public:
  MergedWalk(const Objects& under, const Objects& over, const std::string& after, bool inclusive)
      : under_(inclusive ? under.lower_bound(after) : under.upper_bound(after)),
        under_end_(under.end()),
        over_(inclusive ? over.lower_bound(after) : over.upper_bound(after)),
        over_end_(over.end()) {}

  // The next entry, or nullptr at the end.
  const Objects::value_type* next() {
    while (under_ != under_end_ || over_ != over_end_) {
      const bool take_over = over_ != over_end_ && (under_ == under_end_ || over_->first <= under_->first);
      if (!take_over) return &*under_++;
      if (under_ != under_end_ && under_->first == over_->first) ++under_;
      const auto at = over_++;
      if (at->second) return &*at;
    }
    return nullptr;
  }

 private:
  Objects::const_iterator under_, under_end_, over_, over_end_;
};

}  // namespace

ObjectTable::Objects ObjectTable::differencesAt(const ResourceState& state, Revision revision) {
  Objects differences;
  // From the newest back, so that the oldest change after `revision` has the last word.
  for (auto change = state.history.rbegin(); change != state.history.rend() && change->revision > revision; ++change) {
    const cluster::ObjectMeta& meta = change->object->meta();
    differences[meta.ns + "/" + meta.name] = change->previous;
  }
  return differences;
}

Result<ListPage> ObjectTable::list(std::string_view resource, const ListQuery& query) const {
  if (query.revision > committed_) {
    return fail(ErrorKind::kInvalid,
                fmt::format("resourceVersion {} lies in the future; the newest is {}", query.revision, committed_));
  }
  if (query.revision != 0 && query.revision < compacted_) {
    return fail(ErrorKind::kGone,
                fmt::format("the list at resourceVersion {} has expired: the history begins at {}; list "
                            "again from the start",
                            query.revision, compacted_));
  }
  ListPage page{.revision = query.revision == 0 ? committed_ : query.revision};
  const auto found = states_.find(resource);
  if (found == states_.end()) return page;
  const ResourceState& state = found->second;
  const Objects differences = query.revision == 0 ? Objects() : differencesAt(state, query.revision);

  const std::string prefix = query.ns.empty() ? "" : query.ns + "/";
  MergedWalk walk = query.start_after ? MergedWalk(state.objects, differences,
                                                   query.start_after->ns + "/" + query.start_after->name, false)
                                      : MergedWalk(state.objects, differences, prefix, true);
  while (const auto* entry = walk.next()) {
    if (!entry->first.starts_with(prefix)) break;
    if (query.limit != 0 && page.items.size() == query.limit) {
      ++page.remaining;
      continue;
    }
    if (!query.filter || query.filter(*entry->second)) page.items.push_back(entry->second);
  }
  if (page.remaining > 0) {
    const cluster::ObjectMeta& last = page.items.back()->meta();
    page.continue_after = Key{std::string(resource), last.ns, last.name};
  }
  return page;
}

}  // namespace towpath::store
