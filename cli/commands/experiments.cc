// Experiments: one as a tree, all as a list, ended, run anew; and analysis runs, which end the same way.

#include "cli/command.h"
#include "cli/experiment_view.h"
#include "cli/watcher.h"
#include "loop/loop.h"

namespace towpath::cli {
namespace {

loop::Task<void> patchObject(Context context, const ApiResource& resource, std::string name, Value patch) {
  orFail(co_await context.api.patch(resource, context.api.ns(), name, PatchKind::kMerge, std::move(patch)));
}

}  // namespace

Exit showExperiment(Context context, std::string name, bool watch, Duration timeout) {
  Api& api = context.api;
  orFail(co_await api.get(kExperiments, api.ns(), name));  // the error for a name that does not exist
  LiveList experiments(api, kExperiments, {api.ns(), "", "metadata.name=" + name, Representation::kObject});
  LiveList replica_sets(api, kReplicaSets, allOf(api));
  LiveList pods(api, kPods, allOf(api));
  LiveList runs(api, kAnalysisRuns, allOf(api));
  ListGroup group(api);
  for (LiveList* list : {&experiments, &replica_sets, &pods, &runs}) group.follow(*list);
  const auto draw = [&] {
    if (experiments.byName().empty())
      throw Failure{{ErrorKind::kNotFound, fmt::format("experiment \"{}\" was deleted", name), ""}};
    return renderExperiment(experimentWorld(experiments.byName().begin()->second, replica_sets, pods, runs),
                            api.loop().wallNow(), context.colour);
  };
  co_return co_await drawTree(group, draw, watch, timeout);
}

Exit listExperiments(Context context, ListOptions options) {
  const bool with_namespace = options.all_namespaces;
  const std::string field = options.name.empty() ? "" : "metadata.name=" + options.name;
  const Value list = orFail(co_await context.api.list(
      kExperiments, {with_namespace ? "" : context.api.ns(), "", field, Representation::kObject}));
  std::vector<std::string> header{"NAME", "STATUS", "DURATION", "REMAINING", "AGE"};
  if (with_namespace) header.insert(header.begin(), "NAMESPACE");
  Table table(std::move(header));
  for (const Value& experiment : list["items"].asArray()) {
    const ExperimentSummary row = summarizeExperiment(experiment, context.api.loop().wallNow());
    std::vector<std::string> cells{row.name, row.status, row.duration, row.remaining, row.age};
    if (with_namespace) cells.insert(cells.begin(), row.ns);
    table.add(std::move(cells));
  }
  if (table.empty())
    fmt::print(stderr, "No resources found.\n");
  else
    print(table.render());
  co_return 0;
}

Exit terminateExperiments(Context context, std::vector<std::string> names) {
  for (const std::string& name : names) {
    co_await patchObject(context, kExperiments, name, Object{{"spec", Object{{"terminate", true}}}});
    print(fmt::format("experiment '{}' terminated\n", name));
  }
  co_return 0;
}

Exit terminateAnalysisRuns(Context context, std::vector<std::string> names) {
  for (const std::string& name : names) {
    co_await patchObject(context, kAnalysisRuns, name, Object{{"spec", Object{{"terminate", true}}}});
    print(fmt::format("analysisRun '{}' terminated\n", name));
  }
  co_return 0;
}

// The whole status goes: its life begins anew.
Exit retryExperiments(Context context, std::vector<std::string> names) {
  for (const std::string& name : names) {
    co_await patchObject(context, kExperiments, name, Object{{"status", nullptr}});
    print(fmt::format("experiment '{}' retried\n", name));
  }
  co_return 0;
}

}  // namespace towpath::cli
