#include "agents/reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agents/node_object.h"
#include "agents/pod_status.h"
#include "base/hash.h"
#include "base/log.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "json/parse.h"
#include "loop/loop.h"
#include "loop/timeout.h"
#include "store/store.h"

namespace towpath::agents {

namespace {

using cluster::kEvents;
using cluster::kNodes;
using cluster::kPods;

// Of one report; an agent splits what is more.
constexpr std::size_t kPodsOfReport = 1000;
constexpr std::size_t kSamplesOfReport = 5000;
constexpr std::size_t kEventsOfReport = 200;
constexpr std::size_t kStatusBytes = 64u << 10;
// A node that reports in a tight loop is slowed down before it costs the others anything: a bucket of this many, filled
// so fast.
constexpr double kBurst = 40;
constexpr double kPerSecond = 20;

bool isFinal(ErrorKind kind) {
  return kind == ErrorKind::kNotFound || kind == ErrorKind::kInvalid || kind == ErrorKind::kAlreadyExists ||
         kind == ErrorKind::kTooLarge || kind == ErrorKind::kForbidden;
}

Value makeEvent(const wire::NodeEvent& event, const std::string& node, const std::string& name, const std::string& ns) {
  WallTime at{std::chrono::milliseconds(event.unix_ms)};
  Value object = Object{{"apiVersion", "v1"}, {"kind", "Event"}};
  object["metadata"] = Object{{"name", name}, {"namespace", ns}};
  object["involvedObject"] = Object{{"apiVersion", "v1"}, {"kind", event.involved_kind}, {"name", event.involved_name}};
  if (!event.ns.empty()) object["involvedObject"]["namespace"] = event.ns;
  if (!event.involved_uid.empty()) object["involvedObject"]["uid"] = event.involved_uid;
  object["type"] = event.type == "Warning" ? "Warning" : "Normal";
  object["reason"] = event.reason;
  object["message"] = event.message;
  object["firstTimestamp"] = formatRfc3339(at);
  object["lastTimestamp"] = formatRfc3339(at);
  object["count"] = 1;
  object["source"] = Object{{"component", "towpath-agent"}, {"host", node}};
  object["reportingComponent"] = "towpath-agent";
  object["reportingInstance"] = node;
  return object;
}

}  // namespace

struct Reports::NodeState {
  explicit NodeState(loop::Loop& loop) : turn(loop, 1) {}
  std::string nonce;
  std::uint64_t sequence = 0;
  double tokens = kBurst;
  MonoTime filled;
  loop::Semaphore turn;  // one report of a node at a time, so that a repeat waits for what it repeats
};

Reports::Reports(Parts parts) : parts_(std::move(parts)), routes_({parts_.loop, parts_.store, parts_.api}) {}
Reports::~Reports() = default;

Reports::NodeState& Reports::stateOf(const std::string& node) {
  std::unique_ptr<NodeState>& state = nodes_[node];
  if (!state) {
    state = std::make_unique<NodeState>(parts_.loop);
    state->filled = parts_.loop.now();
  }
  return *state;
}

void Reports::forget(const std::string& node) {
  auto found = nodes_.find(node);
  // A report that is being applied keeps its place; the next forget() or the next report of that name finds it.
  if (found != nodes_.end() && found->second->turn.available() == 1) nodes_.erase(found);
}

bool Reports::admit(NodeState& state) {
  MonoTime now = parts_.loop.now();
  double seconds = std::chrono::duration<double>(now - state.filled).count();
  state.filled = now;
  state.tokens = std::min(kBurst, state.tokens + seconds * kPerSecond);
  if (state.tokens < 1) return false;
  state.tokens -= 1;
  return true;
}

loop::Task<Result<void>> Reports::take(std::string node, wire::Report report) {
  NodeState& state = stateOf(node);
  if (!admit(state)) {
    ++stats_.refused;
    co_return fail(ErrorKind::kTooManyRequests, "this node reports too often");
  }
  if (report.pods.size() > kPodsOfReport || report.samples.size() > kSamplesOfReport ||
      report.events.size() > kEventsOfReport) {
    ++stats_.refused;
    co_return fail(ErrorKind::kTooLarge, fmt::format("a report has at most {} pods, {} samples and {} events",
                                                     kPodsOfReport, kSamplesOfReport, kEventsOfReport));
  }
  loop::Semaphore::Permit turn = co_await state.turn.acquire();
  if (state.nonce == report.session_nonce && report.sequence <= state.sequence) {
    ++stats_.repeated;
    co_return {};
  }
  Result<void> applied = co_await apply(node, report);
  if (!applied) co_return applied;
  state.nonce = report.session_nonce;
  state.sequence = report.sequence;
  ++stats_.accepted;
  co_return {};
}

loop::Task<Result<void>> Reports::apply(const std::string& node, wire::Report& report) {
  // Routes first: they only go to memory, and are written while the pods' commits wait for the disk.
  for (wire::RouteReport& route : report.routes) routes_.report(node, std::move(route));
  if (parts_.gateways) {
    for (wire::GatewayReport& gateway : report.gateways) parts_.gateways(node, std::move(gateway));
  }
  std::vector<loop::Task<Result<void>>> writes;
  for (wire::PodReport& pod : report.pods) writes.push_back(applyPod(node, std::move(pod)));
  if (!report.samples.empty() && parts_.samples) writes.push_back(parts_.samples(node, std::move(report.samples)));
  writes.push_back(applyCondition(node, report));
  for (const Result<void>& written : co_await loop::whenAll(parts_.loop, std::move(writes))) {
    if (!written) co_return written;
  }
  co_await applyEvents(node, report);
  co_return {};
}

loop::Task<Result<void>> Reports::applyPod(std::string node, wire::PodReport pod) {
  cluster::ObjectRef stored = parts_.store.findLatest({kPods.storageName(), pod.ns, pod.name});
  // A pod that is gone, or was made anew under the same name: the agent learns that by its next assignment.
  if (!stored || stored->meta().uid != pod.uid) co_return {};
  Value tree = stored->parse();
  if (tree.at({"spec", "nodeName"}).asStringView() != node) {
    ++stats_.foreign_parts;
    log::warning("a node reported a pod of another", {{"node", node}, {"namespace", pod.ns}, {"pod", pod.name}});
    co_return {};
  }
  if (pod.status_json.size() > kStatusBytes) pod.status_json.clear();
  Result<Value> reported = json::parse(pod.status_json);
  if (!reported || !reported->isObject()) {
    ++stats_.bad_parts;
    log::warning("a pod's status is unreadable", {{"node", node}, {"namespace", pod.ns}, {"pod", pod.name}});
  } else if (std::optional<Value> patch = podStatusPatch(tree, std::move(*reported), parts_.loop.steadyNow())) {
    Result<cluster::ObjectRef> written =
        co_await parts_.api.patch(kPods, pod.ns, pod.name, cluster::PatchType::kMerge, std::move(*patch),
                                  {.field_manager = "towpath-agent", .subresource = "status"});
    if (!written && !isFinal(written.error().kind)) co_return std::unexpected(written.error());
  }
  if (!pod.gone || !stored->meta().deleting) co_return {};
  Result<void> removed =
      co_await parts_.api.remove(kPods, pod.ns, pod.name, {.uid = pod.uid, .grace_period_seconds = 0});
  if (!removed && !isFinal(removed.error().kind) && removed.error().kind != ErrorKind::kConflict) co_return removed;
  co_return {};
}

loop::Task<Result<void>> Reports::applyCondition(const std::string& node, const wire::Report& report) {
  cluster::ObjectRef stored = parts_.store.findLatest({kNodes.storageName(), "", node});
  if (!stored) co_return {};
  Value tree = stored->parse();
  std::optional<Value> patch = nodeStatusPatch(tree, nullptr, report.condition, parts_.loop.steadyNow());
  if (!patch) co_return {};
  Result<cluster::ObjectRef> written =
      co_await parts_.api.patch(kNodes, "", node, cluster::PatchType::kMerge, std::move(*patch),
                                {.field_manager = "towpath-agent", .subresource = "status"});
  if (!written && !isFinal(written.error().kind)) co_return std::unexpected(written.error());
  co_return {};
}

bool Reports::mayTellOf(const std::string& node, const wire::NodeEvent& event) const {
  if (event.involved_kind == "Node") return event.involved_name == node;
  if (event.involved_kind != "Pod") return false;
  cluster::ObjectRef pod = parts_.store.findLatest({kPods.storageName(), event.ns, event.involved_name});
  return pod && pod->parse().at({"spec", "nodeName"}).asStringView() == node;
}

loop::Task<void> Reports::applyEvents(const std::string& node, const wire::Report& report) {
  std::size_t index = 0;
  for (const wire::NodeEvent& event : report.events) {
    ++index;
    if (!mayTellOf(node, event)) {
      ++stats_.foreign_parts;
      continue;
    }
    // The same report makes the same names, so that a repeat after a crash makes no second event.
    std::uint64_t hash = fnv1a64(fmt::format("{}/{}/{}/{}", node, report.session_nonce, report.sequence, index));
    std::string ns = event.ns.empty() ? "default" : event.ns;
    Value object = makeEvent(event, node, fmt::format("{}.{:016x}", event.involved_name, hash), ns);
    Result<cluster::ObjectRef> made = co_await parts_.api.create(kEvents, std::move(object));
    // An event is worth no retry of the report: the rest of it is applied.
    if (!made && made.error().kind != ErrorKind::kAlreadyExists) {
      log::debug("an event of a node was dropped", {{"node", node}, {"error", made.error().message}});
    }
  }
}

}  // namespace towpath::agents
