#include "cli/command.h"
#include "cli/text.h"
#include "cli/watcher.h"
#include "loop/event.h"
#include "loop/scope.h"

namespace towpath::cli {
namespace {

std::vector<std::string> rowOf(const RolloutSummary& row, bool with_namespace) {
  std::vector<std::string> cells;
  if (with_namespace) cells.push_back(row.ns);
  cells.insert(cells.end(), {row.name, row.strategy, row.status, row.step, row.set_weight, row.ready, row.desired,
                             row.up_to_date, row.available});
  return cells;
}

std::vector<std::string> header(bool with_namespace) {
  std::vector<std::string> cells = {"NAME",  "STRATEGY", "STATUS",     "STEP",     "SET-WEIGHT",
                                    "READY", "DESIRED",  "UP-TO-DATE", "AVAILABLE"};
  if (with_namespace) cells.insert(cells.begin(), "NAMESPACE");
  return cells;
}

// Rows that come one after another keep the widths of the header, as the peer's watch does.
std::string paddedRow(const std::vector<std::string>& header_cells, const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 == cells.size()) break;
    const std::size_t width = std::max<std::size_t>(header_cells[i].size(), i == 0 ? 20 : 0);
    line.append(width > displayWidth(cells[i]) ? width - displayWidth(cells[i]) + 2 : 2, ' ');
  }
  return line + "\n";
}

}  // namespace

namespace {

// Coordinators and clusters together, in the order of the contexts. One that does not answer is named, and hides
// nothing of the others.
Exit listClusters(Context context, ListOptions options) {
  if (options.watch) throw Failure{Error{ErrorKind::kInvalid, "--watch and --cluster do not go together", ""}, 2};
  if (options.contexts == std::vector<std::string>{"all"}) options.contexts = orFail(contextNames(options.connection));
  std::vector<std::string> cells = header(true);
  cells.insert(cells.begin(), "CLUSTER");
  Table table(cells);
  int exit_code = 0;
  for (const std::string& name : options.contexts) {
    ConnectionFlags flags = options.connection;
    flags.context = name;
    Api api(context.api.loop(), orFail(connect(flags)));
    const std::string field = options.name.empty() ? "" : "metadata.name=" + options.name;
    const auto list =
        co_await api.list(kRollouts, {options.all_namespaces ? "" : api.ns(), "", field, Representation::kObject});
    if (!list) {
      fmt::print(stderr, "Error: {}: {}\n", name, describe(list.error()));
      exit_code = 1;
      continue;
    }
    for (const Value& rollout : (*list)["items"].asArray()) {
      std::vector<std::string> row = rowOf(summarize(rollout), true);
      row.insert(row.begin(), name);
      table.add(row);
    }
  }
  if (!table.empty()) print(table.render());
  if (table.empty() && exit_code == 0) fmt::print(stderr, "No resources found.\n");
  co_return exit_code;
}

}  // namespace

Exit listRollouts(Context context, ListOptions options) {
  if (!options.contexts.empty()) co_return co_await listClusters(context, std::move(options));
  const bool with_namespace = options.all_namespaces;
  const std::string field = options.name.empty() ? "" : "metadata.name=" + options.name;
  const ListQuery query{with_namespace ? "" : context.api.ns(), "", field, Representation::kObject};
  if (!options.watch) {
    const Value list = orFail(co_await context.api.list(kRollouts, query));
    Table table(header(with_namespace));
    for (const Value& rollout : list["items"].asArray()) table.add(rowOf(summarize(rollout), with_namespace));
    if (table.empty())
      fmt::print(stderr, "No resources found.\n");
    else
      print(table.render());
    co_return 0;
  }
  print(paddedRow(header(with_namespace), header(with_namespace)));
  std::map<std::string, RolloutSummary> shown;
  LiveList live(context.api, kRollouts, query);
  co_await live.follow([&] {
    for (const auto& [key, rollout] : live.byName()) {
      RolloutSummary summary = summarize(rollout);
      if (auto& before = shown[key]; !(before == summary)) {
        before = std::move(summary);
        print(paddedRow(header(with_namespace), rowOf(before, with_namespace)));
      }
    }
  });
  co_return 0;
}

}  // namespace towpath::cli
