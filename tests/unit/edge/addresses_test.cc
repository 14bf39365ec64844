#include "edge/addresses.h"

#include "store/memory_store.h"
#include "support.h"

using namespace towpath;
using namespace towpath::edge;

namespace {

struct World {
  std::unique_ptr<store::Store> store = store::makeMemoryStore();
  std::unique_ptr<ServiceAddresses> addresses;
  MonoTime now{1h};

  explicit World(AddressOptions options = {}) {
    addresses = ServiceAddresses::open(*store, std::move(options)).value();
  }

  Value service(const std::string& name, const std::string& spec) {
    return parsed(fmt::format(R"({{"metadata":{{"namespace":"default","name":"{}"}},"spec":{}}})", name, spec));
  }
  std::vector<Error> admit(Value& object, const Value* old = nullptr) {
    return addresses->admit(old, object, ServiceAddresses::Reserve::kYes, now);
  }
  void store_(const Value& object) {
    const store::Key key{"services", "default", std::string(cluster::nameOf(object))};
    (void)store->commit(store::Transaction().put(key, object));
  }
  // Admitted and stored; the address.
  std::string make(const std::string& name, const std::string& spec = R"({"ports":[{"port":80}]})") {
    Value object = service(name, spec);
    REQUIRE(admit(object).empty());
    store_(object);
    return std::as_const(object)["spec"]["clusterIP"].asString();
  }
};

}  // namespace

TEST_CASE("each service gets an address of the pool, the same one when it is made again") {
  World world;
  const std::string a = world.make("a"), b = world.make("b");
  CHECK(a.starts_with("127."));
  CHECK(a != b);
  (void)world.store->commit(store::Transaction().erase({"services", "default", "a"}));
  CHECK(world.make("a") == a);
}

TEST_CASE("two creates before either is visible do not get one address") {
  World world({.pool = "10.0.0.0/28"});
  std::set<std::string> given;
  for (int i = 0; i < 14; ++i) {
    Value object = world.service("s" + std::to_string(i), R"({"ports":[{"port":80}]})");
    REQUIRE(world.admit(object).empty());
    given.insert(std::as_const(object)["spec"]["clusterIP"].asString());
  }
  CHECK(given.size() == 14);
  Value one_more = world.service("more", R"({"ports":[{"port":80}]})");
  REQUIRE(world.admit(one_more).size() == 1);
  CHECK(world.admit(one_more)[0].field == "spec.clusterIP");
  world.now += 1min;  // none of them was stored after all
  CHECK(world.admit(one_more).empty());
}

TEST_CASE("an address that is asked for must be of the pool and free") {
  World world;
  const std::string taken = world.make("a");
  struct Case {
    std::string address;
    bool admitted;
  };
  for (const Case& each : {Case{"127.100.0.5", true}, Case{taken, false}, Case{"10.1.2.3", false},
                           Case{"nonsense", false}, Case{"None", true}}) {
    Value object = world.service("b", fmt::format(R"({{"clusterIP":"{}","ports":[{{"port":80}}]}})", each.address));
    CHECK_MESSAGE(world.admit(object).empty() == each.admitted, each.address);
  }
}

TEST_CASE("an update keeps address and node ports that it leaves out") {
  World world;
  Value old = world.service("a", R"({"type":"NodePort","ports":[{"port":80},{"port":443}]})");
  REQUIRE(world.admit(old).empty());
  world.store_(old);
  const auto first = std::as_const(old)["spec"]["ports"][std::size_t{0}]["nodePort"].asInt();
  const auto second = std::as_const(old)["spec"]["ports"][1]["nodePort"].asInt();
  CHECK(first >= 30000);
  CHECK(first <= 32767);
  CHECK(first != second);
  Value next = world.service("a", R"({"type":"NodePort","ports":[{"port":443},{"port":80},{"port":81}]})");
  REQUIRE(world.admit(next, &old).empty());
  CHECK(std::as_const(next)["spec"]["ports"][std::size_t{0}]["nodePort"].asInt() == second);
  CHECK(std::as_const(next)["spec"]["ports"][1]["nodePort"].asInt() == first);
  CHECK(next["spec"]["clusterIP"] == old["spec"]["clusterIP"]);

  Value plain = old;
  plain["spec"]["type"] = "ClusterIP";
  REQUIRE(world.admit(plain, &old).empty());
  CHECK(std::as_const(plain)["spec"]["ports"][std::size_t{0}]["nodePort"].isNull());
}

TEST_CASE("node ports clash by protocol") {
  World world;
  world.make("a", R"({"type":"NodePort","ports":[{"port":80,"nodePort":30080}]})");
  Value clash = world.service("b", R"({"type":"NodePort","ports":[{"port":80,"nodePort":30080}]})");
  REQUIRE(world.admit(clash).size() == 1);
  CHECK(world.admit(clash)[0].field == "spec.ports[0].nodePort");
  Value udp = world.service("b", R"({"type":"NodePort","ports":[{"port":80,"nodePort":30080,"protocol":"UDP"}]})");
  CHECK(world.admit(udp).empty());
  Value outside = world.service("c", R"({"type":"NodePort","ports":[{"port":80,"nodePort":80}]})");
  CHECK(world.admit(outside).size() == 1);
  Value inner = world.service("d", R"({"ports":[{"port":80,"nodePort":30081}]})");
  CHECK(world.admit(inner).size() == 1);
}

TEST_CASE("a pool that is none is refused") {
  World world;
  for (const char* pool : {"127.64.0.0", "127.64.0.0/33", "x/10", "127.64.0/10", "127.64.0.0/4"}) {
    CHECK_MESSAGE(!ServiceAddresses::open(*world.store, {.pool = pool}).has_value(), pool);
  }
}
