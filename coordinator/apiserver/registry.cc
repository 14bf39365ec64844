#include "apiserver/registry.h"

#include <fmt/format.h>

#include <charconv>

#include "apiserver/definition.h"
#include "apiserver/new_version_rule.h"
#include "apiserver/scale.h"
#include "apiserver/selector.h"
#include "apiserver/strategy.h"
#include "apiserver/watch.h"
#include "apiserver/write_pass.h"
#include "base/base64.h"
#include "base/log.h"
#include "crds/crds.h"
#include "json/parse.h"
#include "json/patch.h"
#include "json/serialize.h"
#include "json/yaml.h"
#include "loop/loop.h"
#include "store/store.h"

namespace towpath::apiserver {
namespace {

constexpr int kNameAttempts = 8;           // of generateName
constexpr std::size_t kPrefixLength = 58;  // of a generated name: five characters are added

// Five of the 27 characters that can spell no word, as the peer's names end.
std::string randomSuffix(loop::Loop& loop) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  for (int i = 0; i < 5; ++i) suffix += kAlphabet[loop.random() % kAlphabet.size()];
  return suffix;
}

store::Key keyOf(const Kind& kind, std::string_view ns, std::string_view name) {
  return {kind.storageName(), kind.resource.namespaced ? std::string(ns) : std::string(), std::string(name)};
}

std::optional<store::Revision> parseRevision(std::string_view text) {
  store::Revision revision = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (error != std::errc() || end != text.data() + text.size() || revision < 0) return std::nullopt;
  return revision;
}

// Where a page ended: opaque to clients.
std::string continueToken(store::Revision revision, const store::Key& after) {
  return encodeBase64(json::serialize(Object{{"rv", revision}, {"ns", after.ns}, {"name", after.name}}));
}

Answer<void> readContinue(std::string_view token, store::ListQuery& query) {
  const auto text = decodeBase64(token);
  const auto value = text ? json::parse(*text) : Result<Value>(fail(ErrorKind::kInvalid, ""));
  if (!value || !(*value)["rv"].isInt()) return refuse(Reason::kBadRequest, "the continue token is not one of ours");
  query.revision = (*value)["rv"].asInt();
  query.start_after = store::Key{"", (*value)["ns"].asString(), (*value)["name"].asString()};
  return {};
}

Answer<void> chooseState(const ListAt& at, store::Revision newest, store::ListQuery& query) {
  if (at.match != "" && at.match != "Exact" && at.match != "NotOlderThan") {
    return refuse(Reason::kBadRequest,
                  fmt::format("resourceVersionMatch must be Exact or NotOlderThan, not {}", at.match));
  }
  if (at.resource_version.empty()) {
    if (at.match.empty()) return {};
    return refuse(Reason::kBadRequest, "resourceVersionMatch needs a resourceVersion");
  }
  const auto revision = parseRevision(at.resource_version);
  if (!revision) return refuse(Reason::kBadRequest, fmt::format("invalid resourceVersion: {}", at.resource_version));
  if (query.start_after)
    return refuse(Reason::kBadRequest, "specifying resourceVersion is not allowed when using continue");
  if (*revision > newest) {
    Failure failure{.reason = Reason::kTimeout,
                    .message = fmt::format("Too large resource version: {}, current: {}", *revision, newest)};
    failure.causes.push_back({.type = "ResourceVersionTooLarge", .message = "Too large resource version"});
    failure.retry_after_seconds = 1;
    return std::unexpected(std::move(failure));
  }
  if (at.match == "Exact") query.revision = *revision;
  return {};
}

}  // namespace

Registry::Registry(loop::Loop& loop, store::Store& store) : loop_(loop), store_(store) {
  addValidator(cluster::kRollouts.storageName(), newVersionRule(store));
}
Registry::~Registry() = default;

loop::Task<Result<void>> Registry::start() {
  const auto definitions = store_.list(cluster::kCustomResourceDefinitions.storageName(), {});
  if (!definitions) co_return std::unexpected(definitions.error());
  for (const auto& definition : definitions->items) {
    if (auto applied = kinds_.applyDefinition(definition->parse()); !applied) {
      log::error("custom resource definition is not served",
                 {{"name", definition->meta().name}, {"error", describe(applied.error())}});
    }
  }
  if (auto stored = co_await storeOwnDefinitions(); !stored) co_return stored;
  for (const auto* ns : {"default", "kube-system"}) {
    if (auto ensured = co_await ensureNamespace(ns); !ensured) co_return std::unexpected(toError(ensured.error()));
  }
  co_return Result<void>();
}

