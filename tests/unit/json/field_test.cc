#include "json/field.h"

#include <doctest/doctest.h>

#include "json/parse.h"

using namespace towpath;

TEST_CASE("a place is found by its plain path") {
  const Value root =
      json::parse(R"({"metadata":{"name":"x","labels":{"a.b/c":"d"}},"spec":{"c":[{"image":"i"}],"m":{"3":"three"}}})")
          .value();
  CHECK(json::fieldAt(root, "metadata.name") == Value("x"));
  CHECK(json::fieldAt(root, ".metadata.name") == Value("x"));
  CHECK(json::fieldAt(root, "metadata.labels['a.b/c']") == Value("d"));
  CHECK(json::fieldAt(root, "metadata.labels[\"a.b/c\"]") == Value("d"));
  CHECK(json::fieldAt(root, "metadata.labels[a.b/c]") == Value("d"));
  CHECK(json::fieldAt(root, "spec.c[0].image") == Value("i"));
  CHECK(json::fieldAt(root, "spec.m[3]") == Value("three"));
  CHECK(json::fieldAt(root, "") == root);
  for (const char* path : {"nope", "spec.c[1].image", "spec.c[-1]", "spec.c[x]", "spec.c[0", "spec..c",
                           "metadata.labels['a", "[", "metadata.name.more", "spec.c[99999999999999999999999]"}) {
    CAPTURE(path);
    CHECK(json::fieldAt(root, path).isNull());
  }
}

TEST_CASE("paths join as error messages write them") {
  CHECK(json::joinPath("", "spec") == "spec");
  CHECK(json::joinPath("spec", "replicas") == "spec.replicas");
  CHECK(json::joinPath("metadata.annotations", "a.b/c") == "metadata.annotations[a.b/c]");
  CHECK(json::joinPath("steps", 2) == "steps[2]");
}
