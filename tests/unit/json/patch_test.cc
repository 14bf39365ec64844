#include "json/patch.h"

#include <doctest/doctest.h>

#include "json/parse.h"
#include "json/serialize.h"

using namespace towpath;

namespace {

Value read(std::string_view text) { return json::parse(text).value(); }

std::string show(const Result<Value>& result) {
  return result ? json::serialize(*result) : "error: " + describe(result.error());
}

}  // namespace

TEST_CASE("merge patch: the examples of RFC 7396") {
  const struct {
    const char* target;
    const char* patch;
    const char* result;
  } kCases[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", "null", "null"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.patch);
    CHECK(json::serialize(json::mergePatch(read(c.target), read(c.patch))) == c.result);
  }
}

TEST_CASE("the difference of two values is the patch between them") {
  const struct {
    const char* from;
    const char* to;
    const char* patch;
  } kCases[] = {
      {R"({"a":1})", R"({"a":1})", "{}"},
      {R"({"a":1,"b":2})", R"({"b":3,"c":4})", R"({"a":null,"b":3,"c":4})"},
      {R"({"a":{"x":1,"y":2}})", R"({"a":{"x":1,"y":3}})", R"({"a":{"y":3}})"},
      {R"({"a":{"x":1}})", R"({"a":{}})", R"({"a":{"x":null}})"},
      {R"({"a":[1,2]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"({"a":{"x":1}})", R"({"a":5})", R"({"a":5})"},
      {R"({"a":5})", R"({"a":{"x":1}})", R"({"a":{"x":1}})"},
      {R"({"a":1})", R"({"a":1.0})", "{}"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.from);
    const Value patch = json::diffMerge(read(c.from), read(c.to));
    CHECK(json::serialize(patch) == c.patch);
    CHECK(json::mergePatch(read(c.from), patch) == read(c.to));
  }
}

TEST_CASE("JSON patch does its six operations") {
  const struct {
    const char* target;
    const char* patch;
    const char* result;
  } kCases[] = {
      {R"({"a":{}})", R"([{"op":"add","path":"/a/b","value":1}])", R"({"a":{"b":1}})"},
      {R"({"a":[1,3]})", R"([{"op":"add","path":"/a/1","value":2}])", R"({"a":[1,2,3]})"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/-","value":2}])", R"({"a":[1,2]})"},
      {R"({"a":1})", R"([{"op":"add","path":"","value":{"b":2}}])", R"({"b":2})"},
      {R"({"a":1})", R"([{"op":"add","path":"/a","value":null}])", R"({"a":null})"},
      {R"({"a":1,"b":2})", R"([{"op":"remove","path":"/a"}])", R"({"b":2})"},
      {R"({"a":[1,2,3]})", R"([{"op":"remove","path":"/a/1"}])", R"({"a":[1,3]})"},
      {R"({"a":1})", R"([{"op":"replace","path":"/a","value":[2]}])", R"({"a":[2]})"},
      {R"({"a":{"b":1},"c":{}})", R"([{"op":"move","from":"/a/b","path":"/c/d"}])", R"({"a":{},"c":{"d":1}})"},
      {R"({"a":[1,2,3]})", R"([{"op":"move","from":"/a/0","path":"/a/2"}])", R"({"a":[2,3,1]})"},
      {R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/c"}])", R"({"a":{"b":1},"c":{"b":1}})"},
      {R"({"a/b":1,"m~n":2})", R"([{"op":"test","path":"/a~1b","value":1.0},{"op":"remove","path":"/m~0n"}])",
       R"({"a/b":1})"},
      {"[]", "[]", "[]"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.patch);
    CHECK(show(json::jsonPatch(read(c.target), read(c.patch))) == c.result);
  }
}

TEST_CASE("a JSON patch that cannot be applied says which operation and why") {
  const struct {
    const char* patch;
    const char* why;
  } kCases[] = {
      {R"([{"op":"test","path":"/a","value":1},{"op":"remove","path":"/x"}])",
       R"(error: operation 1 (remove /x): there is no member "x")"},
      {R"([{"op":"test","path":"/a","value":2}])", "error: operation 0 (test /a): the test failed: the value is 1"},
      {R"([{"op":"replace","path":"/l/2","value":1}])",
       "error: operation 0 (replace /l/2): the index 2 is out of range, the list has 2 elements"},
      {R"([{"op":"replace","path":"/l/01","value":1}])",
       R"(error: operation 0 (replace /l/01): "01" is no index of a list)"},
      {R"([{"op":"replace","path":"/l/-1","value":1}])",
       R"(error: operation 0 (replace /l/-1): "-1" is no index of a list)"},
      {R"([{"op":"remove","path":"/l/-"}])", R"(error: operation 0 (remove /l/-): "-" is no index of a list)"},
      {R"([{"op":"add","path":"/a/b","value":1}])",
       "error: operation 0 (add /a/b): a value of type integer can't take a member"},
      {R"([{"op":"add","path":"/o"}])", "error: operation 0 (add /o): \"value\" is missing"},
      {R"([{"op":"frob","path":"/o"}])",
       "error: operation 0 (frob /o): \"op\" must be add, remove, replace, move, copy or test"},
      {R"([{"path":"/o"}])", "error: operation 0 (? /o): \"op\" must be add, remove, replace, move, copy or test"},
      {R"([{"op":"remove","path":"o"}])", "error: operation 0 (remove o): the path \"o\" must begin with /"},
      {R"([{"op":"remove","path":"/~2"}])",
       "error: operation 0 (remove /~2): the path \"/~2\" has a ~ that is neither ~0 nor ~1"},
      {R"([{"op":"move","from":"/o","path":"/o/x"}])",
       "error: operation 0 (move /o/x): a value can't be moved into itself"},
      {R"([1])", "error: operation 0 (? ?): \"path\" is missing or no string"},
      {R"({})", "error: a JSON patch must be a list of operations"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.patch);
    CHECK(show(json::jsonPatch(read(R"({"a":1,"l":[1,2],"o":{"x":{}}})"), read(c.patch))) == c.why);
  }
}

TEST_CASE("a JSON patch that doubles a document over and over meets a limit") {
  std::string patch = "[";
  for (int i = 0; i < 64; ++i) patch += R"({"op":"copy","from":"/a","path":"/a/-"},)";
  patch.back() = ']';
  const Result<Value> result = json::jsonPatch(read(R"({"a":["xxxxxxxxxxxxxxxxxxxxxxxxx"]})"), read(patch));
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::kTooLarge);
  Array many(limits::kPatchOperations + 1, Value(Object{}));
  CHECK_FALSE(json::jsonPatch(Value(Object{}), Value(std::move(many))).has_value());
}

