// The files beside the proxy: its layout, and the counters that were seen last. What is read is written as something
// that reads equal, and placing on top of any layout loses no occupied slot.

#include "proxy/layout.h"

#include "fuzz.h"
#include "telemetry/deltas.h"

namespace towpath::fuzz {
namespace {

proxy::ProxyState someState() {
  proxy::Backend backend;
  backend.service = {"shop", "web", "http"};
  backend.versions = {{"v2", {{"pod-1", "10.0.0.1", 8080}, {"pod-2", "10.0.0.2", 8080}}}};
  proxy::ProxyState state;
  state.backends = {backend};
  return state;
}

}  // namespace

void run(std::string_view input) {
  if (const Result<proxy::Layout> layout = proxy::readLayout(input)) {
    const std::string text = proxy::writeLayout(*layout);
    const Result<proxy::Layout> again = proxy::readLayout(text);
    require(again && *again == *layout, text);
    const proxy::ProxyState state = someState();
    proxy::Layout placed = proxy::place(*layout, state);
    require(proxy::place(placed, state) == placed, "placing twice is placing once");
    require(!proxy::findInstance(placed, "pod-1").empty(), "an instance of the state has a slot");
    proxy::release(placed, "pod-1");
    require(proxy::findInstance(placed, "pod-1").empty(), "a released instance has none");
    static_cast<void>(proxy::compact(std::move(placed), {}));
  }
  telemetry::Deltas deltas;
  if (deltas.restore(input)) {
    const std::string snapshot = deltas.snapshot();
    telemetry::Deltas again;
    require(again.restore(snapshot).has_value(), snapshot);
    require(again.snapshot() == snapshot, snapshot);
  }
}

}  // namespace towpath::fuzz
