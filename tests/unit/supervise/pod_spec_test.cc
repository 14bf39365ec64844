#include "supervise/pod_spec.h"

#include <doctest/doctest.h>

using namespace towpath;
using namespace towpath::supervise;

namespace {

Value podWith(Object container) {
  container.set("name", "shop");
  if (!container.contains("image")) container.set("image", "file:///srv/shop");
  return Object{{"metadata", Object{{"namespace", "default"}, {"name", "shop-1"}, {"uid", "u1"}}},
                {"spec", Object{{"containers", Array{Value(std::move(container))}}}}};
}

}  // namespace

TEST_CASE("a plain pod is read with the defaults of Kubernetes") {
  const auto pod = readPodSpec(podWith({{"ports", Array{Object{{"containerPort", 8080}, {"name", "http"}}}}}));
  REQUIRE(pod);
  CHECK(pod->restart_policy == RestartPolicy::kAlways);
  CHECK(pod->grace_period == 30s);
  CHECK_FALSE(pod->deleting);
  REQUIRE(pod->containers.size() == 1);
  CHECK(pod->containers[0].ports[0].container_port == 8080);
  CHECK(pod->containers[0].ports[0].host_port == 0);
}

TEST_CASE("limits are quantities, written as text or as numbers") {
  const auto pod = readPodSpec(podWith({{"resources", Object{{"limits", Object{{"memory", "64Mi"}, {"cpu", 2}}}}}}));
  REQUIRE(pod);
  CHECK(pod->containers[0].limits.memory_bytes == 64 << 20);
  CHECK(pod->containers[0].limits.cpu_milli == 2000);
}

TEST_CASE("a container's security context goes before the pod's") {
  Value pod = podWith({{"securityContext", Object{{"runAsUser", 1001}}}});
  pod.mutableAt({"spec", "securityContext"}) =
      Object{{"runAsUser", 1000}, {"runAsGroup", 2000}, {"runAsNonRoot", true}};
  const auto spec = readPodSpec(pod);
  REQUIRE(spec);
  CHECK(spec->containers[0].run_as_user == 1001);
  CHECK(spec->containers[0].run_as_group == 2000);
  CHECK(spec->containers[0].run_as_non_root);
}

TEST_CASE("a deletion's own grace period counts, not the template's") {
  Value pod = podWith({});
  pod.mutableAt({"spec", "terminationGracePeriodSeconds"}) = 60;
  pod.mutableAt({"metadata", "deletionTimestamp"}) = "2026-01-01T00:00:00Z";
  pod.mutableAt({"metadata", "deletionGracePeriodSeconds"}) = 5;
  const auto spec = readPodSpec(pod);
  REQUIRE(spec);
  CHECK(spec->deleting);
  CHECK(spec->grace_period == 5s);
}

TEST_CASE("what the process runtime cannot do is an error that names the field") {
  struct Case {
    Object container;
    std::string field;
  };
  for (const Case& bad :
       {Case{{{"volumeMounts", Array{Object{{"name", "data"}}}}}, "spec.containers[0].volumeMounts"},
        Case{{{"lifecycle", Object{{"preStop", Object{}}}}}, "spec.containers[0].lifecycle"},
        Case{{{"image", ""}}, "spec.containers[0].image"},
        Case{{{"ports", Array{Object{{"containerPort", 70000}}}}}, "spec.containers[0].ports[0].containerPort"},
        Case{{{"resources", Object{{"limits", Object{{"memory", "lots"}}}}}},
             "spec.containers[0].resources.limits.memory"}}) {
    const auto spec = readPodSpec(podWith(bad.container));
    REQUIRE_FALSE(spec);
    CHECK(spec.error().field == bad.field);
  }
}
