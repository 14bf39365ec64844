#pragma once
// What a Rollout asks for beyond the peer's fields, by annotations under towpath.dev/. All of it is off by default.

#include <cstdint>
#include <string>
#include <vector>

#include "model/webhook.h"

namespace towpath::model {

// What happens to a new template while an update is in progress (towpath.dev/on-new-version).
enum class OnNewVersion : std::uint8_t {
  kReplace,  // it takes the place of the update in progress, as with the peer
  kQueue,    // it waits until that one is promoted, aborted or timed out; the newest template waits
  kReject,   // it is refused
};

struct Extensions {
  OnNewVersion on_new_version = OnNewVersion::kReplace;
  std::string rejected_hash;  // towpath.dev/rejected-template: the refused template, written by the controller
  // towpath.dev/weight-limit: ready. No version gets a larger weight than its ready pods can carry, on any path.
  bool limit_weight_to_ready = false;
  // towpath.dev/broken-stable: ship. Neither steps nor weights wait for pods of a stable version that has too few.
  bool ship_past_broken_stable = false;

  std::vector<Webhook> webhooks;  // towpath.dev/webhooks
  // towpath.dev/webhook-gate: "<hash>/<index>", the last step of an update that no gate holds any more; "<hash>/begun":
  // the first one holds it; "<hash>/done": its end was told. Written by the controller.
  std::string webhook_gate;

  bool operator==(const Extensions&) const = default;
};

}  // namespace towpath::model
