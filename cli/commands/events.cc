#include "cli/command.h"
#include "cli/text.h"
#include "cli/watcher.h"
#include "loop/loop.h"

namespace towpath::cli {
namespace {

std::string lastSeen(const Value& event) {
  for (const char* member : {"lastTimestamp", "eventTime", "firstTimestamp"}) {
    if (event[member].isString()) return event[member].asString();
  }
  return event["metadata"]["creationTimestamp"].asString();
}

std::vector<std::string> rowOf(const Value& event, WallTime now) {
  const auto seen = parseRfc3339(lastSeen(event));
  const Value& about = event["involvedObject"];
  std::string kind = about["kind"].asString();
  for (char& c : kind) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::int64_t count = event["count"].asInt(1);
  return {seen ? formatAge(now - *seen) + (count > 1 ? fmt::format(" (x{})", count) : "") : "",
          event["type"].asString(), event["reason"].asString(), kind + "/" + about["name"].asString(),
          event["message"].asString()};
}

}  // namespace

Exit events(Context context, std::string rollout, bool watch) {
  // Events of a rollout: of itself, and of what bears its name (replica sets, pods, analysis runs).
  const auto concerns = [&rollout](const Value& event) {
    const std::string_view name = event["involvedObject"]["name"].asStringView();
    return rollout.empty() || name == rollout || name.starts_with(rollout + "-");
  };
  const ListQuery query{context.api.ns(), "", "", Representation::kObject};
  loop::Loop& loop = context.api.loop();
  if (!watch) {
    const Value list = orFail(co_await context.api.list(kEvents, query));
    std::vector<const Value*> items;
    for (const Value& event : list["items"].asArray()) items.push_back(&event);
    std::sort(items.begin(), items.end(), [](const Value* a, const Value* b) {
      const auto key = [](const Value* v) { return std::pair(lastSeen(*v), (*v)["metadata"]["name"].asString()); };
      return key(a) < key(b);
    });
    Table table({"LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"});
    for (const Value* event : items) {
      if (concerns(*event)) table.add(rowOf(*event, loop.wallNow()));
    }
    if (table.empty())
      fmt::print(stderr, "No events found in {} namespace.\n", context.api.ns());
    else
      print(table.render());
    co_return 0;
  }
  std::map<std::string, std::string> shown;
  LiveList live(context.api, kEvents, query);
  co_await live.follow([&] {
    for (const auto& [key, event] : live.byName()) {
      const std::string version = event["metadata"]["resourceVersion"].asString();
      if (!concerns(event) || std::exchange(shown[key], version) == version) continue;
      const std::vector<std::string> row = rowOf(event, loop.wallNow());
      print(fmt::format("{:<10}{:<9}{:<26}{:<34}{}\n", row[0], row[1], row[2], row[3], row[4]));
    }
  });
  co_return 0;
}

}  // namespace towpath::cli
