#include "api/schema.h"

#include <doctest/doctest.h>

#include "crds/crds.h"
#include "json/serialize.h"
#include "json/yaml.h"

using namespace towpath;

namespace {

Value read(std::string_view text) { return json::parseYamlDocument(text).value(); }

Value schemaOf(std::string_view file) {
  for (const crds::File& crd : crds::files()) {
    if (crd.name != file) continue;
    const Value definition = read(crd.text);
    return definition["spec"]["versions"][0UZ]["schema"]["openAPIV3Schema"];
  }
  return Value();
}

std::string firstError(std::string_view schema, std::string_view value) {
  const api::FieldErrors errors = api::validateSchema(read(schema), read(value));
  return errors.empty() ? "" : api::describe(errors.front());
}

}  // namespace

TEST_CASE("errors are worded as kube-apiserver's") {
  const struct {
    const char* property;  // schema of the property x
    const char* value;     // of x
    const char* error;
  } kCases[] = {
      {"{type: integer}", "abc", R"(x: Invalid value: "string": x in body must be of type integer: "string")"},
      {"{type: integer}", "1.5", R"(x: Invalid value: "number": x in body must be of type integer: "number")"},
      {"{type: integer}", "2.0", ""},
      {"{type: string}", "null", R"(x: Invalid value: "null": x in body must be of type string: "null")"},
      {"{type: string, nullable: true}", "null", ""},
      {"{x-kubernetes-int-or-string: true}", "25%", ""},
      {"{x-kubernetes-int-or-string: true}", "3", ""},
      {"{x-kubernetes-int-or-string: true}", "true",
       R"(x: Invalid value: "boolean": x in body must be of type integer,string: "boolean")"},
      {"{type: string, enum: [a, b]}", "c", R"(x: Unsupported value: "c": supported values: "a", "b")"},
      {"{type: integer, maximum: 5}", "6", "x: Invalid value: 6: x in body should be less than or equal to 5"},
      {"{type: integer, minimum: 0}", "-1", "x: Invalid value: -1: x in body should be greater than or equal to 0"},
      {"{type: integer, minimum: 0, exclusiveMinimum: true}", "0",
       "x: Invalid value: 0: x in body should be greater than 0"},
      {"{type: integer, multipleOf: 3}", "7", "x: Invalid value: 7: x in body should be a multiple of 3"},
      {"{type: integer, format: int32}", "3000000000",
       R"(x: Invalid value: 3000000000: x in body must be of type int32: "3000000000")"},
      {"{type: string, maxLength: 2}", "éée", "x: Too long: may not be more than 2 bytes"},
      {"{type: string, maxLength: 2}", "éé", ""},
      {"{type: string, minLength: 1}", "''", "x: Invalid value: \"\": x in body should be at least 1 chars long"},
      {"{type: string, pattern: '^a+$'}", "ab", R"(x: Invalid value: "ab": x in body should match '^a+$')"},
      {"{type: string, pattern: '('}", "ab", ""},
      {"{type: string, format: date-time}", "soon",
       R"(x: Invalid value: "soon": x in body must be of type date-time: "soon")"},
      {"{type: array, items: {type: string}}", "[a, 3]",
       R"(x[1]: Invalid value: "integer": x[1] in body must be of type string: "integer")"},
      {"{type: array, maxItems: 1}", "[a, b]", "x: Too many: 2: must have at most 1 items"},
      {"{type: array, minItems: 1}", "[]", "x: Invalid value: 0: x in body should have at least 1 items"},
      {"{type: array, x-kubernetes-list-type: set}", "[a, b, a]", R"(x[2]: Duplicate value: "a")"},
      {"{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k]}", "[{k: 1, v: 1}, {k: 1, v: 2}]",
       R"(x[1]: Duplicate value: {"k":1})"},
      {"{type: object, required: [a]}", "{b: 1}", "x.a: Required value"},
      {"{type: object, additionalProperties: {type: string}}", "{a.b/c: 1}",
       R"(x[a.b/c]: Invalid value: "integer": x[a.b/c] in body must be of type string: "integer")"},
      {"{type: object, minProperties: 1}", "{}", "x: Invalid value: 0: x in body should have at least 1 properties"},
      {"{anyOf: [{type: string}, {type: integer}]}", "true",
       "x: Invalid value: true: x in body must validate at least one schema (anyOf)"},
      {"{oneOf: [{minimum: 1}, {minimum: 2}]}", "3",
       "x: Invalid value: 3: x in body must validate one and only one schema (oneOf)"},
      {"{not: {enum: [1]}}", "1", "x: Invalid value: 1: x in body must not validate the schema (not)"},
      {"{allOf: [{maximum: 5}]}", "6", "x: Invalid value: 6: x in body should be less than or equal to 5"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.property);
    CAPTURE(c.value);
    CHECK(firstError(fmt::format("{{type: object, properties: {{x: {}}}}}", c.property),
                     fmt::format("{{x: {}}}", c.value)) == c.error);
  }
}

