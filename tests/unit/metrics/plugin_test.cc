// Metric plugins: real programs, on the real loop.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "loop/uv_loop.h"
#include "store_double.h"

namespace towpath::metrics {
namespace {

struct Programs {
  explicit Programs(const std::string& script) {
    const std::string path = (dir / "check").string();
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    programs = std::make_unique<MetricPrograms>(loop, std::map<std::string, MetricProgram, std::less<>>{
                                                          {"acme/check", {.command = {path}, .timeout = 20s}},
                                                          {"acme/slow", {.command = {"sleep", "600"}, .timeout = 1s}},
                                                          {"acme/off", {.command = {path}, .disabled = true}}});
    context.loop = &loop;
    context.programs = programs.get();
  }
  ~Programs() { std::filesystem::remove_all(dir); }
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  MetricRequest request(std::string_view success, std::string_view name = "acme/check") const {
    MetricRequest made{.ns = "default", .run_name = "run", .run_uid = "u", .attempt = 2, .metric = {}, .provider = {}};
    made.metric.success_condition = success;
    made.metric.providers = {"plugin"};
    made.provider = Object{{"plugin", Object{{std::string(name), Object{{"limit", 5}}}}}};
    return made;
  }
  model::Measurement start(std::string_view success = "", std::string_view name = "acme/check") {
    MetricRequest made = request(success, name);
    const auto provider = makeProvider(made.provider, context);
    REQUIRE(provider.has_value());
    return loop::blockOn(loop, (*provider)->start(std::move(made)));
  }

  std::filesystem::path dir = makeDirectory();
  loop::UvLoop loop;
  std::unique_ptr<MetricPrograms> programs;
  ProviderContext context;

 private:
  static std::filesystem::path makeDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "towpath-plugin-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    return name;
  }
};

}  // namespace

TEST_CASE("plugin: a result is judged by the metric's conditions") {
  Programs plugin(R"(cat > "$(dirname "$0")/input"; echo '{"result": {"p": 3}, "metadata": {"seen": "yes"}}')");
  const model::Measurement measurement = plugin.start("result.p / 2 == 1.5");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == R"({"p":3})");
  CHECK(measurement.metadata.at("seen") == "yes");
  std::ifstream file(plugin.dir / "input");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto input = json::parse(text);
  REQUIRE(input.has_value());
  CHECK((*input)["operation"].asString() == "Run");
  CHECK((*input)["name"].asString() == "acme/check");
  CHECK((*input)["attempt"] == Value(2));
  CHECK((*input)["config"]["limit"] == Value(5));
}

TEST_CASE("plugin: a phase is taken as it is, and one that runs is asked again") {
  Programs plugin(R"sh(
case "$(cat)" in
  *'"operation":"Run"'*) echo '{"phase": "Running", "resumeAfter": "30s", "metadata": {"id": "7"}}' ;;
  *'"id":"7"'*) echo '{"phase": "Inconclusive", "value": "?", "message": "who knows"}' ;;
esac)sh");
  model::Measurement measurement = plugin.start();
  CHECK(measurement.phase == AnalysisPhase::kRunning);
  CHECK(*measurement.resume_at > *measurement.started_at + 28s);
  MetricRequest request = plugin.request("");
  const auto provider = makeProvider(request.provider, plugin.context);
  measurement = loop::blockOn(plugin.loop, (*provider)->resume(std::move(request), measurement));
  CHECK(said(measurement) == "Inconclusive: who knows");
  CHECK(measurement.metadata.at("id") == "7");
  CHECK(measurement.finished_at.has_value());
}

TEST_CASE("plugin: what a program does wrong is an error that says so") {
  for (const auto& [script, message] :
       {std::pair("echo oops >&2; exit 3", "ended with status 3: oops"), std::pair("echo hello", "no JSON object"),
        std::pair("echo '[]'", "no JSON object"), std::pair("echo '{}'", "neither a result nor a phase"),
        std::pair("echo '{\"phase\": \"Good\"}'", "neither a result nor a phase"),
        std::pair("echo '{\"phase\": \"Running\", \"resumeAfter\": \"soon\"}'", "resumeAfter")}) {
    Programs plugin(script);
    const model::Measurement measurement = plugin.start();
    CHECK(measurement.phase == AnalysisPhase::kError);
    INFO(measurement.message);
    CHECK(measurement.message.find(message) != std::string::npos);
  }
}

TEST_CASE("plugin: one that hangs is killed, and leaves room for the others") {
  Programs plugin("echo '{\"phase\": \"Successful\"}'");
  int slow = 0;
  bool quick_first = false;
  loop::Scope scope(plugin.loop, "test");
  const auto measure = [&](std::string name) -> loop::Task<void> {
    MetricRequest request = plugin.request("", name);
    const auto provider = makeProvider(request.provider, plugin.context);
    const model::Measurement measurement = co_await (*provider)->start(std::move(request));
    if (name == "acme/slow") {
      CHECK(measurement.phase == AnalysisPhase::kError);
      ++slow;
    } else {
      CHECK(measurement.phase == AnalysisPhase::kSuccessful);
      quick_first = slow < 3;
    }
  };
  for (int i = 0; i < 3; ++i) scope.spawn(measure("acme/slow"));
  scope.spawn(measure("acme/check"));
  loop::blockOn(plugin.loop, scope.drained());
  CHECK(slow == 3);
  CHECK(quick_first);
  CHECK(plugin.start("", "acme/off").message == "metric plugin acme/off is disabled");
}

}  // namespace towpath::metrics
