// What the nodes' proxies counted of the last minute, by version.

#include <map>

#include "api/keys.h"
#include "cli/command.h"
#include "cli/text.h"
#include "json/serialize.h"

namespace towpath::cli {
namespace {

// By pod template hash: "stable", "canary" (or the new version of whatever strategy), "old".
loop::Task<std::map<std::string, std::string, std::less<>>> rolesOf(Context context, std::string name) {
  const Value rollout = co_await readRollout(context, name);
  const Value sets =
      orFail(co_await context.api.list(kReplicaSets, {context.api.ns(), "", "", Representation::kObject}));
  std::map<std::string, std::string, std::less<>> roles;
  for (const Value& set : sets["items"].asArray()) {
    if (isOwnedBy(set, rollout["metadata"]["uid"].asStringView()))
      roles[set["metadata"]["labels"][api::kHashLabel].asString()] = "old";
  }
  roles[rollout["status"]["currentPodHash"].asString()] = "canary";
  roles[rollout["status"]["stableRS"].asString()] = "stable";
  roles.erase("");
  co_return roles;
}

std::string number(const Value& value, const char* format) {
  return value.isNull() ? "-" : fmt::format(fmt::runtime(format), value.asDouble());
}

std::vector<std::string> rowOf(const Value& item, std::string role, double seconds) {
  const auto requests = static_cast<double>(item["requests"].asInt());
  const std::string errors =
      requests > 0 ? fmt::format("{:.2f} %", 100 * static_cast<double>(item["errors"].asInt()) / requests) : "-";
  const Value& latency = item["latencyMs"];
  return {std::move(role),
          item["version"].asString(),
          item["service"].asString(),
          item["route"].asString(),
          fmt::format("{:.1f}/s", requests / seconds),
          errors,
          number(latency["p50"], "{:.1f} ms"),
          number(latency["p90"], "{:.1f} ms"),
          number(latency["p99"], "{:.1f} ms")};
}

}  // namespace

Exit metrics(Context context, MetricsOptions options) {
  if (!options.output.empty() && options.output != "json")
    throw Failure{{ErrorKind::kInvalid, "\"" + options.output + "\" is no output; there is json", "--output"}};
  std::map<std::string, std::string, std::less<>> roles;
  if (!options.rollout.empty()) roles = co_await rolesOf(context, options.rollout);
  const Value reply = orFail(
      co_await context.api.call("GET", "/towpath/v1/traffic?namespace=" + http::percentEncode(context.api.ns())));
  Array kept;
  Table table({"ROLE", "VERSION", "SERVICE", "ROUTE", "REQUESTS", "ERRORS", "P50", "P90", "P99"});
  for (const Value& item : reply["items"].asArray()) {
    const auto role = roles.find(item["version"].asStringView());
    if (!options.rollout.empty() && role == roles.end()) continue;
    table.add(rowOf(item, role == roles.end() ? "" : role->second, std::max(reply["seconds"].asDouble(60), 1.0)));
    kept.push_back(item);
  }
  if (options.output == "json")
    print(json::serialize(Object{{"seconds", reply["seconds"]}, {"items", std::move(kept)}}) + "\n");
  else if (table.empty())
    fmt::print(stderr, "No traffic was counted in the last day.\n");
  else
    print(table.render());
  co_return 0;
}

}  // namespace towpath::cli
