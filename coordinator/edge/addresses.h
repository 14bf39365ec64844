#pragma once
// ServiceAddresses: gives Services their clusterIP and nodePorts at admission, and refuses clashes. It follows the
// store, and remembers what it has just given out, since a write that it admitted is not visible yet, or is refused
// later.
//
// An address follows from the Service's name by a hash, with a search from there on, so that one that is deleted and
// made again gets the same one if it can.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "cluster/queue.h"
#include "store/store.h"

namespace towpath::edge {

struct AddressOptions {
  std::string pool = "127.64.0.0/10";  // IPv4; each node's proxy binds these addresses itself
  std::int32_t node_port_first = 30000;
  std::int32_t node_port_last = 32767;
};

class ServiceAddresses {
 public:
  // kInvalid for a pool or range that is none. The store outlives it.
  static Result<std::unique_ptr<ServiceAddresses>> open(store::Store& store, AddressOptions options);

  enum class Reserve { kYes, kDryRun };
  // Completes `service`, which is about to be stored: clusterIP, clusterIPs, ipFamilies, nodePorts. `old` is what is
  // stored now, null for a create. The errors name their fields; none: admitted.
  std::vector<Error> admit(const Value* old, Value& service, Reserve reserve, MonoTime now);

 private:
  explicit ServiceAddresses(AddressOptions options) : options_(std::move(options)) {}

  using Port = std::pair<std::string, std::int32_t>;  // protocol, number
  // What one Service holds.
  struct Holding {
    std::vector<std::uint32_t> addresses;
    std::vector<Port> ports;
  };
  struct Reservation {
    cluster::ObjectKey owner;
    MonoTime until;
  };

  Result<void> readPool();
  Result<void> follow(store::Store& store);
  void changed(const store::Change& change);
  void hold(const cluster::ObjectKey& owner, const Value& service);
  void release(const cluster::ObjectKey& owner);
  void forgetReservations(MonoTime now);

  bool addressFree(std::uint32_t address, const cluster::ObjectKey& owner) const;
  bool portFree(const Port& port, const cluster::ObjectKey& owner) const;
  std::optional<std::uint32_t> chooseAddress(const cluster::ObjectKey& owner) const;
  std::optional<std::int32_t> choosePort(const std::string& protocol, const std::vector<Port>& own,
                                         const cluster::ObjectKey& owner) const;
  void admitAddress(const Value* old, Value& service, const cluster::ObjectKey& owner,
                    std::vector<Error>& errors) const;
  void admitPorts(const Value* old, Value& service, const cluster::ObjectKey& owner, std::vector<Error>& errors) const;

  AddressOptions options_;
  std::uint32_t first_ = 0;  // the first and last address that may be given
  std::uint32_t last_ = 0;
  std::map<std::uint32_t, cluster::ObjectKey> addresses_;
  std::map<Port, cluster::ObjectKey> ports_;
  std::map<cluster::ObjectKey, Holding> holdings_;
  std::map<std::uint32_t, Reservation> reserved_addresses_;
  std::map<Port, Reservation> reserved_ports_;
  std::unique_ptr<store::Subscription> subscription_;
};

}  // namespace towpath::edge