// As objects, for tools that look whether our kinds are installed. One that somebody applied over ours stays as it is.
loop::Task<Result<void>> Registry::storeOwnDefinitions() {
  constexpr auto kOurs = "towpath.dev/built-in";
  const auto kind = kinds_.find(cluster::kCustomResourceDefinitions);
  for (const auto& file : crds::files()) {
    auto definition = json::parseYamlDocument(file.text);
    if (!definition) co_return std::unexpected(definition.error());
    (*definition)["metadata"]["labels"][kOurs] = "true";
    const auto name = std::as_const(*definition)["metadata"]["name"].asString();
    const auto stored = store_.findLatest(keyOf(*kind, "", name));
    if (stored && stored->meta().label(kOurs) == nullptr) continue;
    auto written = stored ? co_await update(kind, "", name, std::move(*definition))
                          : co_await create(kind, "", std::move(*definition));
    if (!written) co_return std::unexpected(toError(written.error()));
  }
  co_return Result<void>();
}

void Registry::addMutator(std::string storage_name, AdmissionHook hook) {
  mutators_[std::move(storage_name)].push_back(std::move(hook));
}

void Registry::addValidator(std::string storage_name, AdmissionHook hook) {
  validators_[std::move(storage_name)].push_back(std::move(hook));
}

Answer<cluster::ObjectRef> Registry::get(const Kind& kind, std::string_view ns, std::string_view name) const {
  auto object = store_.find(keyOf(kind, ns, name));
  if (!object) return std::unexpected(notFound(kind, name));
  return inVersion(kind, std::move(object));
}

Answer<Value> Registry::scaleOf(const Kind& kind, std::string_view ns, std::string_view name) const {
  auto object = get(kind, ns, name);
  if (!object) return std::unexpected(object.error());
  return scaleOfObject(kind, (*object)->parse());
}

Answer<Page> Registry::list(const Kind& kind, const cluster::ListOptions& options, const ListAt& at) const {
  auto selection = parseSelection(kind, options.ns, options.label_selector, options.field_selector);
  if (!selection) return std::unexpected(selection.error());
  if (options.limit < 0) return refuse(Reason::kBadRequest, "limit must not be negative");
  store::ListQuery query{.ns = options.ns, .limit = static_cast<std::size_t>(options.limit)};
  if (!options.continue_token.empty()) {
    if (auto read = readContinue(options.continue_token, query); !read) return std::unexpected(read.error());
  }
  if (auto chosen = chooseState(at, store_.committedRevision(kind.storageName()), query); !chosen) {
    return std::unexpected(chosen.error());
  }
  // Judged inside of the store, so that `limit` counts matches.
  const bool by_label = !selection->labels.empty(), by_field = !selection->fields.empty();
  if (by_label || by_field) {
    query.filter = [&](const cluster::StoredObject& object) {
      if (by_label && !selection->labels.matches(object.meta())) return false;
      return !by_field || selection->fields.matches(object);
    };
  }
  auto page = store_.list(kind.storageName(), query);
  if (!page && page.error().kind == ErrorKind::kGone) {
    return refuse(Reason::kExpired,
                  "The provided continue parameter is too old to display a consistent list result. You can start a new "
                  "list without the continue parameter");
  }
  if (!page) return std::unexpected(toFailure(page.error()));
  Page list;
  list.items = std::move(page->items);
  list.resource_version = std::to_string(page->revision);
  if (kind.versions.size() > 1) {
    for (auto& item : list.items) item = inVersion(kind, std::move(item));
  }
  if (page->continue_after) list.continue_token = continueToken(page->revision, *page->continue_after);
  list.remaining =
      selection->labels.empty() && selection->fields.empty() ? static_cast<std::int64_t>(page->remaining) : 0;
  return list;
}

Answer<std::unique_ptr<RegistryWatch>> Registry::watch(const KindRef& kind, const RegistryWatchOptions& options) {
  auto selection = parseSelection(*kind, options.ns, options.label_selector, options.field_selector);
  if (!selection) return std::unexpected(selection.error());
  store::Revision after = 0;
  if (!options.resource_version.empty()) {
    const auto parsed = parseRevision(options.resource_version);
    if (!parsed) {
      return refuse(Reason::kBadRequest, fmt::format("invalid resourceVersion: {}", options.resource_version));
    }
    after = *parsed;
  }
  bool with_state = false;
  switch (options.initial) {
    case InitialEvents::kByVersion:
      with_state = after == 0;
      break;
    case InitialEvents::kState:
      with_state = true;
      break;
    case InitialEvents::kNewOnly:
      after = std::max(after, store_.committedRevision(kind->storageName()));
      break;
  }
  return RegistryWatch::start(loop_, store_, kind->storageName(), std::move(*selection), after, with_state);
}

std::string Registry::newUid() {
  const auto high = (loop_.random() & ~0xF000ULL) | 0x4000ULL;       // version 4
  const auto low = (loop_.random() & ~(3ULL << 62)) | (2ULL << 62);  // variant 1
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xFFFF, high & 0xFFFF, low >> 48,
                     low & 0xFFFFFFFFFFFFULL);
}

