#include "apiserver/write_pass.h"

#include <fmt/format.h>

#include <algorithm>

#include "apiserver/names.h"
#include "apiserver/scale.h"
#include "apiserver/schema_check.h"
#include "apiserver/strategy.h"
#include "base/time.h"
#include "loop/loop.h"

namespace towpath::apiserver {
namespace {

// "pods", "rollouts.argoproj.io".
std::string qualified(const Kind& kind) { return kind.storageName(); }

// Without what every write may touch: for telling whether the spec changed.
Value withoutMetadata(const Kind& kind, const Value& object) {
  Value rest = object;
  rest.makeObject().erase("metadata");
  if (kind.has_status) rest.makeObject().erase("status");
  return rest;
}

// A Service that is replaced by one that names no address keeps its own, as with the peer.
void keepAddresses(const Value& old, Value& next) {
  if (std::as_const(next)["spec"]["type"].asStringView() == "ExternalName") return;
  for (const auto* member : {"clusterIP", "clusterIPs"}) {
    const auto& before = old["spec"][member];
    if (!before.isNull() && std::as_const(next)["spec"][member].isNull()) next["spec"][member] = before;
  }
}

}  // namespace

Failure failureAbout(const Kind& kind, std::string_view name, Reason reason, std::string message) {
  return {.reason = reason,
          .message = std::move(message),
          .group = kind.resource.group,
          .kind = kind.resource.plural,
          .name = std::string(name)};
}

Failure notFound(const Kind& kind, std::string_view name) {
  return failureAbout(kind, name, Reason::kNotFound, fmt::format("{} \"{}\" not found", qualified(kind), name));
}

Failure conflictOf(const Kind& kind, std::string_view name) {
  return failureAbout(
      kind, name, Reason::kConflict,
      fmt::format("Operation cannot be fulfilled on {} \"{}\": the object has been modified; please apply "
                  "your changes to the latest version and try again",
                  qualified(kind), name));
}

Failure invalidObject(const Kind& kind, std::string_view name, std::vector<Cause> causes) {
  const auto& resource = kind.resource;
  auto message =
      fmt::format("{}{}{} \"{}\" is invalid: ", resource.kind, resource.group.empty() ? "" : ".", resource.group, name);
  if (causes.size() > 1) message += '[';
  for (std::size_t i = 0; i < causes.size(); ++i) {
    if (i > 0) message += ", ";
    message += causes[i].field.empty() ? causes[i].message : fmt::format("{}: {}", causes[i].field, causes[i].message);
  }
  if (causes.size() > 1) message += ']';
  return {.reason = Reason::kInvalid,
          .message = std::move(message),
          .group = resource.group,
          .kind = resource.kind,
          .name = std::string(name),
          .causes = std::move(causes)};
}

WritePass::WritePass(Registry& registry, KindRef kind, store::Key key, cluster::ObjectRef old, WriteOptions options)
    : registry_(registry),
      kind_(std::move(kind)),
      key_(std::move(key)),
      old_(std::move(old)),
      options_(std::move(options)) {
  if (old_) old_tree_ = old_->parse();
}

Answer<void> WritePass::checkIdentity(Value& object) const {
  if (!object.isObject()) return refuse(Reason::kBadRequest, "the body must be one object");
  const auto& resource = kind_->resource;
  const auto api_version = object["apiVersion"].asString(), kind = object["kind"].asString();
  if ((!kind.empty() && kind != resource.kind) || (!api_version.empty() && api_version != resource.apiVersion())) {
    return refuse(Reason::kBadRequest,
                  fmt::format("the object is {}, Kind={}, but the address of the request is for {}, Kind={}",
                              api_version, kind, resource.apiVersion(), resource.kind));
  }
  object["apiVersion"] = resource.apiVersion();
  object["kind"] = resource.kind;
  auto& metadata = object["metadata"];
  if (!metadata.isObject() && !metadata.isNull()) return refuse(Reason::kBadRequest, "metadata must be an object");
  const auto ns = metadata["namespace"].asString();
  if (ns != key_.ns && !ns.empty()) {
    return refuse(
        Reason::kBadRequest,
        fmt::format("the namespace of the object ({}) does not match the namespace of the request ({})", ns, key_.ns));
  }
  if (resource.namespaced)
    metadata["namespace"] = key_.ns;
  else
    metadata.makeObject().erase("namespace");
  for (const auto* member : {"managedFields", "selfLink"}) metadata.makeObject().erase(member);
  // Empty maps and nulls say nothing, and typed clients do not send them back.
  for (const auto* member :
       {"annotations", "labels", "creationTimestamp", "deletionTimestamp", "ownerReferences", "finalizers"}) {
    const auto& value = std::as_const(metadata)[member];
    const bool empty = value.isNull() || (value.isObject() && value.asObject().empty()) ||
                       (value.isArray() && value.asArray().empty());
    if (empty) metadata.makeObject().erase(member);
  }
  return {};
}

Answer<void> WritePass::prepareCreate(Value object, std::string uid) {
  if (auto checked = checkIdentity(object); !checked) return checked;
  next_ = std::move(object);
  auto& metadata = next_["metadata"].makeObject();
  for (const auto* member : {"resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"}) {
    metadata.erase(member);
  }
  metadata.set("name", key_.name);
  metadata.set("uid", std::move(uid));
  metadata.set("creationTimestamp", formatRfc3339(registry_.loop().steadyNow()));
  if (kind_->has_generation) metadata.set("generation", 1);
  apiserver::prepareCreate(*kind_, next_);
  for (std::string& warning : warningsOf(*kind_)) warnings_.push_back(std::move(warning));
  return finish(Operation::kCreate);
}

Answer<void> WritePass::checkPreconditions(const Value& object) const {
  const auto& metadata = object["metadata"];
  const auto version = metadata["resourceVersion"].asStringView();
  if (!version.empty() && version != old_->meta().resource_version)
    return std::unexpected(conflictOf(*kind_, key_.name));
  const auto uid = metadata["uid"].asStringView();
  if (!uid.empty() && uid != old_->meta().uid) {
    return std::unexpected(failureAbout(
        *kind_, key_.name, Reason::kConflict,
        fmt::format("Operation cannot be fulfilled on {} \"{}\": the UID in the object is {}, the stored one has {}",
                    qualified(*kind_), key_.name, uid, old_->meta().uid)));
  }
  return {};
}

Answer<void> WritePass::takeSubresource(Value object) {
  if (options_.subresource == "scale") {
    next_ = old_tree_;
    return applyScale(*kind_, object, next_);
  }
  if (auto checked = checkIdentity(object); !checked) return checked;
  if (options_.subresource == "status") {
    next_ = old_tree_;
    if (object["status"].isNull())
      next_.makeObject().erase("status");
    else
      next_["status"] = std::move(object["status"]);
    return {};
  }
  if (options_.subresource == "finalize") {
    next_ = old_tree_;
    next_["spec"]["finalizers"] = std::move(object["spec"]["finalizers"]);
    if (next_["spec"]["finalizers"].isNull()) next_["spec"].makeObject().erase("finalizers");
    return {};
  }
  next_ = std::move(object);
  if (kind_->has_status) {
    const auto& status = std::as_const(old_tree_)["status"];
    if (status.isNull())
      next_.makeObject().erase("status");
    else
      next_["status"] = status;
  }
  if (kind_->resource == cluster::kNamespaces && !std::as_const(old_tree_)["spec"].isNull()) {
    next_["spec"]["finalizers"] = std::as_const(old_tree_)["spec"]["finalizers"];
  }
  if (kind_->resource == cluster::kServices) keepAddresses(old_tree_, next_);
  applyDefaults(*kind_, next_);
  return {};
}

void WritePass::keepMetadata() {
  auto& metadata = next_["metadata"].makeObject();
  const auto& before = std::as_const(old_tree_)["metadata"];
  for (const auto* member : {"name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp",
                             "deletionGracePeriodSeconds", "generateName", "resourceVersion"}) {
    if (before[member].isNull())
      metadata.erase(member);
    else
      metadata.set(member, before[member]);
  }
}

void WritePass::raiseGeneration() {
  if (!kind_->has_generation) return;
  if (withoutMetadata(*kind_, old_tree_) == withoutMetadata(*kind_, next_)) return;
  next_["metadata"]["generation"] = old_->meta().generation + 1;
}

Answer<void> WritePass::prepareUpdate(Value object) {
  if (auto checked = checkPreconditions(object); !checked) return checked;
  if (auto taken = takeSubresource(std::move(object)); !taken) return taken;
  keepMetadata();
  if (auto finished = finish(Operation::kUpdate); !finished) return finished;
  raiseGeneration();
  return {};
}

Answer<void> WritePass::admit(const std::map<std::string, std::vector<AdmissionHook>, std::less<>>& hooks,
                              Operation operation) {
  const auto found = hooks.find(key_.resource);
  if (found == hooks.end()) return {};
  AdmissionRequest request{.kind = *kind_,
                           .operation = operation,
                           .subresource = options_.subresource,
                           .old = old_ ? &old_tree_ : nullptr,
                           .object = &next_,
                           .dry_run = options_.dry_run == cluster::DryRun::kYes};
  std::vector<Cause> causes;
  for (const auto& hook : found->second) {
    for (auto& error : hook(request)) {
      if (error.kind != ErrorKind::kInvalid) {
        auto failure = toFailure(error);
        failure.group = kind_->resource.group;
        failure.kind = kind_->resource.plural;
        failure.name = key_.name;
        return std::unexpected(std::move(failure));
      }
      causes.push_back({.message = std::move(error.message), .field = std::move(error.field)});
    }
  }
  if (causes.empty()) return {};
  return std::unexpected(invalidObject(*kind_, key_.name, std::move(causes)));
}

Answer<void> WritePass::checkShape() {
  SchemaFindings findings;
  checkSchema(*kind_, next_, findings);
  if (options_.field_validation == FieldValidation::kStrict &&
      (!findings.unknown_fields.empty() || !options_.duplicate_fields.empty())) {
    std::string list;
    const auto add = [&list](const char* what, const std::string& field) {
      list += fmt::format("{}{} field \"{}\"", list.empty() ? "" : ", ", what, field);
    };
    for (const auto& field : options_.duplicate_fields) add("duplicate", field);
    for (const auto& field : findings.unknown_fields) add("unknown", field);
    const auto& resource = kind_->resource;
    return refuse(Reason::kBadRequest,
                  fmt::format("{} in version \"{}\" cannot be handled as a {}: strict decoding error: {}",
                              resource.kind, resource.version, resource.kind, list));
  }
  if (options_.field_validation == FieldValidation::kWarn) {
    for (const auto& field : options_.duplicate_fields)
      warnings_.push_back(fmt::format("duplicate field \"{}\"", field));
    for (const auto& field : findings.unknown_fields) warnings_.push_back(fmt::format("unknown field \"{}\"", field));
  }
  checkMetadata(next_, findings.causes);
  if (findings.causes.empty() && options_.subresource != "status" && options_.subresource != "finalize") {
    checkRules(*kind_, old_ ? &old_tree_ : nullptr, next_, findings.causes);
  }
  if (findings.causes.empty()) return {};
  return std::unexpected(invalidObject(*kind_, key_.name, std::move(findings.causes)));
}

Answer<void> WritePass::finish(Operation operation) {
  if (auto admitted = admit(registry_.mutators_, operation); !admitted) return admitted;
  if (auto checked = checkShape(); !checked) return checked;
  return admit(registry_.validators_, operation);
}

bool WritePass::unchanged() const { return old_tree_ == next_; }

bool WritePass::finishesDeletion() const {
  const auto& metadata = next_["metadata"];
  if (metadata["deletionTimestamp"].isNull() || !metadata["finalizers"].asArray().empty()) return false;
  if (kind_->resource == cluster::kNamespaces) return next_["spec"]["finalizers"].asArray().empty();
  return metadata["deletionGracePeriodSeconds"].asInt() == 0;
}

}  // namespace towpath::apiserver
