#include "agents/join_tokens.h"

#include <utility>

#include "agents/node_name.h"
#include "json/parse.h"
#include "json/serialize.h"
#include "loop/loop.h"
#include "store/store.h"
#include "tls/crypto.h"

namespace towpath::agents {

namespace {

constexpr std::string_view kPrefix = "join-token/";
constexpr std::size_t kIdBytes = 4;
constexpr std::size_t kSecretBytes = 16;
constexpr Duration kTtlMax = std::chrono::hours(24 * 366);
constexpr std::int64_t kUsesMax = 1'000'000;
constexpr std::size_t kDescriptionBytes = 256;

std::string nameOf(std::string_view id) { return std::string(kPrefix).append(id); }

Result<void> checkOptions(const TokenOptions& options) {
  if (options.ttl < 1s || options.ttl > kTtlMax) {
    return fail(ErrorKind::kInvalid, "must be between 1 second and 366 days", "ttlSeconds");
  }
  if (options.uses < 0 || options.uses > kUsesMax) {
    return fail(ErrorKind::kInvalid, "must be 0 (any number) to 1000000", "uses");
  }
  if (options.description.size() > kDescriptionBytes) {
    return fail(ErrorKind::kInvalid, "must not be longer than 256 bytes", "description");
  }
  if (options.node_name.empty()) return {};
  Result<void> valid = checkNodeName(options.node_name);
  if (!valid) return fail(ErrorKind::kInvalid, valid.error().message, "nodeName");
  return {};
}

}  // namespace

struct JoinTokens::Record {
  TokenInfo info;
  std::string secret_sha256;

  std::string toJson() const {
    Value value = toValue(info);
    value["secretSha256"] = secret_sha256;
    return json::serialize(value);
  }
};

JoinTokens::JoinTokens(loop::Loop& loop, store::Store& store, std::string ca_sha256)
    : loop_(loop), store_(store), ca_sha256_(std::move(ca_sha256)) {}

loop::Task<Result<CreatedToken>> JoinTokens::create(TokenOptions options) {
  if (Result<void> valid = checkOptions(options); !valid) co_return std::unexpected(valid.error());
  co_await sweep();
  wire::JoinToken token{.id = tls::toHex(tls::randomBytes(kIdBytes)),
                        .secret = tls::toHex(tls::randomBytes(kSecretBytes)),
                        .ca_sha256 = ca_sha256_};
  Record record;
  record.info = {
      .id = token.id,
      // The expiry is a promise to people, in their time: a token is never good for longer than they were told.
      .created = loop_.wallNow(),
      .expires = loop_.wallNow() + options.ttl,
      .uses_left = options.uses == 0 ? std::nullopt : std::optional(options.uses),
      .description = std::move(options.description),
      .node_name = std::move(options.node_name),
      .name_reuse = options.name_reuse};
  record.secret_sha256 = tls::sha256Hex(token.secret);
  Result<void> kept = co_await store_.putPrivate(nameOf(token.id), record.toJson());
  if (!kept) co_return std::unexpected(withContext(kept.error(), "keeping the token"));
  co_return CreatedToken{.text = wire::format(token), .info = std::move(record.info)};
}

std::vector<TokenInfo> JoinTokens::list() const {
  std::vector<TokenInfo> tokens;
  for (const std::string& name : store_.listPrivate(kPrefix)) {
    Result<Record> record = read(std::string_view(name).substr(kPrefix.size()));
    if (record && record->info.expires > loop_.wallNow()) tokens.push_back(std::move(record->info));
  }
  return tokens;
}

loop::Task<Result<void>> JoinTokens::revoke(std::string id) {
  Result<Record> record = read(id);
  if (!record) co_return fail(ErrorKind::kNotFound, "there is no join token \"" + id + "\"");
  co_return co_await store_.erasePrivate(nameOf(id));
}

Result<TokenInfo> JoinTokens::check(const wire::JoinToken& token, std::string_view node_name) const {
  Result<TokenInfo> info = checkRepeat(token, node_name);
  if (info && info->uses_left == 0) {
    return fail(ErrorKind::kForbidden, "this join token is used up: make another with `towpath token create`");
  }
  return info;
}

Result<TokenInfo> JoinTokens::checkRepeat(const wire::JoinToken& token, std::string_view node_name) const {
  Result<Record> record = read(token.id);
  if (!record || !tls::equalInConstantTime(record->secret_sha256, tls::sha256Hex(token.secret)) ||
      record->info.expires <= loop_.wallNow()) {
    return fail(ErrorKind::kUnauthorized,
                "this join token is unknown, revoked or expired: make another with `towpath token create`");
  }
  if (!record->info.node_name.empty() && record->info.node_name != node_name) {
    return fail(ErrorKind::kForbidden, "this join token is for the node \"" + record->info.node_name + "\"");
  }
  return std::move(record->info);
}

loop::Task<Result<TokenInfo>> JoinTokens::spend(wire::JoinToken token, std::string node_name) {
  Result<TokenInfo> info = check(token, node_name);
  if (!info) co_return info;
  if (!info->uses_left) co_return info;
  // No co_await between the check and the write, whose effect is seen at once: two nodes cannot spend the last use.
  Record record;
  record.info = *info;
  --*record.info.uses_left;
  record.secret_sha256 = tls::sha256Hex(token.secret);
  Result<void> kept = co_await store_.putPrivate(nameOf(token.id), record.toJson());
  if (!kept) co_return std::unexpected(withContext(kept.error(), "counting the use of the token"));
  co_return std::move(record.info);
}

Result<JoinTokens::Record> JoinTokens::read(std::string_view id) const {
  Result<std::optional<std::string>> bytes = store_.getPrivate(nameOf(id));
  if (!bytes) return std::unexpected(bytes.error());
  if (!*bytes) return fail(ErrorKind::kNotFound, "no such join token");
  Result<Value> value = json::parse(**bytes);
  if (!value) return std::unexpected(withContext(value.error(), "a join token's record"));
  Record record;
  record.info = {.id = std::string(id),
                 .created = parseRfc3339((*value)["created"].asStringView()).value_or(WallTime{}),
                 .expires = parseRfc3339((*value)["expires"].asStringView()).value_or(WallTime{}),
                 .uses_left = std::nullopt,
                 .description = (*value)["description"].asString(),
                 .node_name = (*value)["nodeName"].asString(),
                 .name_reuse = (*value)["replace"].asBool() ? NameReuse::kReplace : NameReuse::kRefuse};
  if ((*value)["usesLeft"].isInt()) record.info.uses_left = (*value)["usesLeft"].asInt();
  record.secret_sha256 = (*value)["secretSha256"].asString();
  return record;
}

loop::Task<void> JoinTokens::sweep() {
  for (const std::string& name : store_.listPrivate(kPrefix)) {
    Result<Record> record = read(std::string_view(name).substr(kPrefix.size()));
    // A failure leaves the record for the next sweep: it is refused anyway.
    if (record && record->info.expires <= loop_.wallNow()) co_await store_.erasePrivate(name);
  }
}

Value toValue(const TokenInfo& info) {
  Value value;
  value["id"] = info.id;
  value["created"] = formatRfc3339(info.created);
  value["expires"] = formatRfc3339(info.expires);
  if (info.uses_left) value["usesLeft"] = *info.uses_left;
  value["description"] = info.description;
  value["nodeName"] = info.node_name;
  value["replace"] = info.name_reuse == NameReuse::kReplace;
  return value;
}

}  // namespace towpath::agents