TEST_CASE("a hostile object yields a bounded number of errors") {
  std::string list = "{x: [";
  for (int i = 0; i < 1000; ++i) list += "1,";
  CHECK(api::validateSchema(read("{properties: {x: {items: {type: string}}}}"), read(list + "]}")).size() ==
        api::kMaxSchemaErrors);
  const std::string longest(100'000, 'a');
  CHECK(firstError("{properties: {x: {type: string, pattern: '(a|b)*c'}}}", "{x: " + longest + "}").find("Too long") !=
        std::string::npos);
}

TEST_CASE("defaults fill what is absent, at every depth") {
  const Value schema = read(
      R"({properties: {a: {default: 1}, n: {default: 2}, o: {properties: {b: {default: [1]}}}, p: {default: {}, properties: {c: {default: x}}},
    l: {items: {properties: {d: {default: true}}}}, m: {additionalProperties: {properties: {e: {default: 1}}}}, z: {nullable: true, default: 1}}})");
  Value object = read("{n: null, o: {}, l: [{}, {d: false}], m: {k: {}}, z: null}");
  api::applyDefaults(schema, object);
  CHECK(object == read("{a: 1, n: 2, o: {b: [1]}, p: {c: x}, l: [{d: true}, {d: false}], m: {k: {e: 1}}, z: null}"));
}

TEST_CASE("unknown fields are named, and pruned if asked for") {
  const Value schema = read(
      R"({type: object, properties: {spec: {type: object, properties: {a: {type: string}, l: {items: {properties: {b: {}}}},
    free: {x-kubernetes-preserve-unknown-fields: true, properties: {strict: {properties: {}}}}, map: {additionalProperties: {properties: {v: {}}}}}}}})");
  const char* kObject =
      "{apiVersion: v, kind: K, metadata: {any: 1}, extra: 1, spec: {a: x, c: 1, l: [{b: 1, q: 2}], free: {y: 1, "
      "strict: {s: 1}}, map: {k: {v: 1, w: 2}}}}";
  Value object = read(kObject);
  const std::vector<std::string> wanted{"spec.l[0].q", "spec.free.strict.s", "spec.map.k.w", "spec.c", "extra"};
  CHECK(api::findUnknownFields(schema, object, api::UnknownFields::kKeep) == wanted);
  CHECK(object == read(kObject));
  CHECK(api::findUnknownFields(schema, object, api::UnknownFields::kPrune) == wanted);
  CHECK(object == read("{apiVersion: v, kind: K, metadata: {any: 1}, spec: {a: x, l: [{b: 1}], free: {y: 1, strict: "
                       "{}}, map: {k: {v: 1}}}}"));
}

TEST_CASE("our definitions are sound and take real objects") {
  CHECK(crds::files().size() == 5);
  for (const crds::File& file : crds::files()) {
    CAPTURE(file.name);
    const Value crd = read(file.text);
    CHECK(crd["kind"] == Value("CustomResourceDefinition"));
    CHECK(crd["metadata"]["name"].asString() ==
          crd["spec"]["names"]["plural"].asString() + "." + crd["spec"]["group"].asString());
  }
  Value rollout = read(R"(
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: x, annotations: {a: b}}
spec:
  replicas: 3
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}, creationTimestamp: null}
    spec: {containers: [{name: a, image: b, resources: {requests: {cpu: 5m}}, unheardOf: {a: 1}}]}
  strategy:
    canary:
      maxSurge: 25%
      maxUnavailable: 0
      steps: [{setWeight: 20}, {pause: {}}, {pause: {duration: 1h}}, {pause: {duration: 10}}, {plugin: {name: p, config: {any: [1]}}}]
      trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: r, namespace: n}}}
      analysis: {templates: [{templateName: t}], args: [{name: a, valueFrom: {podTemplateHashValue: Latest}}]}
status:
  conditions: [{type: A, status: "True", reason: R, message: m, lastUpdateTime: "2026-11-23T13:00:00Z", lastTransitionTime: "2026-11-23T13:00:00Z"}]
  canary: {weights: {canary: {weight: 1}, stable: {weight: 99}}}
  blueGreen: {}
)");
  const Value schema = schemaOf("rollout.yaml");
  CHECK(api::validateSchema(schema, rollout).empty());
  CHECK(api::findUnknownFields(schema, rollout, api::UnknownFields::kKeep).empty());
  rollout.mutableAt({"spec", "replicas"}) = Value("x");
  rollout.mutableAt({"spec", "strategy", "canary", "stepz"}) = Value(1);
  CHECK(api::describe(api::validateSchema(schema, rollout).at(0)) ==
        R"(spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string")");
  CHECK(api::findUnknownFields(schema, rollout, api::UnknownFields::kKeep) ==
        std::vector<std::string>{"spec.strategy.canary.stepz"});

  Value run = read(
      R"({spec: {metrics: [{name: m, interval: 10s, count: "5", provider: {job: {spec: {template: {any: 1}}}, plugin: {a/b: {c: 1}}}}]}, status: {phase: Running}})");
  CHECK(api::validateSchema(schemaOf("analysis-run.yaml"), run).empty());
  CHECK(api::findUnknownFields(schemaOf("analysis-run.yaml"), run, api::UnknownFields::kKeep).empty());
}

TEST_CASE("a Rollout's selector cannot change once it is set") {
  const Value schema = schemaOf("rollout.yaml");
  const Value old_object = read("{spec: {replicas: 1, selector: {matchLabels: {app: x}}}}");
  CHECK(api::validateTransition(schema, old_object, read("{spec: {replicas: 2, selector: {matchLabels: {app: x}}}}"))
            .empty());
  CHECK(api::validateTransition(schema, read("{spec: {}}"), old_object).empty());
  const api::FieldErrors errors =
      api::validateTransition(schema, old_object, read("{spec: {selector: {matchLabels: {app: y}}}}"));
  REQUIRE(errors.size() == 1);
  CHECK(api::describe(errors[0]) == "spec.selector: Invalid value: \"object\": .spec.selector is immutable");
}
