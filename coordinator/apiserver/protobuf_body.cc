#include "apiserver/protobuf_body.h"

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <optional>

#include "base/base64.h"
#include "base/limits.h"
#include "base/time.h"

namespace towpath::apiserver {
namespace {

// number:name:type. s string, i integer, b boolean, bytes, ios IntOrString, t time, none (not kept); [T] repeated, {T}
// map. A `?` marks an optional (pointer) field, of which zero is a value; all others are sent always, and zero means
// absent.
constexpr std::string_view kMessages = R"(
Owner 1:kind:s 3:name:s 4:uid:s 5:apiVersion:s 6:controller:b? 7:blockOwnerDeletion:b?
Meta 1:name:s 2:generateName:s 3:namespace:s 4:selfLink:none 5:uid:s 6:resourceVersion:s 7:generation:i
  8:creationTimestamp:t 9:deletionTimestamp:t 10:deletionGracePeriodSeconds:i? 11:labels:{s} 12:annotations:{s}
  13:ownerReferences:[Owner] 14:finalizers:[s] 17:managedFields:none
ConfigMap 1:metadata:Meta 2:data:{s} 3:binaryData:{bytes} 4:immutable:b?
Secret 1:metadata:Meta 2:data:{bytes} 3:type:s 4:stringData:{s} 5:immutable:b?
NamespaceSpec 1:finalizers:[s]
Namespace 1:metadata:Meta 2:spec:NamespaceSpec 3:status:none
ServicePort 1:name:s 2:protocol:s 3:port:i 4:targetPort:ios 5:nodePort:i 6:appProtocol:s?
ServiceSpec 1:ports:[ServicePort] 2:selector:{s} 3:clusterIP:s 4:type:s 5:externalIPs:[s] 7:sessionAffinity:s
  8:loadBalancerIP:s 9:loadBalancerSourceRanges:[s] 10:externalName:s 11:externalTrafficPolicy:s
  12:healthCheckNodePort:i 13:publishNotReadyAddresses:b 17:ipFamilyPolicy:s? 18:clusterIPs:[s] 19:ipFamilies:[s]
  20:allocateLoadBalancerNodePorts:b? 21:loadBalancerClass:s? 22:internalTrafficPolicy:s?
Service 1:metadata:Meta 2:spec:ServiceSpec 3:status:none
EnvVar 1:name:s 2:value:s
ContainerPort 1:name:s 2:hostPort:i 3:containerPort:i 4:protocol:s 5:hostIP:s
Resources 1:limits:{Quantity} 2:requests:{Quantity}
Quantity 1:string:s
Container 1:name:s 2:image:s 3:command:[s] 4:args:[s] 5:workingDir:s 6:ports:[ContainerPort] 7:env:[EnvVar]
  8:resources:Resources 13:terminationMessagePath:s 14:imagePullPolicy:s 16:stdin:b 17:stdinOnce:b 18:tty:b
  20:terminationMessagePolicy:s
PodSpec 2:containers:[Container] 3:restartPolicy:s 4:terminationGracePeriodSeconds:i? 5:activeDeadlineSeconds:i?
  6:dnsPolicy:s 7:nodeSelector:{s} 8:serviceAccountName:s 9:serviceAccount:s 10:nodeName:s 11:hostNetwork:b 12:hostPID:b
  13:hostIPC:b 16:hostname:s 17:subdomain:s 19:schedulerName:s 20:initContainers:[Container] 24:priorityClassName:s
  29:runtimeClassName:s?
PodTemplate 1:metadata:Meta 2:spec:PodSpec
LabelSelector 1:matchLabels:{s}
JobSpec 1:parallelism:i? 2:completions:i? 3:activeDeadlineSeconds:i? 4:selector:LabelSelector 5:manualSelector:b?
  6:template:PodTemplate 7:backoffLimit:i? 8:ttlSecondsAfterFinished:i? 9:completionMode:s? 10:suspend:b?
Job 1:metadata:Meta 2:spec:JobSpec 3:status:none
Preconditions 1:uid:s? 2:resourceVersion:s?
DeleteOptions 1:gracePeriodSeconds:i? 2:preconditions:Preconditions 3:orphanDependents:b? 4:propagationPolicy:s?
  5:dryRun:[s]
Eviction 1:metadata:Meta 2:deleteOptions:DeleteOptions
ResourceAttributes 1:namespace:s 2:verb:s 3:group:s 4:version:s 5:resource:s 6:subresource:s 7:name:s
AddressAttributes 1:path:s 2:verb:s
AccessSpec 1:resourceAttributes:ResourceAttributes 2:nonResourceAttributes:AddressAttributes
SelfSubjectAccessReview 1:metadata:Meta 2:spec:AccessSpec 3:status:none
RulesSpec 1:namespace:s
SelfSubjectRulesReview 1:metadata:Meta 2:spec:RulesSpec 3:status:none
SelfSubjectReview 1:metadata:Meta 2:status:none
)";

struct FieldRule {
  std::string name, type;
  bool optional = false;
};
using Message = std::map<std::uint32_t, FieldRule>;

std::string_view cut(std::string_view& text, char separator) {
  const auto at = std::min(text.find(separator), text.size());
  const auto piece = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return piece;
}

std::map<std::string, Message, std::less<>> readMessages() {
  std::map<std::string, Message, std::less<>> messages;
  Message* current = nullptr;
  for (auto rest = kMessages; !rest.empty();) {
    auto line = cut(rest, '\n');
    if (line.empty()) continue;
    // Lines that begin with a space go on.
    if (!line.starts_with(' ')) current = &messages[std::string(cut(line, ' '))];
    auto& message = *current;
    while (!line.empty()) {
      auto field = cut(line, ' ');
      if (field.empty()) continue;
      const auto number = static_cast<std::uint32_t>(std::stoul(std::string(cut(field, ':'))));
      FieldRule rule{.name = std::string(cut(field, ':')), .type = std::string(field)};
      rule.optional = rule.type.ends_with('?');
      if (rule.optional) rule.type.pop_back();
      message.emplace(number, std::move(rule));
    }
  }
  return messages;
}

const Message* messageOf(std::string_view name) {
  static const auto messages = readMessages();
  const auto found = messages.find(name);
  return found == messages.end() ? nullptr : &found->second;
}

struct WireField {
  std::uint32_t number = 0;
  std::uint64_t number_value = 0;           // of a varint
  std::optional<std::string_view> content;  // of a length-delimited one
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }
  // nullopt for malformed bytes, and for fixed-width fields, which none of our messages has.
  std::optional<WireField> next() {
    const auto tag = varint();
    if (!tag) return std::nullopt;
    WireField field{.number = static_cast<std::uint32_t>(*tag >> 3)};
    const auto value = varint();
    if (!value) return std::nullopt;
    if ((*tag & 7) == 0) {
      field.number_value = *value;
      return field;
    }
    if ((*tag & 7) != 2 || *value > rest_.size()) return std::nullopt;
    field.content = rest_.substr(0, *value);
    rest_.remove_prefix(*value);
    return field;
  }

