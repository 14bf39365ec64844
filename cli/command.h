#pragma once
// What the commands share. A command is a coroutine that gives the exit code; what goes wrong is thrown as Failure and
// printed in one place (main.cc) as "Error: …".

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "cli/api.h"
#include "cli/connection.h"
#include "cli/rollout_view.h"
#include "loop/task.h"

namespace towpath::cli {

struct Failure {
  Error error;
  int exit_code = 1;
};

template <class T>
T orFail(Result<T> result) {
  if (!result) throw Failure{result.error()};
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

struct Context {
  Api& api;
  Colour colour = Colour::kNone;
};

using Exit = loop::Task<int>;

void print(std::string_view text);  // to stdout, flushed: watchers pipe it

// ---- commands, one file each in commands/ ----

struct ApplyOptions {
  std::vector<std::string> files;  // "-" is stdin, a directory its *.yaml, *.yml and *.json
  bool dry_run = false;            // asks the server to check and to change nothing
};
Exit apply(Context context, ApplyOptions options);

struct DeleteOptions {
  std::vector<std::string> files;
  std::string resource;
  std::vector<std::string> names;
  bool ignore_not_found = false;
};
Exit remove(Context context, DeleteOptions options);

struct GetOptions {
  std::string resource;
  std::vector<std::string> names;
  std::string output;  // "", "wide", "yaml", "json", "name"
  std::string selector;
  bool all_namespaces = false;
  bool watch = false;
  int timeout_seconds = 0;  // of the watch; 0: none
};
Exit get(Context context, GetOptions options);

struct ListOptions {
  std::vector<std::string> contexts;  // of the kubeconfig, one after the other; none: the one of the context
  ConnectionFlags connection;         // for those
  bool all_namespaces = false;
  bool watch = false;
  std::string name;
};
Exit listRollouts(Context context, ListOptions options);
// Without watching.
Exit listExperiments(Context context, ListOptions options);
// Once, or, while watching, until the time-out (zero: until the user ends it).
Exit showExperiment(Context context, std::string name, bool watch, Duration timeout);
Exit terminateExperiments(Context context, std::vector<std::string> names);
Exit terminateAnalysisRuns(Context context, std::vector<std::string> names);
Exit retryExperiments(Context context, std::vector<std::string> names);

struct SetImageOptions {
  std::string rollout;
  std::vector<std::string> images;  // "container=image", "*=image"
};
Exit setImage(Context context, SetImageOptions options);

// Asks no server.
struct SimulateOptions {
  std::vector<std::string> files;
  std::string rollout;              // empty: the only one of the files
  std::vector<std::string> images;  // "container=image"; none: the files are the update
  std::string metrics;              // CSV file
  std::vector<std::string> faults;  // play/fault.h
  std::string ready_after = "5s";
  std::string promote_after = "30s";  // or "never"
  std::string step_takes = "10s";
  std::string until = "24h";
  double speed = 0;              // as many times as fast as the update would be; 0: all at once
  std::string output = "table";  // or "json"
};
// 0: the new version becomes the stable one; 1: it does not.
int simulate(const SimulateOptions& options);

// Asks no server.
struct LintOptions {
  std::vector<std::string> files;
  bool strict = false;          // what refers to an object that none of the files has is an error
  std::string output = "text";  // or "json"
};
// 0: nothing is wrong, though there may be warnings; 1: something is.
int lintFiles(const LintOptions& options);

struct AnalyzeOptions {
  std::vector<std::string> files;      // on a server there may be none: its own templates are meant
  std::string name;                    // empty: the only analysis of the files
  std::vector<std::string> arguments;  // "name=value"
  std::string trace;                   // CSV file (play/trace.h)
  std::string begin;                   // of the trace, RFC 3339; empty: now
  bool now = false;                    // measure in place of a trace
  bool on_server = false;              // let the coordinator measure
  int count = 1;                       // measurements of each metric, where it is measured
  std::string output = "table";        // or "json"
};
// Asks no server. As exitCodeOf (analysis_view.h).
int analyze(const AnalyzeOptions& options);
// The same by an AnalysisRun on the server, which is deleted when it has ended.
Exit analyzeOnServer(Context context, AnalyzeOptions options);

enum class Promotion { kStep, kFull };
Exit promote(Context context, std::string rollout, Promotion promotion);
Exit abortRollouts(Context context, std::vector<std::string> rollouts);
Exit retryRollouts(Context context, std::vector<std::string> rollouts);
Exit pauseRollouts(Context context, std::vector<std::string> rollouts);
Exit resumeRollouts(Context context, std::vector<std::string> rollouts);
Exit restart(Context context, std::string rollout, std::string in);
Exit undo(Context context, std::string rollout, std::int64_t to_revision);

struct StatusOptions {
  std::string rollout;
  bool watch = true;
  Duration timeout{0};
};
Exit status(Context context, StatusOptions options);

struct TakeOptions {
  std::string name;      // of the Deployment, and of its Rollout
  bool dry_run = false;  // tells the plan and changes nothing
  Duration timeout = std::chrono::minutes(10);
};
Exit adoptDeployment(Context context, TakeOptions options);
Exit releaseDeployment(Context context, TakeOptions options);

struct LogsOptions {
  std::string pod;  // "pod", or "rollout/name": its first pod that runs
  std::string container;
  bool follow = false;
  bool previous = false;
  std::int64_t tail = -1;
};
Exit logs(Context context, LogsOptions options);

struct MetricsOptions {
  std::string rollout;  // empty: all traffic of the namespace
  std::string output;   // "" or "json"
};
Exit metrics(Context context, MetricsOptions options);

Exit nodes(Context context);
Exit events(Context context, std::string rollout, bool watch);

struct TokenOptions {
  std::string ttl = "1h";
  int uses = 1;
};
Exit createToken(Context context, TokenOptions options);
Exit listTokens(Context context);
Exit revokeToken(Context context, std::string id);
Exit printKubeconfig(Context context);
Exit printVersion(Context context);

// The rollout, or kNotFound in kubectl's words.
loop::Task<Value> readRollout(Context context, std::string name);

}  // namespace towpath::cli
