#include "api/template_hash.h"

#include <doctest/doctest.h>

#include <fstream>

#include "json/parse.h"
#include "json/yaml.h"

using namespace towpath;

namespace {

Value read(std::string_view text) { return json::parseYamlDocument(text).value(); }

}  // namespace

TEST_CASE("the documented hashes of templates") {
  const Value simple =
      read(R"({"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"name":"a","image":"b","resources":{}}]}})");
  CHECK(api::podTemplateHash(simple) == "544f55d845");
  CHECK(api::podTemplateHash(simple, 1) == "565b6bc89b");
  CHECK(api::podTemplateHash(read(R"(
metadata:
  labels:
    app: canary-scaledowndelay
spec:
  containers:
  - name: canary-scaledowndelay
    image: nginx:1.19-alpine
    ports:
    - name: http
      containerPort: 80
      protocol: TCP
    resources:
      requests:
        memory: 16Mi
        cpu: 5m
)")) == "674d8cf959");
}

TEST_CASE("the documented hashes of steps") {
  CHECK(api::stepHash(Value()) == "5ffbfbbd64");
  CHECK(api::stepHash(Value(Array{})) == "5f8cb5778f");
  CHECK(api::stepHash(read(R"(
- setWeight: 20
- pause: {}
- pause: {duration: 1h}
- pause: {duration: 10}
- analysis: {templates: [{templateName: a}]}
- setCanaryScale: {weight: 5}
- experiment: {templates: [{name: a, specRef: canary}]}
)")) == "7c64c44d6d");
}

TEST_CASE("what the typed struct does not know does not count") {
  const Value simple = read(R"({"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"name":"a","image":"b"}]}})");
  const Value odd = read(R"({"extra":1,"metadata":{"labels":{"app":"x"},"creationTimestamp":null,"annotations":{}},
    "spec":{"unknown":{"a":1},"dnsPolicy":"","hostNetwork":false,"volumes":[],"affinity":null,"nodeName":3,
    "containers":[{"image":"b","name":"a","more":2,"args":null,"ports":[],"tty":"yes"}]}})");
  CHECK(api::canonicalTemplate(odd) == api::canonicalTemplate(simple));
  CHECK(api::canonicalTemplate(Value()) == R"({"metadata":{},"spec":{"containers":null}})");
}

TEST_CASE("templates and steps hash as Go hashes them") {
  // One line a case: random objects with their hashes by k8s.io/api v0.34 and the peer's types.
  std::ifstream templates(TEST_DATA "/template_hashes.jsonl");
  std::ifstream steps(TEST_DATA "/step_hashes.jsonl");
  std::size_t count = 0;
  for (std::string line; std::getline(templates, line); ++count) {
    const Value vector = json::parse(line).value();
    const Value& collisions = vector["collisionCount"];
    CAPTURE(line);
    CHECK(api::podTemplateHash(vector["template"], collisions.isInt()
                                                       ? std::optional(static_cast<std::int32_t>(collisions.asInt()))
                                                       : std::nullopt) == vector["hash"].asString());
  }
  for (std::string line; std::getline(steps, line); ++count) {
    const Value vector = json::parse(line).value();
    CAPTURE(line);
    CHECK(api::stepHash(vector["steps"]) == vector["hash"].asString());
  }
  CHECK(count == 230);
}