 private:
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::string_view rest_;
};

std::unexpected<Failure> malformed() { return refuse(Reason::kBadRequest, "the protobuf body is malformed"); }

class Decoder {
 public:
  Answer<Value> message(std::string_view name, std::string_view bytes) {
    const auto* rules = messageOf(name);
    if (rules == nullptr || ++depth_ > limits::kJsonDepth) return malformed();
    Value object = Object();
    for (Reader reader(bytes); !reader.done();) {
      const auto field = reader.next();
      if (!field) return malformed();
      const auto rule = rules->find(field->number);
      if (rule == rules->end()) {
        return refuse(
            Reason::kUnsupportedMedia,
            fmt::format("field {} of {} is not read from protobuf: send the object as JSON or YAML (kubectl apply -f)",
                        field->number, name));
      }
      if (auto added = add(rule->second, *field, object); !added) return std::unexpected(added.error());
    }
    --depth_;
    return object;
  }

 private:
  Answer<void> add(const FieldRule& rule, const WireField& field, Value& object) {
    std::string_view type = rule.type;
    if (type == "none") return {};
    if (type.starts_with('{')) return addEntry(rule.name, type.substr(1, type.size() - 2), field, object);
    const bool list = type.starts_with('[');
    if (list) type = type.substr(1, type.size() - 2);
    auto value = read(type, field);
    if (!value) return std::unexpected(value.error());
    if (list)
      object[rule.name].makeArray().push_back(std::move(*value));
    else if (rule.optional || !isZero(*value))
      object[rule.name] = std::move(*value);
    return {};
  }

