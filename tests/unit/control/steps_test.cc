// Canary steps beyond weights and pauses, with the registry, the store and the caches.

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "control/rollout/command_plugins.h"
#include "harness.h"

namespace towpath::control {
namespace {

constexpr const char* kHeaderCanary =
    "{canary: {stableService: shop-stable, canaryService: shop-canary, trafficRouting: {managedRoutes: [{name: beta}],"
    " plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}, steps: [{setCanaryScale: {weight: 20}},"
    " {setHeaderRoute: {name: beta, match: [{headerName: X-Beta, headerValue: {exact: 'yes'}}]}}, {pause: {}},"
    " {setWeight: 50}]}}";

std::string rules(Harness& harness) {
  std::string text;
  for (const Value& rule : harness.get(cluster::kHttpRoutes, "shop")["spec"]["rules"].asArray())
    text += rule["name"].asString("-") + " ";
  return text;
}

void untilBeta(Harness& harness) {
  applyRouted(harness, kHeaderCanary);
  harness.start();
  harness.untilPhase("Healthy");
  harness.setImage("v2");
  harness.untilPhase("Paused");
  REQUIRE(rules(harness) == "- beta ");
}

}  // namespace

TEST_CASE("a header route is a rule of the HTTPRoute until the end of the rollout") {
  Harness harness;
  untilBeta(harness);
  CHECK(harness.weight() == 0);
  const Value rule = harness.get(cluster::kHttpRoutes, "shop")["spec"]["rules"][1];
  CHECK(rule["matches"][0]["headers"][0]["value"].asString() == "yes");
  CHECK(rule["backendRefs"][0]["name"].asString() == "shop-canary");
  CHECK(rule["backendRefs"][0]["port"].asInt() == 80);
  harness.promote();
  harness.untilPhase("Healthy");
  CHECK(rules(harness) == "- ");
}

TEST_CASE("a header route that somebody takes away comes back, also when the coordinator starts again") {
  Harness harness;
  untilBeta(harness);
  SUBCASE("while it runs") {}
  SUBCASE("while it does not") { harness.crash(); }
  Value route = yaml(kRouteYaml);
  harness.patch(cluster::kHttpRoutes, "shop", json::serialize(Object{{"spec", route["spec"]}}));
  if (!harness.coordinator) harness.start();
  harness.until("the route has the rule", [&] { return rules(harness) == "- beta "; });
  CHECK(harness.phase() == "Paused");
}

TEST_CASE("an abort takes the header route away, a retry sets it again") {
  Harness harness;
  untilBeta(harness);
  harness.abort();
  harness.untilPhase("Degraded");
  CHECK(rules(harness) == "- ");
  harness.patch(cluster::kRollouts, "shop", "status: {abort: false}", "status");
  harness.untilPhase("Paused");
  CHECK(rules(harness) == "- beta ");
}

TEST_CASE("a mirror route on nodes whose proxies cannot mirror is refused with router and step") {
  Harness harness;
  harness.reports = traffic::RouteReports::kExpected;
  applyRouted(
      harness,
      "{canary: {stableService: shop-stable, canaryService: shop-canary, trafficRouting: {managedRoutes: [{name: m}],"
      " plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}, steps: [{setWeight: 20},"
      " {setMirrorRoute: {name: m, match: [{method: {exact: GET}}]}}, {pause: {}}]}}");
  harness.start();
  harness.untilPhase("Degraded");
  const std::string message = harness.rolloutStatus()["message"].asString();
  CHECK(message.find("spec.strategy.canary.steps[1]") != std::string::npos);
  CHECK(message.find("plugins/argoproj-labs/gatewayAPI cannot do this step") != std::string::npos);
}

TEST_CASE("an experiment of no known version is refused when it is written") {
  Harness harness;
  const auto made = harness.run(harness.api.create(
      cluster::kRollouts,
      yaml(rolloutYaml("shop", "{canary: {steps: [{experiment: {templates: [{name: a, specRef: old}]}}]}}"))));
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().message.find("steps[0].experiment.templates[0].specRef") != std::string::npos);
}

