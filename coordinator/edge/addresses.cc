#include "edge/addresses.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "cluster/kinds.h"
#include "cluster/object.h"

namespace towpath::edge {
namespace {

constexpr Duration kReservation = 30s;  // longer than any write takes from admission to its commit

std::optional<std::uint32_t> parseAddress(std::string_view text) {
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    std::uint32_t number = 256;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number > 255) return std::nullopt;
    address = address << 8 | number;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (part == 3) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  return text.empty() ? std::optional(address) : std::nullopt;
}

std::string formatAddress(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

cluster::ObjectKey keyOf(const Value& service) {
  return {std::string(cluster::namespaceOf(service)), std::string(cluster::nameOf(service))};
}

std::string_view typeOf(const Value& service) { return service["spec"]["type"].asStringView("ClusterIP"); }
bool hasNodePorts(std::string_view type) { return type == "NodePort" || type == "LoadBalancer"; }

const Value& oldPort(const Value* old, const Value& port) {
  if (!old) return Value::null();
  for (const Value& one : (*old)["spec"]["ports"].asArray()) {
    if (one["port"] == port["port"] && one["protocol"].asStringView("TCP") == port["protocol"].asStringView("TCP"))
      return one;
  }
  return Value::null();
}

}  // namespace

Result<std::unique_ptr<ServiceAddresses>> ServiceAddresses::open(store::Store& store, AddressOptions options) {
  std::unique_ptr<ServiceAddresses> addresses(new ServiceAddresses(std::move(options)));
  if (auto read = addresses->readPool(); !read) return std::unexpected(read.error());
  if (auto followed = addresses->follow(store); !followed) return std::unexpected(followed.error());
  return addresses;
}

Result<void> ServiceAddresses::readPool() {
  const std::string& pool = options_.pool;
  const auto slash = pool.find('/');
  const auto network = parseAddress(std::string_view(pool).substr(0, slash));
  int bits = -1;
  if (slash != std::string::npos) std::from_chars(pool.data() + slash + 1, pool.data() + pool.size(), bits);
  if (!network || bits < 8 || bits > 28) {
    return fail(ErrorKind::kInvalid, fmt::format("\"{}\" is no IPv4 network of /8 to /28, such as 127.64.0.0/10", pool),
                "service_addresses");
  }
  const std::uint32_t size = 1U << (32 - bits);
  first_ = (*network & ~(size - 1)) + 1;
  last_ = first_ + size - 3;
  if (options_.node_port_first < 1 || options_.node_port_last > 65535 ||
      options_.node_port_first > options_.node_port_last) {
    return fail(ErrorKind::kInvalid,
                fmt::format("{}-{} is no range of ports", options_.node_port_first, options_.node_port_last),
                "node_ports");
  }
  return {};
}

Result<void> ServiceAddresses::follow(store::Store& store) {
  const std::string resource = cluster::kServices.storageName();
  const auto page = store.list(resource, {});
  if (!page) return std::unexpected(page.error());
  for (const cluster::ObjectRef& service : page->items)
    hold({service->meta().ns, service->meta().name}, service->parse());
  auto subscription = store.watch(resource, page->revision, [this](std::span<const store::Change> changes) {
    for (const store::Change& change : changes) changed(change);
  });
  if (!subscription) return std::unexpected(subscription.error());
  subscription_ = std::move(*subscription);
  return {};
}

void ServiceAddresses::changed(const store::Change& change) {
  const cluster::ObjectKey owner{change.object->meta().ns, change.object->meta().name};
  release(owner);
  if (change.type != store::Change::Type::kDeleted) hold(owner, change.object->parse());
}

void ServiceAddresses::hold(const cluster::ObjectKey& owner, const Value& service) {
  Holding& holding = holdings_[owner];
  if (const auto address = parseAddress(service["spec"]["clusterIP"].asStringView())) {
    if (addresses_.emplace(*address, owner).second) holding.addresses.push_back(*address);
  }
  for (const Value& port : service["spec"]["ports"].asArray()) {
    if (port["nodePort"].asInt() == 0) continue;
    const Port one{port["protocol"].asString("TCP"), static_cast<std::int32_t>(port["nodePort"].asInt())};
    if (ports_.emplace(one, owner).second) holding.ports.push_back(one);
  }
}

void ServiceAddresses::release(const cluster::ObjectKey& owner) {
  const auto found = holdings_.find(owner);
  if (found == holdings_.end()) return;
  for (const std::uint32_t address : found->second.addresses) addresses_.erase(address);
  for (const Port& port : found->second.ports) ports_.erase(port);
  holdings_.erase(found);
}

void ServiceAddresses::forgetReservations(MonoTime now) {
  std::erase_if(reserved_addresses_, [&](const auto& one) { return one.second.until <= now; });
  std::erase_if(reserved_ports_, [&](const auto& one) { return one.second.until <= now; });
}

bool ServiceAddresses::addressFree(std::uint32_t address, const cluster::ObjectKey& owner) const {
  const auto held = addresses_.find(address);
  if (held != addresses_.end() && held->second != owner) return false;
  const auto reserved = reserved_addresses_.find(address);
  return reserved == reserved_addresses_.end() || reserved->second.owner == owner;
}

bool ServiceAddresses::portFree(const Port& port, const cluster::ObjectKey& owner) const {
  const auto held = ports_.find(port);
  if (held != ports_.end() && held->second != owner) return false;
  const auto reserved = reserved_ports_.find(port);
  return reserved == reserved_ports_.end() || reserved->second.owner == owner;
}

std::optional<std::uint32_t> ServiceAddresses::chooseAddress(const cluster::ObjectKey& owner) const {
  const std::uint64_t size = std::uint64_t{last_} - first_ + 1;
  const std::uint64_t start = fnv1a64(owner.ns + "/" + owner.name) % size;
  // More steps than are taken already always meet a free one.
  const std::uint64_t steps = std::min<std::uint64_t>(size, addresses_.size() + reserved_addresses_.size() + 1);
  for (std::uint64_t i = 0; i < steps; ++i) {
    const auto address = static_cast<std::uint32_t>(first_ + (start + i) % size);
    if (addressFree(address, owner)) return address;
  }
  return std::nullopt;
}

std::optional<std::int32_t> ServiceAddresses::choosePort(const std::string& protocol, const std::vector<Port>& own,
                                                         const cluster::ObjectKey& owner) const {
  const std::int32_t size = options_.node_port_last - options_.node_port_first + 1;
  const auto start = static_cast<std::int32_t>(fnv1a64(owner.ns + "/" + owner.name) % static_cast<std::uint64_t>(size));
  for (std::int32_t i = 0; i < size; ++i) {
    const Port port{protocol, options_.node_port_first + (start + i) % size};
    if (portFree(port, owner) && std::ranges::find(own, port) == own.end()) return port.second;
  }
  return std::nullopt;
}

void ServiceAddresses::admitAddress(const Value* old, Value& service, const cluster::ObjectKey& owner,
                                    std::vector<Error>& errors) const {
  Value& spec = service["spec"];
  const auto drop = [&] {
    for (const char* member : {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"})
      spec.makeObject().erase(member);
  };
  if (typeOf(service) == "ExternalName") return drop();
  std::string address = std::as_const(spec)["clusterIP"].asString();
  // A replacement without the address keeps it.
  if (address.empty() && old && typeOf(*old) != "ExternalName") address = (*old)["spec"]["clusterIP"].asString();
  if (address.empty()) {
    const auto chosen = chooseAddress(owner);
    if (!chosen) {
      errors.push_back(
          {ErrorKind::kUnavailable, fmt::format("no address is left in the pool {}", options_.pool), "spec.clusterIP"});
      return;
    }
    address = formatAddress(*chosen);
  } else if (address != "None") {
    const auto number = parseAddress(address);
    if (!number || *number < first_ || *number > last_) {
      errors.push_back({ErrorKind::kInvalid,
                        fmt::format("Invalid value: \"{}\": must be an address of the pool {}; leave it "
                                    "out to get one",
                                    address, options_.pool),
                        "spec.clusterIP"});
      return;
    }
    if (!addressFree(*number, owner)) {
      errors.push_back({ErrorKind::kInvalid,
                        fmt::format("Invalid value: \"{}\": the address belongs to another Service; leave "
                                    "it out to get a free one",
                                    address),
                        "spec.clusterIP"});
      return;
    }
  }
  spec["clusterIP"] = address;
  spec["clusterIPs"] = Array{address};
  spec["ipFamilies"] = Array{"IPv4"};
  spec["ipFamilyPolicy"] = "SingleStack";
}

void ServiceAddresses::admitPorts(const Value* old, Value& service, const cluster::ObjectKey& owner,
                                  std::vector<Error>& errors) const {
  Value& ports = service["spec"]["ports"];
  if (!ports.isArray()) {
    service["spec"].makeObject().erase("ports");
    return;
  }
  const bool wanted = hasNodePorts(typeOf(service));
  std::vector<Port> own;
  for (std::size_t i = 0; i < ports.ifArray()->size(); ++i) {
    Value& port = (*ports.ifArray())[i];
    const std::string protocol = std::as_const(port)["protocol"].asString("TCP");
    const std::string field = fmt::format("spec.ports[{}].nodePort", i);
    auto number = static_cast<std::int32_t>(std::as_const(port)["nodePort"].asInt());
    if (!wanted) {
      // What a change of type leaves behind goes; what a client asks for is an error.
      if (number != 0 && !(oldPort(old, port)["nodePort"].asInt() == number)) {
        errors.push_back({ErrorKind::kInvalid, "Forbidden: may not be used when `type` is 'ClusterIP'", field});
      }
      port.makeObject().erase("nodePort");
      continue;
    }
    if (number == 0) number = static_cast<std::int32_t>(oldPort(old, port)["nodePort"].asInt());
    if (number == 0) number = choosePort(protocol, own, owner).value_or(0);
    if (number < options_.node_port_first || number > options_.node_port_last) {
      errors.push_back({ErrorKind::kInvalid,
                        fmt::format("Invalid value: {}: must be a free port of {}-{}", number, options_.node_port_first,
                                    options_.node_port_last),
                        field});
    } else if (!portFree({protocol, number}, owner) || std::ranges::find(own, Port{protocol, number}) != own.end()) {
      errors.push_back(
          {ErrorKind::kInvalid, fmt::format("Invalid value: {}: provided port is already allocated", number), field});
    }
    own.emplace_back(protocol, number);
    port["nodePort"] = number;
  }
}

std::vector<Error> ServiceAddresses::admit(const Value* old, Value& service, Reserve reserve, MonoTime now) {
  forgetReservations(now);
  const cluster::ObjectKey owner = keyOf(service);
  std::vector<Error> errors;
  admitAddress(old, service, owner, errors);
  admitPorts(old, service, owner, errors);
  if (!errors.empty() || reserve == Reserve::kDryRun) return errors;
  if (const auto address = parseAddress(std::as_const(service)["spec"]["clusterIP"].asStringView())) {
    reserved_addresses_[*address] = {owner, now + kReservation};
  }
  for (const Value& port : std::as_const(service)["spec"]["ports"].asArray()) {
    if (port["nodePort"].asInt() == 0) continue;
    reserved_ports_[{port["protocol"].asString("TCP"), static_cast<std::int32_t>(port["nodePort"].asInt())}] = {
        owner, now + kReservation};
  }
  return errors;
}

}  // namespace towpath::edge