  // A map is a list of messages {1: key, 2: value}.
  Answer<void> addEntry(const std::string& name, std::string_view type, const WireField& field, Value& object) {
    if (!field.content) return malformed();
    std::string key;
    Value value = "";
    for (Reader reader(*field.content); !reader.done();) {
      const auto part = reader.next();
      if (!part || !part->content) return malformed();
      if (part->number == 1) {
        key = *part->content;
        continue;
      }
      auto read_value = read(type, *part);
      if (!read_value) return std::unexpected(read_value.error());
      value = std::move(*read_value);
    }
    object[name][key] = std::move(value);
    return {};
  }

  static bool isZero(const Value& value) {
    if (value.isObject()) return value.asObject().empty();
    return value.isNull() || (value.isInt() && value.asInt() == 0) || (value.isBool() && !value.asBool()) ||
           (value.isString() && value.asStringView().empty());
  }

  Answer<Value> read(std::string_view type, const WireField& field) {
    if (type == "i") return Value(static_cast<std::int64_t>(field.number_value));
    if (type == "b") return Value(field.number_value != 0);
    if (!field.content) return malformed();
    if (type == "s") return Value(*field.content);
    if (type == "bytes") return Value(encodeBase64(*field.content));
    if (type == "ios" || type == "t" || type == "Quantity") return special(type, *field.content);
    return message(type, *field.content);
  }

  // IntOrString {1: 0 or 1, 2: integer, 3: string}; Time {1: seconds}; Quantity {1: text}.
  static Answer<Value> special(std::string_view type, std::string_view bytes) {
    std::map<std::uint32_t, WireField> fields;
    for (Reader reader(bytes); !reader.done();) {
      const auto field = reader.next();
      if (!field) return malformed();
      fields[field->number] = *field;
    }
    if (type == "Quantity") return Value(fields[1].content.value_or(""));
    if (type == "ios") {
      if (fields[1].number_value == 1) return Value(fields[3].content.value_or(""));
      return Value(static_cast<std::int64_t>(fields[2].number_value));
    }
    if (fields.empty()) return Value();
    return Value(formatRfc3339(WallTime(std::chrono::seconds(static_cast<std::int64_t>(fields[1].number_value)))));
  }

  std::size_t depth_ = 0;
};

}  // namespace

Answer<Value> readProtobuf(std::string_view body) {
  constexpr std::string_view kMagic("k8s\0", 4);
  if (!body.starts_with(kMagic)) return malformed();
  std::string_view object, api_version, kind;
  for (Reader reader(body.substr(kMagic.size())); !reader.done();) {
    const auto field = reader.next();
    if (!field) return malformed();
    if (field->number == 2 && field->content) object = *field->content;
    if (field->number != 1 || !field->content) continue;
    for (Reader type(*field->content); !type.done();) {
      const auto part = type.next();
      if (!part || !part->content) return malformed();
      (part->number == 1 ? api_version : kind) = *part->content;
    }
  }
  if (messageOf(kind) == nullptr) {
    return refuse(Reason::kUnsupportedMedia,
                  fmt::format("{} is not read from protobuf: send it as application/json or application/yaml", kind));
  }
  auto tree = Decoder().message(kind, object);
  if (!tree) return tree;
  Value typed = Object{{"apiVersion", api_version}, {"kind", kind}};
  for (auto& [name, value] : *tree->ifObject()) typed[name] = std::move(value);
  return typed;
}

}  // namespace towpath::apiserver