namespace {

constexpr const char* kPluginCanary =
    "{canary: {steps: [{setWeight: 20}, {plugin: {name: acme/check, config: {suite: smoke}}}, {pause: {}}]}}";

Value pluginEntry(Harness& harness, std::size_t index) {
  const Value status = harness.rolloutStatus();
  return status["canary"]["stepPluginStatuses"][index];
}

// A plugin that is a shell script: it notes each request and answers with what the test wrote last.
struct ScriptedPlugin {
  ScriptedPlugin(loop::Loop& loop, const char* first_answer)
      : dir(std::filesystem::temp_directory_path() / fmt::format("step-plugin-{}", ::getpid())) {
    std::filesystem::create_directories(dir);
    answer(first_answer);
    const std::string script = fmt::format("cat >> {0}/requests; echo >> {0}/requests; cat {0}/answer", dir.string());
    plugins = std::make_unique<CommandPlugins>(
        loop, std::map<std::string, CommandPlugin, std::less<>>{{"acme/check", {{"sh", "-c", script}}}});
  }
  ~ScriptedPlugin() { std::filesystem::remove_all(dir); }

  void answer(const char* text) const { std::ofstream(dir / "answer") << text; }
  std::vector<Value> requests() const {
    std::vector<Value> all;
    std::ifstream file(dir / "requests");
    for (std::string line; std::getline(file, line);) all.push_back(yaml(line));
    return all;
  }

  std::filesystem::path dir;
  std::unique_ptr<CommandPlugins> plugins;
};

}  // namespace

TEST_CASE("a step plugin gets its config, its state and the rollout, and its success completes the step") {
  Harness harness;
  const ScriptedPlugin plugin(harness.loop, R"({"phase": "Running", "status": {"build": 7}, "requeueAfter": "20s"})");
  harness.step_plugins = plugin.plugins.get();
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPluginCanary));
  harness.start();
  harness.untilPhase("Healthy");
  CHECK(plugin.requests().empty());
  harness.setImage("v2");
  harness.until("the first answer", [&] { return pluginEntry(harness, 0)["executions"].asInt() == 1; });
  const Value entry = pluginEntry(harness, 0);
  CHECK(entry["backoff"].asString() == "20s");
  CHECK(entry["status"]["build"].asInt() == 7);

  harness.crash();
  plugin.answer(R"({"phase": "Successful", "message": "green"})");
  harness.start();
  harness.untilPhase("Paused");
  const std::vector<Value> requests = plugin.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0]["operation"].asString() == "Run");
  CHECK(requests[0]["config"]["suite"].asString() == "smoke");
  CHECK(requests[0]["status"].isNull());
  CHECK(requests[0]["rollout"]["metadata"]["name"].asString() == "shop");
  CHECK(requests[1]["status"]["build"].asInt() == 7);
  CHECK(pluginEntry(harness, 0)["message"].asString() == "green");
}

TEST_CASE("an abort is told to a plugin that runs") {
  Harness harness;
  const ScriptedPlugin plugin(harness.loop, R"({"phase": "Running"})");
  harness.step_plugins = plugin.plugins.get();
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPluginCanary));
  harness.start();
  harness.untilPhase("Healthy");
  harness.setImage("v2");
  harness.until("the plugin runs", [&] { return plugin.requests().size() == 1; });
  plugin.answer(R"({"phase": "Successful"})");
  harness.abort();
  harness.until("it is aborted", [&] { return pluginEntry(harness, 1)["phase"].asString() == "Successful"; });
  CHECK(plugin.requests().back()["operation"].asString() == "Abort");
  CHECK(harness.phase() == "Degraded");
}

TEST_CASE("a step plugin that is not configured is refused by its name, with the mend") {
  Harness harness;
  harness.apply(cluster::kRollouts, rolloutYaml("shop", kPluginCanary));
  harness.start();
  harness.untilPhase("Degraded");
  const std::string message = harness.rolloutStatus()["message"].asString();
  CHECK(message.find("spec.strategy.canary.steps[1].plugin.name") != std::string::npos);
  CHECK(message.find("[plugins.steps.\"acme/check\"]") != std::string::npos);
}

TEST_CASE("what a plugin answers is checked") {
  CHECK(readPluginAnswer(R"({"phase": "Running", "requeueAfter": "1m"})").requeue_after == Duration(1min));
  CHECK(readPluginAnswer("{}").error.empty());
  CHECK(readPluginAnswer("fine").error.find("no JSON object") != std::string::npos);
  CHECK(readPluginAnswer(R"({"phase": "Done"})").error.find("\"Done\"") != std::string::npos);
  CHECK(readPluginAnswer(R"({"requeueAfter": "soon"})").error.find("requeueAfter") != std::string::npos);
}

}  // namespace towpath::control