loop::Task<Answer<void>> Registry::ensureNamespace(std::string ns) {
  const auto kind = kinds_.find(cluster::kNamespaces);
  const auto found = store_.findLatest(keyOf(*kind, "", ns));
  if (found && found->meta().deleting) {
    auto failure =
        failureAbout(*kind, ns, Reason::kForbidden,
                     fmt::format("unable to create new content in namespace {} because it is being terminated", ns));
    failure.causes.push_back(
        {"NamespaceTerminating", fmt::format("namespace {} is being terminated", ns), "metadata.namespace"});
    co_return std::unexpected(std::move(failure));
  }
  if (found) co_return Answer<void>();
  if (ns != "default" && ns != "kube-system") co_return std::unexpected(notFound(*kind, ns));
  auto made = co_await createOnce(kind, "", ns, Object(), {});
  if (!made && made.error().reason != Reason::kAlreadyExists) co_return std::unexpected(made.error());
  co_return Answer<void>();
}

loop::Task<Answer<Written>> Registry::create(KindRef kind, std::string ns, Value object, WriteOptions options) {
  if (!object.isObject()) co_return refuse(Reason::kBadRequest, "the body must be one object");
  if (!kind->resource.namespaced) ns.clear();
  if (kind->resource.namespaced) {
    if (ns.empty()) co_return refuse(Reason::kBadRequest, "an empty namespace may not be set during creation");
    if (auto ensured = co_await ensureNamespace(ns); !ensured) co_return std::unexpected(ensured.error());
  }
  const Value& metadata = std::as_const(object)["metadata"];
  const auto name = metadata["name"].asString();
  const auto prefix = metadata["generateName"].asString().substr(0, kPrefixLength);
  if (!metadata["resourceVersion"].asStringView().empty()) {
    co_return refuse(Reason::kBadRequest, "resourceVersion should not be set on objects to be created");
  }
  if (!name.empty() || prefix.empty())
    co_return co_await createOnce(kind, ns, name, std::move(object), std::move(options));
  for (int attempt = 1;; ++attempt) {
    const auto generated = prefix + randomSuffix(loop_);
    auto made = co_await createOnce(kind, ns, generated, object, options);
    if (made || made.error().reason != Reason::kAlreadyExists || attempt == kNameAttempts) co_return made;
  }
}

loop::Task<Answer<Written>> Registry::createOnce(KindRef kind, std::string ns, std::string name, Value object,
                                                 WriteOptions options) {
  if (name.empty()) {
    co_return std::unexpected(invalidObject(
        *kind, name, {{"FieldValueRequired", "Required value: name or generateName is required", "metadata.name"}}));
  }
  if (auto why = nameError(*kind, name); !why.empty()) {
    co_return std::unexpected(invalidObject(
        *kind, name, {{.message = fmt::format("Invalid value: \"{}\": {}", name, why), .field = "metadata.name"}}));
  }
  WritePass pass(*this, kind, keyOf(*kind, ns, name), nullptr, std::move(options));
  if (store_.findLatest(pass.key())) {
    co_return std::unexpected(failureAbout(*kind, name, Reason::kAlreadyExists,
                                           fmt::format("{} \"{}\" already exists", kind->storageName(), name)));
  }
  if (auto prepared = pass.prepareCreate(std::move(object), newUid()); !prepared)
    co_return std::unexpected(prepared.error());
  const bool is_definition = kind->resource == cluster::kCustomResourceDefinitions;
  if (is_definition) {
    if (auto checked = establish(kinds_, loop_.steadyNow(), pass.next()); !checked)
      co_return std::unexpected(checked.error());
  }
  if (pass.options().dry_run == cluster::DryRun::kYes) {
    co_return Written{cluster::makeObjectRef(pass.next()), std::move(pass.warnings()), true};
  }
  const Value definition = is_definition ? pass.next() : Value();
  auto committed = co_await store_.commit(
      store::Transaction().put(pass.key(), std::move(pass.next()), store::Precondition::mustNotExist()));
  if (!committed) co_return std::unexpected(failureOfCommit(*kind, name, committed.error()));
  if (is_definition) (void)kinds_.applyDefinition(definition);
  co_return Written{std::move(committed->objects[0]), std::move(pass.warnings()), true};
}

