// bench-fleet: many nodes in one process against a running coordinator, and what they notice of it. Driven by bench.py:
//
//   bench-fleet --url URL --ca FILE --nodes N --directory DIR      TOWPATH_TOKEN, TOWPATH_JOIN_TOKEN in the environment
//
// When all nodes are connected it prints {"joined": …}; then each line of its input is a command that prints one JSON
// object, until the input ends:
//
//   weights NAME COUNT      changes the weights of HTTPRoute default/NAME: from the request, and from its answer (after
//                           the store's commit), until each node has it
//   watchers COUNT CHANGES  so many watches of one ConfigMap, each a connection: from a change's answer to each watcher

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>

#include "api.h"
#include "base/file.h"
#include "json/parse.h"
#include "json/serialize.h"
#include "loop/event.h"
#include "loop/scope.h"
#include "loop/timeout.h"
#include "sim_node.h"

using namespace towpath;
using namespace towpath::bench;

namespace {

// Handshakes cost both sides; so many at once keep one core busy and no queue long.
constexpr std::size_t kJoinsAtOnce = 16;
constexpr Duration kBetweenChanges = 50ms;
constexpr Duration kPatience = 60s;
constexpr const char* kWatched = "/api/v1/namespaces/default/configmaps/fan-out";

struct Arguments {
  std::string url, ca_file, directory;
  std::size_t nodes = 0;
};

void print(const Value& value) {
  std::puts(json::serialize(value).c_str());
  std::fflush(stdout);
}

// When each node, or watcher, noticed each change.
class Noticed {
 public:
  explicit Noticed(loop::UvLoop& loop) : loop_(loop), changed_(loop) {}
  void note(std::int64_t change) {
    times_[change].push_back(loop_.now());
    changed_.notifyAll();
  }
  loop::Task<std::vector<MonoTime>> all(std::int64_t change, std::size_t count) {
    const MonoTime end = loop_.now() + kPatience;
    while (times_[change].size() < count) {
      if (loop_.now() > end) giveUp(fmt::format("only {} of {} noticed a change", times_[change].size(), count));
      (void)co_await loop::withTimeout(loop_, 1s, next());
    }
    co_return times_[change];
  }

 private:
  loop::Task<void> next() { co_await changed_.wait(); }

  loop::UvLoop& loop_;
  loop::Notify changed_;
  std::map<std::int64_t, std::vector<MonoTime>> times_;
};

struct Measured {
  std::vector<Duration> from_request, from_answer;
  std::vector<Duration> last_from_answer;  // of each change: the slowest of all

  void add(MonoTime requested, MonoTime answered, const std::vector<MonoTime>& noticed) {
    for (MonoTime at : noticed) {
      from_request.push_back(at - requested);
      from_answer.push_back(at - answered);
    }
    last_from_answer.push_back(std::ranges::max(noticed) - answered);
  }
  Value figures() {
    return Object{{"from_request", quantiles(from_request)},
                  {"from_answer", quantiles(from_answer)},
                  {"all_from_answer", quantiles(last_from_answer)}};
  }
};

class Fleet {
 public:
  Fleet(loop::UvLoop& loop, const Arguments& arguments, const std::string& join_token)
      : loop_(loop), noticed_(loop), joining_(loop, kJoinsAtOnce), scope_(loop, "fleet") {
    for (std::size_t i = 0; i < arguments.nodes; ++i) {
      const std::string name = fmt::format("sim-{:05}", i);
      if (Result<void> made = makeDirectories(arguments.directory + "/" + name); !made) giveUp(describe(made.error()));
      nodes_.push_back(std::make_unique<SimNode>(
          loop, SimNodeOptions{arguments.url, join_token, arguments.directory + "/" + name, name},
          [this](const std::string& route, std::int64_t generation) {
            if (route == watched_) noticed_.note(generation);
          }));
    }
  }

  loop::Task<void> join() {
    const MonoTime begin = loop_.now();
    for (const std::unique_ptr<SimNode>& node : nodes_) scope_.spawn(joinOne(*node));
    co_await scope_.drained();
    while (connected() < nodes_.size()) co_await loop::sleep(loop_, 20ms);
    print(Object{{"joined", static_cast<std::int64_t>(nodes_.size())},
                 {"seconds", std::chrono::duration<double>(loop_.now() - begin).count()}});
  }