TEST_CASE("strategic merge patch merges lists by their key") {
  const struct {
    const char* kind;
    const char* target;
    const char* patch;
    const char* result;
  } kCases[] = {
      // containers by name, env by name within them, ports by containerPort
      {"Pod",
       R"({"spec":{"containers":[{"name":"a","image":"1","env":[{"name":"X","value":"1"}]},{"name":"b","image":"2"}]}})",
       R"({"spec":{"containers":[{"name":"a","image":"3","env":[{"name":"Y","value":"2"},{"name":"X","value":"9"}]}]}})",
       R"({"spec":{"containers":[{"name":"a","image":"3","env":[{"name":"X","value":"9"},{"name":"Y","value":"2"}]},{"name":"b","image":"2"}]}})"},
      {"Pod", R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"x"}]}]}})",
       R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"protocol":"UDP"},{"containerPort":81}]}]}})",
       R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"x","protocol":"UDP"},{"containerPort":81}]}]}})"},
      {"Service", R"({"spec":{"ports":[{"port":80,"targetPort":1}]}})",
       R"({"spec":{"ports":[{"port":80,"targetPort":2},{"port":81}]}})",
       R"({"spec":{"ports":[{"port":80,"targetPort":2},{"port":81}]}})"},
      // directives within elements
      {"Pod", R"({"spec":{"volumes":[{"name":"v","emptyDir":{}},{"name":"w"}]}})",
       R"({"spec":{"volumes":[{"$patch":"delete","name":"w"},{"$retainKeys":["name","hostPath"],"name":"v","hostPath":{"path":"/x"}}]}})",
       R"({"spec":{"volumes":[{"name":"v","hostPath":{"path":"/x"}}]}})"},
      {"Pod", R"({"spec":{"volumes":[{"name":"v"},{"name":"w"}]}})",
       R"({"spec":{"volumes":[{"$patch":"replace"},{"name":"z"}]}})", R"({"spec":{"volumes":[{"name":"z"}]}})"},
      // objects
      {"Pod", R"({"spec":{"nodeSelector":{"a":"1"},"x":1}})",
       R"({"spec":{"nodeSelector":{"$patch":"replace","b":"2"}}})", R"({"spec":{"nodeSelector":{"b":"2"},"x":1}})"},
      {"Pod", R"({"metadata":{"labels":{"a":"1","b":"2"}}})", R"({"metadata":{"labels":{"a":null,"c":"3"}}})",
       R"({"metadata":{"labels":{"b":"2","c":"3"}}})"},
      // sets of plain values
      {"Pod", R"({"metadata":{"finalizers":["a","b"]}})",
       R"({"metadata":{"finalizers":["b","c"],"$deleteFromPrimitiveList/finalizers":["a"]}})",
       R"({"metadata":{"finalizers":["b","c"]}})"},
      // atomic lists
      {"Pod", R"({"spec":{"tolerations":[{"key":"a"}]}})", R"({"spec":{"tolerations":[{"key":"b"}]}})",
       R"({"spec":{"tolerations":[{"key":"b"}]}})"},
      {"Pod", R"({"spec":{"containers":[{"name":"a","command":["x","y"]}]}})",
       R"({"spec":{"containers":[{"name":"a","command":["z"]}]}})",
       R"({"spec":{"containers":[{"name":"a","command":["z"]}]}})"},
      // the order that the client saw
      {"Pod", R"({"spec":{"containers":[{"name":"a"},{"name":"side"},{"name":"b"}]}})",
       R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"c"},{"name":"a"}],"containers":[{"name":"c"}]}})",
       R"({"spec":{"containers":[{"name":"side"},{"name":"b"},{"name":"c"},{"name":"a"}]}})"},
      {"Node", R"({"status":{"conditions":[{"type":"Ready","status":"False"},{"type":"X"}]}})",
       R"({"status":{"$setElementOrder/conditions":[{"type":"Ready"},{"type":"X"}],"conditions":[{"type":"Ready","status":"True"}]}})",
       R"({"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"X"}]}})"},
      // where the object has nothing, directives and nulls leave no trace
      {"Pod", "{}",
       R"({"spec":{"volumes":[{"name":"a","$retainKeys":["name"]},{"name":"b","$patch":"delete"}],"x":null}})",
       R"({"spec":{"volumes":[{"name":"a"}]}})"},
      {"Pod", R"({"a":1,"b":2})", R"({"$patch":"replace","c":3})", R"({"c":3})"},
      {"Pod", R"({"a":1,"b":2})", R"({"$patch":"delete"})", R"({})"},
      {"Pod", R"({"a":[1]})", R"({"a":{"b":1}})", R"({"a":{"b":1}})"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.patch);
    CHECK(show(json::strategicMergePatch(read(c.target), read(c.patch), c.kind)) == c.result);
  }
}

TEST_CASE("malformed strategic patches are refused with their place") {
  const Value pod =
      read(R"({"spec":{"containers":[{"name":"a"}],"volumes":[{"name":"v"}]},"metadata":{"finalizers":["a"]}})");
  const struct {
    const char* patch;
    const char* why;
  } kCases[] = {
      {R"({"spec":{"containers":[{"image":"x"}]}})",
       R"(error: spec.containers: each element of the patch needs "name", by which the list is merged)"},
      {R"({"spec":{"containers":[3]}})",
       R"(error: spec.containers: each element of the patch needs "name", by which the list is merged)"},
      {R"({"spec":{"$patch":"frob"}})", "error: spec: $patch must be merge, replace or delete"},
      {R"({"spec":{"volumes":[{"name":"v","$retainKeys":["name"],"emptyDir":{}}]}})",
       R"(error: spec.volumes: $retainKeys must name "emptyDir", which the patch sets)"},
      {R"({"spec":{"$setElementOrder/volumes":3}})", "error: spec.volumes: $setElementOrder must be a list"},
      {"[]", "error: a strategic merge patch must be an object, this is of type array"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.patch);
    CHECK(show(json::strategicMergePatch(pod, read(c.patch), "Pod")) == c.why);
  }
}