loop::Task<Answer<Written>> Registry::commitUpdate(WritePass pass) {
  const auto kind = pass.kind();
  const auto& name = pass.key().name;
  const bool is_definition = kind->resource == cluster::kCustomResourceDefinitions;
  if (is_definition) {
    if (auto checked = establish(kinds_, loop_.steadyNow(), pass.next()); !checked)
      co_return std::unexpected(checked.error());
  }
  if (pass.options().dry_run == cluster::DryRun::kYes) {
    co_return Written{cluster::makeObjectRef(pass.next()), std::move(pass.warnings())};
  }
  const auto precondition = store::Precondition::of(*pass.old());
  store::Transaction transaction;
  const bool unchanged = pass.unchanged();
  // What another write has staged is acknowledged only once it is durable, so an update without effect waits for it
  // too.
  if (unchanged && store_.find(pass.key()) == pass.old()) co_return Written{pass.old(), std::move(pass.warnings())};
  const bool finished = pass.finishesDeletion();
  const Value definition = is_definition ? pass.next() : Value();
  if (unchanged)
    transaction.check(pass.key(), precondition);
  else if (finished)
    transaction.erase(pass.key(), precondition);
  else
    transaction.put(pass.key(), std::move(pass.next()), precondition);
  auto committed = co_await store_.commit(std::move(transaction));
  if (!committed) co_return std::unexpected(failureOfCommit(*kind, name, committed.error()));
  if (is_definition && finished) kinds_.removeDefinition(name);
  if (is_definition && !finished) (void)kinds_.applyDefinition(definition);
  if (unchanged) co_return Written{pass.old(), std::move(pass.warnings())};
  co_return Written{std::move(committed->objects[0]), std::move(pass.warnings())};
}

loop::Task<void> Registry::stagedWrites(store::Key key) {
  if (store_.find(key) == store_.findLatest(key)) co_return;
  (void)co_await store_.commit(store::Transaction().check(std::move(key), store::Precondition::none()));
}

loop::Task<Answer<Written>> Registry::update(KindRef kind, std::string ns, std::string name, Value object,
                                             WriteOptions options) {
  auto key = keyOf(*kind, ns, name);
  auto old = store_.findLatest(key);
  if (!old) co_return std::unexpected(notFound(*kind, name));
  const auto sent = std::as_const(object)["metadata"]["name"].asString();
  if (!sent.empty() && sent != name) {
    co_return refuse(
        Reason::kBadRequest,
        fmt::format("the name of the object ({}) does not match the name of the request ({})", sent, name));
  }
  WritePass pass(*this, kind, std::move(key), std::move(old), std::move(options));
  if (auto prepared = pass.prepareUpdate(std::move(object)); !prepared) {
    if (prepared.error().reason == Reason::kConflict) co_await stagedWrites(pass.key());
    co_return std::unexpected(prepared.error());
  }
  co_return co_await commitUpdate(std::move(pass));
}

static Answer<Value> applyPatch(const Kind& kind, const Value& target, cluster::PatchType type, const Value& patch) {
  if (type != cluster::PatchType::kJson && !patch.isObject())
    return refuse(Reason::kBadRequest, "the patch must be an object");
  switch (type) {
    case cluster::PatchType::kMerge:
      return json::mergePatch(target, patch);
    case cluster::PatchType::kJson:
    case cluster::PatchType::kStrategicMerge:
      break;
  }
  if (type == cluster::PatchType::kStrategicMerge && kind.custom) {
    return refuse(Reason::kUnsupportedMedia,
                  fmt::format("strategic merge patch is not supported for {}: use application/merge-patch+json or "
                              "application/json-patch+json",
                              kind.resource.kind));
  }
  auto patched = type == cluster::PatchType::kJson ? json::jsonPatch(target, patch)
                                                   : json::strategicMergePatch(target, patch, kind.resource.kind);
  if (patched) return std::move(*patched);
  auto failure = toFailure(patched.error());
  if (type == cluster::PatchType::kJson && !patch.isArray()) failure.reason = Reason::kBadRequest;
  return std::unexpected(std::move(failure));
}

loop::Task<Answer<Written>> Registry::patch(KindRef kind, std::string ns, std::string name, cluster::PatchType type,
                                            Value patch, WriteOptions options) {
  auto key = keyOf(*kind, ns, name);
  auto old = store_.findLatest(key);
  if (!old) co_return std::unexpected(notFound(*kind, name));
  WritePass pass(*this, kind, std::move(key), std::move(old), std::move(options));
  const bool scale = pass.options().subresource == "scale";
  Value target = scale ? scaleOfObject(*kind, pass.oldTree()) : pass.oldTree();
  if (!scale) target["apiVersion"] = kind->resource.apiVersion();
  auto patched = applyPatch(*kind, target, type, patch);
  if (!patched) co_return std::unexpected(patched.error());
  if (auto prepared = pass.prepareUpdate(std::move(*patched)); !prepared) {
    if (prepared.error().reason == Reason::kConflict) co_await stagedWrites(pass.key());
    co_return std::unexpected(prepared.error());
  }
  co_return co_await commitUpdate(std::move(pass));
}

}  // namespace towpath::apiserver