  loop::Task<void> weights(Api& api, std::string name, int count) {
    watched_ = name;
    const std::string path = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/" + name;
    Measured measured;
    for (int i = 0; i < count; ++i) {
      const std::int64_t weight = i % 2 ? 30 : 60;
      Array patch;
      for (int backend : {0, 1}) {
        patch.push_back(Object{{"op", "replace"},
                               {"path", fmt::format("/spec/rules/0/backendRefs/{}/weight", backend)},
                               {"value", backend == 0 ? 100 - weight : weight}});
      }
      const MonoTime requested = loop_.now();
      const Value route = co_await api.patch(path, "application/json-patch+json", std::move(patch));
      const MonoTime answered = loop_.now();
      const std::int64_t generation = route.at({"metadata", "generation"}).asInt();
      measured.add(requested, answered, co_await noticed_.all(generation, nodes_.size()));
      co_await loop::sleep(loop_, kBetweenChanges);
    }
    print(measured.figures());
  }

 private:
  loop::Task<void> joinOne(SimNode& node) {
    loop::Semaphore::Permit turn = co_await joining_.acquire();
    if (Result<void> started = co_await node.start(); !started) giveUp(node.name() + ": " + describe(started.error()));
  }
  std::size_t connected() const {
    std::size_t count = 0;
    for (const std::unique_ptr<SimNode>& node : nodes_) count += node->status().connected ? 1 : 0;
    return count;
  }

  loop::UvLoop& loop_;
  Noticed noticed_;
  std::string watched_;
  loop::Semaphore joining_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  loop::Scope scope_;
};

loop::Task<void> followWatch(Api& api, Noticed& noticed, std::string path, std::size_t& open, loop::Semaphore& turns) {
  std::unique_ptr<http::ResponseStream> stream;
  {
    loop::Semaphore::Permit turn = co_await turns.acquire();
    stream = co_await api.watch(std::move(path));
  }
  ++open;
  for (;;) {
    Result<std::optional<std::string>> line = co_await stream->readLine(1u << 20);
    if (!line || !*line) giveUp("a watch ended");
    Result<Value> event = json::parse(**line);
    if (event) noticed.note(event->at({"object", "data", "n"}).asString().size());
  }
}

// The n-th change writes a text of n characters, so that a watcher that skips one is seen.
loop::Task<void> watchers(Api& api, std::size_t count, int changes) {
  const Value before =
      co_await api.patch(kWatched, "application/merge-patch+json", Object{{"data", Object{{"n", ""}}}});
  const std::string path =
      "/api/v1/namespaces/default/configmaps?watch=true&fieldSelector=metadata.name%3Dfan-out&resourceVersion=" +
      before.at({"metadata", "resourceVersion"}).asString();
  Noticed noticed(api.loop());
  loop::Semaphore turns(api.loop(), kJoinsAtOnce);
  std::size_t open = 0;
  loop::Scope scope(api.loop(), "watchers");
  for (std::size_t i = 0; i < count; ++i) scope.spawn(followWatch(api, noticed, path, open, turns));
  while (open < count) co_await loop::sleep(api.loop(), 20ms);
  Measured measured;
  for (int i = 1; i <= changes; ++i) {
    Value patch = Object{{"data", Object{{"n", std::string(static_cast<std::size_t>(i), 'x')}}}};
    const MonoTime requested = api.loop().now();
    co_await api.patch(kWatched, "application/merge-patch+json", std::move(patch));
    const MonoTime answered = api.loop().now();
    measured.add(requested, answered, co_await noticed.all(i, count));
    co_await loop::sleep(api.loop(), kBetweenChanges);
  }
  print(measured.figures());
}

loop::Task<void> obey(loop::UvLoop& loop, Fleet& fleet, Api& api) {
  co_await fleet.join();
  for (;;) {
    // The loop goes on while a thread waits for the next command.
    const std::string line = co_await loop::offload(loop, [] {
      std::string text;
      std::getline(std::cin, text);
      return text;
    });
    std::istringstream words(line);
    std::string command, name;
    int first = 0, second = 0;
    words >> command;
    if (command.empty()) co_return;
    if (command == "weights" && words >> name >> first)
      co_await fleet.weights(api, name, first);
    else if (command == "watchers" && words >> first >> second)
      co_await watchers(api, static_cast<std::size_t>(first), second);
    else
      giveUp("no such command: " + line);
  }
}

Arguments read(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--url") arguments.url = argv[i + 1];
    if (flag == "--ca") arguments.ca_file = argv[i + 1];
    if (flag == "--directory") arguments.directory = argv[i + 1];
    if (flag == "--nodes") arguments.nodes = static_cast<std::size_t>(std::atoi(argv[i + 1]));
  }
  if (arguments.url.empty() || arguments.directory.empty()) giveUp("--url, --ca, --nodes and --directory are needed");
  return arguments;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value) giveUp(std::string(name) + " is not set");
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = read(argc, argv);
  loop::UvLoop loop;
  {
    Api api(loop, {arguments.url, arguments.ca_file, environment("TOWPATH_TOKEN")});
    Fleet fleet(loop, arguments, environment("TOWPATH_JOIN_TOKEN"));
    loop::blockOn(loop, obey(loop, fleet, api));
  }
  return 0;
}
