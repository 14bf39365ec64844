// towpath: the command line. Arguments are defined here and nowhere else (CLI11 is slow to compile); each verb only
// fills an option struct and hands over to its command.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "cli/command.h"
#include "cli/completion.h"
#include "cli/connection.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"

namespace towpath::cli {

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

namespace {

using Run = std::function<Exit(Context)>;

struct Arguments {
  ConnectionFlags connection;
  bool no_color = false;
  Run run;                       // of the verb that was given
  std::function<int()> offline;  // of one that asks no server

  ApplyOptions apply;
  DeleteOptions remove;
  GetOptions get;
  ListOptions list;
  SetImageOptions set_image;
  SimulateOptions simulate;
  LintOptions lint;
  AnalyzeOptions analyze;
  StatusOptions status;
  TakeOptions take;
  LogsOptions logs;
  TokenOptions token;
  MetricsOptions metrics;
  std::string rollout, in, timeout, shell, token_id;
  std::vector<std::string> rollouts;
  bool full = false, watch = false, no_watch = false, experiments = false;
  std::int64_t to_revision = 0;
};

void addGlobals(CLI::App& app, Arguments& arguments) {
  app.add_option("--kubeconfig", arguments.connection.kubeconfig, "kubeconfig to use")->type_name("FILE");
  app.add_option("--context", arguments.connection.context, "context of the kubeconfig")->type_name("NAME");
  app.add_option("-n,--namespace", arguments.connection.ns, "namespace (the context's, else default)")
      ->type_name("NAME");
  app.add_option("--server", arguments.connection.server, "address of the API, in place of the kubeconfig's")
      ->type_name("URL");
  app.add_option("--token", arguments.connection.token, "bearer token, in place of the kubeconfig's")
      ->type_name("TOKEN");
  app.add_flag("--no-color", arguments.no_color, "plain text");
}

// A verb with its help and examples; `run` is kept when it is the one given.
CLI::App* addVerb(CLI::App& app, Arguments& arguments, const std::string& name, const std::string& help,
                  const std::string& examples, Run run) {
  CLI::App* verb = app.add_subcommand(name, help);
  verb->footer(examples.empty() ? "" : "Examples:\n" + examples);
  verb->callback([&arguments, run = std::move(run)] { arguments.run = run; });
  verb->fallthrough();  // global flags may come after the verb
  return verb;
}

void addObjectVerbs(CLI::App& app, Arguments& a) {
  auto* apply_verb = addVerb(app, a, "apply", "Create or change objects from YAML or JSON files",
                             "  towpath apply -f shop.yaml\n  kubectl kustomize . | towpath apply -f -\n",
                             [&a](Context c) { return apply(c, a.apply); });
  apply_verb->add_option("-f,--filename", a.apply.files, "file, directory, or - for standard input")
      ->required()
      ->type_name("FILE");
  apply_verb->add_flag("--dry-run", a.apply.dry_run, "let the server check everything and change nothing");

  auto* delete_verb = addVerb(app, a, "delete", "Delete objects, by file or by name",
                              "  towpath delete -f shop.yaml\n  towpath delete rollout shop\n",
                              [&a](Context c) { return remove(c, a.remove); });
  delete_verb->add_option("-f,--filename", a.remove.files, "file, directory, or -")->type_name("FILE");
  delete_verb->add_option("RESOURCE", a.remove.resource, "kind of the objects");
  delete_verb->add_option("NAME", a.remove.names, "names");
  delete_verb->add_flag("--ignore-not-found", a.remove.ignore_not_found, "an object that is gone already is no error");

  auto* get_verb =
      addVerb(app, a, "get", "Show objects; one rollout or experiment as a tree with everything that belongs to it",
              "  towpath get rollout shop --watch\n  towpath get pods -o wide\n  towpath get rollout shop -o yaml\n",
              [&a](Context c) { return get(c, a.get); });
  get_verb->add_option("RESOURCE", a.get.resource, "kind: rollout (ro), pods (po), replicasets (rs), services (svc), …")
      ->required();
  get_verb->add_option("NAME", a.get.names, "names; none: all");
  get_verb->add_option("-o,--output", a.get.output, "wide, yaml, json or name")->type_name("FORMAT");
  get_verb->add_option("-l,--selector", a.get.selector, "label selector")->type_name("LABELS");
  get_verb->add_flag("-A,--all-namespaces", a.get.all_namespaces, "of every namespace");
  get_verb->add_flag("-w,--watch", a.get.watch, "follow the rollout or the experiment");
  get_verb->add_option("--timeout-seconds", a.get.timeout_seconds, "end the watch after that long")->type_name("N");

  auto* list_verb =
      addVerb(app, a, "list", "List rollouts or experiments, a line each",
              "  towpath list rollouts -A\n  towpath list rollouts --watch\n  towpath list experiments\n"
              "  towpath list rollouts -A --cluster shop-3 --cluster eks\n  towpath list rollouts -A --cluster all\n",
              [&a](Context c) {
                if (a.experiments) return listExperiments(c, a.list);
                a.list.connection = a.connection;
                return listRollouts(c, a.list);
              });
  list_verb->add_subcommand("rollouts", "rollouts, which are meant without a word")
      ->alias("rollout")
      ->alias("ro")
      ->fallthrough();
  list_verb->add_subcommand("experiments", "experiments, with what is left of their time")
      ->alias("experiment")
      ->alias("exp")
      ->fallthrough()
      ->callback([&a] { a.experiments = true; });
  list_verb->add_flag("-A,--all-namespaces", a.list.all_namespaces, "of every namespace");
  list_verb->add_flag("-w,--watch", a.list.watch, "a new line whenever one changes");
  list_verb
      ->add_option("--cluster", a.list.contexts,
                   "of these contexts of the kubeconfig, or all: coordinators and clusters together")
      ->type_name("CONTEXT")
      ->allow_extra_args(false);
  list_verb->add_option("--name", a.list.name, "only this one")->type_name("NAME");

  auto* set_verb = app.add_subcommand("set", "Change a field of a rollout")->require_subcommand(1)->fallthrough();
  auto* image_verb = addVerb(
      *set_verb, a, "image", "Set the image of containers",
      "  towpath set image shop shop=registry.example/shop:2\n  towpath set image shop '*=registry.example/shop:2'\n",
      [&a](Context c) { return setImage(c, a.set_image); });
  image_verb->add_option("ROLLOUT", a.set_image.rollout, "rollout")->required();
  image_verb->add_option("CONTAINER=IMAGE", a.set_image.images, "container and image; * is every container")
      ->required();
}

// "retry rollout shop" and "retry experiment trial", as the plugin has it: takes the kind off the names.
bool takeKind(std::vector<std::string>& names, std::initializer_list<std::string_view> kinds) {
  if (names.size() < 2 || std::find(kinds.begin(), kinds.end(), names.front()) == kinds.end()) return false;
  names.erase(names.begin());
  return true;
}
bool takeRollout(std::vector<std::string>& names) { return takeKind(names, {"rollout", "rollouts", "ro"}); }
bool takeExperiment(std::vector<std::string>& names) { return takeKind(names, {"experiment", "experiments", "exp"}); }

void addManyVerb(CLI::App& app, Arguments& a, const std::string& name, const std::string& help,
                 const std::string& example, Exit (*run)(Context, std::vector<std::string>)) {
  auto* verb = addVerb(app, a, name, help, example, [&a, run](Context c) {
    takeRollout(a.rollouts);
    return run(c, a.rollouts);
  });
  verb->add_option("ROLLOUT", a.rollouts, "rollouts")->required();
}

void addRolloutVerbs(CLI::App& app, Arguments& a) {
  auto* promote_verb =
      addVerb(app, a, "promote", "Go on from a pause, or skip the present step; with --full to the end at once",
              "  towpath promote shop\n  towpath promote shop --full\n",
              [&a](Context c) { return promote(c, a.rollout, a.full ? Promotion::kFull : Promotion::kStep); });
  promote_verb->add_option("ROLLOUT", a.rollout, "rollout")->required();
  promote_verb->add_flag("--full", a.full, "skip all steps, pauses and analyses that are left");
  addManyVerb(app, a, "abort", "Stop an update and go back to the stable version", "  towpath abort shop\n",
              abortRollouts);
  addVerb(app, a, "retry", "Try an aborted update again, or run an experiment anew",
          "  towpath retry shop\n  towpath retry experiment trial\n",
          [&a](Context c) {
            if (takeExperiment(a.rollouts)) return retryExperiments(c, a.rollouts);
            takeRollout(a.rollouts);
            return retryRollouts(c, a.rollouts);
          })
      ->add_option("ROLLOUT", a.rollouts, "rollouts, or experiment and names")
      ->required();
  auto* terminate_verb = app.add_subcommand("terminate", "End an experiment or an analysis run before its time")
                             ->require_subcommand(1)
                             ->fallthrough();
  addVerb(*terminate_verb, a, "experiment", "End experiments; their pods go", "  towpath terminate experiment trial\n",
          [&a](Context c) { return terminateExperiments(c, a.rollouts); })
      ->alias("experiments")
      ->alias("exp")
      ->add_option("NAME", a.rollouts, "experiments")
      ->required();
  addVerb(*terminate_verb, a, "analysisrun", "End analysis runs; what they have measured counts",
          "  towpath terminate analysisrun shop-6b9f-2\n",
          [&a](Context c) { return terminateAnalysisRuns(c, a.rollouts); })
      ->alias("analysisruns")
      ->alias("ar")
      ->add_option("NAME", a.rollouts, "analysis runs")
      ->required();
  addManyVerb(app, a, "pause", "Hold an update where it is", "  towpath pause shop\n", pauseRollouts);
  addManyVerb(app, a, "resume", "Take back a pause", "  towpath resume shop\n", resumeRollouts);
  auto* undo_verb = addVerb(app, a, "undo", "Go back to the revision before, or to a given one",
                            "  towpath undo shop\n  towpath undo shop --to-revision 3\n",
                            [&a](Context c) { return undo(c, a.rollout, a.to_revision); });
  undo_verb->add_option("ROLLOUT", a.rollout, "rollout")->required();
  undo_verb->add_option("--to-revision", a.to_revision, "revision; 0: the one before")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  auto* restart_verb = addVerb(app, a, "restart", "Replace the pods, a few at a time",
                               "  towpath restart shop\n  towpath restart shop --in 10m\n",
                               [&a](Context c) { return restart(c, a.rollout, a.in); });
  restart_verb->add_option("ROLLOUT", a.rollout, "rollout")->required();
  restart_verb->add_option("-i,--in", a.in, "when: 10s, 1h")->type_name("DURATION");
  auto* status_verb =
      addVerb(app, a, "status", "Wait for the end of an update; fails if it is Degraded",
              "  towpath status shop\n  towpath status shop --timeout 10m\n  towpath status shop --watch=false\n",
              [&a](Context c) {
                if (!a.timeout.empty()) a.status.timeout = orFail(parseGoDuration(a.timeout));
                return status(c, a.status);
              });
  status_verb->add_option("ROLLOUT", a.status.rollout, "rollout")->required();
  status_verb->add_flag("-w,--watch,!--no-watch", a.status.watch, "follow it (the default)");
  status_verb->add_option("-t,--timeout", a.timeout, "give up after that long")->type_name("DURATION");
}

// "adopt deployment NAME", "release deployment NAME"
void addTakeover(CLI::App& app, Arguments& a, const char* name, const char* help, const char* example,
                 Exit (*run)(Context, TakeOptions)) {
  auto* verb = app.add_subcommand(name, help)->require_subcommand(1)->fallthrough();
  auto* kind = addVerb(*verb, a, "deployment", help, example, [&a, run](Context c) {
    if (!a.timeout.empty()) a.take.timeout = orFail(parseGoDuration(a.timeout));
    return run(c, a.take);
  });
  kind->add_option("NAME", a.take.name, "name of the Deployment, which is its Rollout's as well")->required();
  kind->add_flag("--dry-run", a.take.dry_run, "tell the plan and change nothing");
  kind->add_option("-t,--timeout", a.timeout, "give up after that long (10m)")->type_name("DURATION");
}

void addTakeovers(CLI::App& app, Arguments& a) {
  addTakeover(app, a, "adopt", "Let a Rollout take over from a Deployment, without an interruption",
              "  towpath adopt deployment shop --dry-run\n  towpath adopt deployment shop\n", adoptDeployment);
  addTakeover(app, a, "release", "Give a Rollout's pods back to its Deployment, without an interruption",
              "  towpath release deployment shop --dry-run\n  towpath release deployment shop\n", releaseDeployment);
}

void addOtherVerbs(CLI::App& app, Arguments& a) {
  auto* logs_verb = addVerb(app, a, "logs", "Print the log of an instance",
                            "  towpath logs shop-6b9f-x2x2x\n  towpath logs rollout/shop -f --tail 20\n",
                            [&a](Context c) { return logs(c, a.logs); });
  logs_verb->add_option("POD", a.logs.pod, "pod, or rollout/NAME")->required();
  logs_verb->add_option("-c,--container", a.logs.container, "container")->type_name("NAME");
  logs_verb->add_flag("-f,--follow", a.logs.follow, "go on as it grows");
  logs_verb->add_flag("-p,--previous", a.logs.previous, "of the start before this one");
  logs_verb->add_option("--tail", a.logs.tail, "only the last lines")->type_name("N");
  addVerb(app, a, "nodes", "Show the nodes", "  towpath nodes\n", [](Context c) { return nodes(c); });
  auto* events_verb =
      addVerb(app, a, "events", "Show what has happened", "  towpath events\n  towpath events shop --watch\n",
              [&a](Context c) { return events(c, a.rollout, a.watch); });
  events_verb->add_option("ROLLOUT", a.rollout, "only of this rollout and what belongs to it");
  events_verb->add_flag("-w,--watch", a.watch, "follow");
  auto* metrics_verb = addVerb(app, a, "metrics", "Show requests, errors and latency of the last minute by version",
                               "  towpath metrics\n  towpath metrics shop\n  towpath metrics shop -o json\n",
                               [&a](Context c) { return metrics(c, a.metrics); });
  metrics_verb->add_option("ROLLOUT", a.metrics.rollout, "only its stable and its new version");
  metrics_verb->add_option("-o,--output", a.metrics.output, "json")->type_name("FORMAT");

  auto* token_verb = app.add_subcommand("token", "Join tokens of new nodes")->require_subcommand(1)->fallthrough();
  auto* create_verb =
      addVerb(*token_verb, a, "create", "Make a join token and print it, this once",
              "  towpath token create --ttl 30m --uses 3\n", [&a](Context c) { return createToken(c, a.token); });
  create_verb->add_option("--ttl", a.token.ttl, "how long it is good")->capture_default_str()->type_name("DURATION");
  create_verb->add_option("--uses", a.token.uses, "how many nodes may use it")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  addVerb(*token_verb, a, "list", "List the tokens, without their secrets", "",
          [](Context c) { return listTokens(c); });
  auto* revoke_verb = addVerb(*token_verb, a, "revoke", "Make a token worthless", "  towpath token revoke 8f3a2c\n",
                              [&a](Context c) { return revokeToken(c, a.token_id); });
  revoke_verb->add_option("ID", a.token_id, "id of the token")->required();

  addVerb(app, a, "kubeconfig", "Print a kubeconfig for kubectl and other clients",
          "  towpath kubeconfig > ~/.kube/towpath\n  KUBECONFIG=~/.kube/towpath kubectl get rollouts\n",
          [](Context c) { return printKubeconfig(c); });
  addVerb(app, a, "version", "Print the versions of this program and of the server", "",
          [](Context c) { return printVersion(c); });
  auto* completion_verb = app.add_subcommand("completion", "Print the completion script of a shell");
  completion_verb->footer("Examples:\n  source <(towpath completion bash)\n");
  completion_verb->add_option("SHELL", a.shell, "bash, zsh or fish")->required();
}

void addSimulate(CLI::App& app, Arguments& a) {
  auto* verb =
      app.add_subcommand("simulate", "Play an update before it can hurt: the timeline of a manifest, without a server");
  verb->footer(
      "Examples:\n  towpath simulate -f rollout.yaml -f analysis.yaml --set-image shop=registry.example/shop:2\n"
      "  towpath simulate -f shop/ --metrics incident.csv --promote-after never\n"
      "  towpath simulate -f rollout.yaml --fault canary-never-ready -o json\n"
      "  towpath simulate -f rollout.yaml --speed 60\n\n"
      "The first column of --metrics is the time in seconds after the update, each other one a metric by its name.\n"
      "Faults: canary-never-ready, canary-unready@TIME, pod-crash@TIME, metric-error[=METRIC]@TIME, abort@TIME, "
      "plugin-fails,\n"
      "experiment-fails.\n"
      "The exit code is 0 if the new version becomes the stable one.\n");
  verb->callback([&a] { a.offline = [&a] { return simulate(a.simulate); }; });
  verb->fallthrough();
  SimulateOptions& o = a.simulate;
  verb->add_option("ROLLOUT", o.rollout, "which rollout, if the files have several");
  verb->add_option("-f,--filename", o.files, "file, directory, or - for standard input")
      ->required()
      ->type_name("FILE")
      ->allow_extra_args(false);
  verb->add_option("--set-image", o.images, "what the update changes; * is every container")
      ->type_name("CONTAINER=IMAGE")
      ->allow_extra_args(false);
  verb->add_option("--metrics", o.metrics, "what metrics measure over time, as CSV")->type_name("FILE");
  verb->add_option("--fault", o.faults, "what goes wrong; may be given several times")
      ->type_name("FAULT")
      ->allow_extra_args(false);
  const auto timed = [verb](const char* flag, std::string& value, const char* help) {
    verb->add_option(flag, value, help)->capture_default_str()->type_name("DURATION");
  };
  timed("--ready-after", o.ready_after, "from a pod's start to its readiness");
  timed("--promote-after", o.promote_after, "how long a person lets a pause wait, or never");
  timed("--step-takes", o.step_takes, "what a step plugin takes, or an experiment without a duration");
  timed("--until", o.until, "end the play there");
  verb->add_option("--speed", o.speed, "show it as it would happen, so many times as fast")
      ->type_name("FACTOR")
      ->check(CLI::Range(0.001, 1e9));
  verb->add_option("-o,--output", o.output, "table or json")->capture_default_str()->type_name("FORMAT");
}

void addLint(CLI::App& app, Arguments& a) {
  auto* verb = app.add_subcommand("lint", "Check manifests before they are applied, without a server");
  verb->footer(
      "Examples:\n  towpath lint -f shop/\n  towpath lint -f rollout.yaml -f analysis.yaml --strict\n"
      "  kubectl kustomize . | towpath lint -f - -o json\n\n"
      "A finding is a line: file:line: severity: object: field: what is wrong. What a Rollout refers to and none of "
      "the files\n"
      "has is a warning, with --strict an error. The exit code is 1 if there is an error.\n");
  verb->callback([&a] { a.offline = [&a] { return lintFiles(a.lint); }; });
  verb->fallthrough();
  verb->add_option("-f,--filename", a.lint.files, "file, directory, or - for standard input")
      ->required()
      ->type_name("FILE");
  verb->add_flag("--strict", a.lint.strict, "what is referred to must be in one of the files");
  verb->add_option("-o,--output", a.lint.output, "text or json")->capture_default_str()->type_name("FORMAT");
}

void addAnalyze(CLI::App& app, Arguments& a) {
  auto* verb = app.add_subcommand("analyze",
                                  "Try an analysis: against recorded values, or measuring now, here or on the server");
  verb->footer(
      "Examples:\n  towpath analyze -f analysis.yaml --trace incident.csv --arg canary-hash=6b9f7\n"
      "  towpath analyze -f analysis.yaml --now --arg service=shop\n"
      "  towpath analyze errors -f analysis/ --now --count 3 -o json\n"
      "  towpath analyze errors --on-server --arg canary-hash=6b9f7\n\n"
      "The first column of --trace is the time in seconds after the run's start, each other one a metric by its name.\n"
      "The exit code is 0 for Successful, 2 for Failed, 3 for Inconclusive, 4 for Error, 5 for no verdict by the end "
      "of the\n"
      "trace, 1 if the analysis cannot be made.\n");
  verb->callback([&a] {
    if (a.analyze.on_server)
      a.run = [&a](Context c) { return analyzeOnServer(c, a.analyze); };
    else
      a.offline = [&a] { return analyze(a.analyze); };
  });
  verb->fallthrough();
  AnalyzeOptions& o = a.analyze;
  verb->add_option("NAME", o.name, "which analysis, if the files have several; without files one of the server's");
  verb->add_option("-f,--filename", o.files, "file, directory, or - for standard input")
      ->type_name("FILE")
      ->allow_extra_args(false);
  verb->add_option("-a,--arg", o.arguments, "value of an argument; may be given several times")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  verb->add_option("--trace", o.trace, "recorded values, as CSV")->type_name("FILE");
  verb->add_option("--begin", o.begin, "when the trace begins, for conditions that ask now(); the present without it")
      ->type_name("TIME");
  verb->add_flag("--now", o.now, "measure from here, with the metrics' own providers");
  verb->add_flag("--on-server", o.on_server, "let the coordinator measure: its traffic, its jobs, its Secrets");
  verb->add_option("--count", o.count, "how often, where it is measured")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  verb->add_option("-o,--output", o.output, "table or json")->capture_default_str()->type_name("FORMAT");
}

Exit runCommand(loop::UvLoop& loop, Arguments& arguments) {
  Api api(loop, orFail(connect(arguments.connection)));
  const char* term = std::getenv("TERM");
  const bool plain = arguments.no_color || ::isatty(STDOUT_FILENO) == 0 || (term && std::string_view(term) == "dumb") ||
                     std::getenv("NO_COLOR");
  co_return co_await arguments.run(Context{api, plain ? Colour::kNone : Colour::kAnsi});
}

int printCompletion(const CLI::App& app, const std::string& shell) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  const auto script = completionScript(shell, verbs);
  if (!script) {
    fmt::print(stderr, "Error: no completion for \"{}\": bash, zsh and fish are known\n", shell);
    return 2;
  }
  print(*script);
  return 0;
}

}  // namespace

int run(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Arguments arguments;
  CLI::App app("Progressive delivery on bare metal, edge and Kubernetes.", "towpath");
  app.require_subcommand(1);
  addGlobals(app, arguments);
  addObjectVerbs(app, arguments);
  addRolloutVerbs(app, arguments);
  addTakeovers(app, arguments);
  addOtherVerbs(app, arguments);
  addSimulate(app, arguments);
  addLint(app, arguments);
  addAnalyze(app, arguments);
  CLI11_PARSE(app, argc, argv);
  if (!arguments.shell.empty()) return printCompletion(app, arguments.shell);
  try {
    if (arguments.offline) return arguments.offline();
    loop::UvLoop loop;
    return loop::blockOn(loop, runCommand(loop, arguments));
  } catch (const Failure& failure) {
    fmt::print(stderr, "Error: {}\n", describe(failure.error));
    return failure.exit_code;
  }
}

}  // namespace towpath::cli

int main(int argc, char** argv) { return towpath::cli::run(argc, argv); }
