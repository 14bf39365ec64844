#include "access/credentials.h"

#include <fmt/format.h>

#include <utility>

#include "base/base64.h"
#include "base/file.h"
#include "json/parse.h"
#include "json/serialize.h"
#include "loop/command.h"

namespace towpath::access {
namespace {

constexpr std::size_t kTokenBytes = 64u << 10;

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \r\n\t") + 1);
  return text;
}

// The end of what a plugin complained about, on one line.
std::string lastWords(const std::string& text) {
  constexpr std::size_t kMost = 500;
  std::string words = trimmed(text);
  if (words.size() > kMost) words = "…" + words.substr(words.size() - kMost);
  for (char& c : words) c = c == '\n' || c == '\r' ? ' ' : c;
  return words;
}

}  // namespace

Result<ExecCredential> readExecCredential(const std::string& text, const std::string& api_version) {
  const auto parsed = json::parse(text);
  if (!parsed) return std::unexpected(withContext(parsed.error(), "printed no JSON"));
  const Value& object = *parsed;
  if (object["kind"].asStringView() != "ExecCredential") {
    return fail(ErrorKind::kInvalid, fmt::format("printed a \"{}\", not an ExecCredential", object["kind"].asString()));
  }
  if (object["apiVersion"].asStringView() != api_version) {
    return fail(ErrorKind::kInvalid, fmt::format("printed apiVersion \"{}\", and the kubeconfig asks for {}",
                                                 object["apiVersion"].asString(), api_version));
  }
  const Value& status = object["status"];
  ExecCredential credential{.token = status["token"].asString(),
                            .certificate_pem = status["clientCertificateData"].asString(),
                            .key_pem = status["clientKeyData"].asString(),
                            .expires = std::nullopt};
  if (credential.certificate_pem.empty() != credential.key_pem.empty()) {
    return fail(ErrorKind::kInvalid, "printed a client certificate without its key, or a key without its certificate",
                "status.clientKeyData");
  }
  if (credential.token.empty() && credential.key_pem.empty()) {
    return fail(ErrorKind::kInvalid, "printed neither a token nor a client certificate", "status");
  }
  if (const Value& expires = status["expirationTimestamp"]; !expires.isNull()) {
    credential.expires = parseRfc3339(expires.asStringView());
    if (!credential.expires) {
      return fail(ErrorKind::kInvalid, fmt::format("printed \"{}\", which is no RFC 3339 time", expires.asString()),
                  "status.expirationTimestamp");
    }
  }
  return credential;
}

std::string execInfo(const ExecPlugin& plugin, const ClusterAccess& access) {
  Object spec{{"interactive", false}};
  if (plugin.provide_cluster_info) {
    Object cluster{{"server", access.server}};
    if (!access.tls.expected_name.empty()) cluster.set("tls-server-name", access.tls.expected_name);
    if (access.tls.verify == http::Verify::kNo) cluster.set("insecure-skip-tls-verify", true);
    if (!access.proxy.empty()) cluster.set("proxy-url", access.proxy);
    std::string ca = access.tls.ca_pem;
    if (ca.empty() && !access.tls.ca_file.empty()) ca = readFile(access.tls.ca_file).value_or("");
    if (!ca.empty()) cluster.set("certificate-authority-data", encodeBase64(ca));
    spec.set("cluster", std::move(cluster));
  }
  return json::serialize(
      Object{{"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", std::move(spec)}});
}

Credentials::Credentials(loop::Loop& loop, const ClusterAccess& access)
    : loop_(loop), access_(access), one_at_a_time_(loop, 1) {}

bool Credentials::fresh() const {
  if (!held_) return false;
  if (access_.exec) return !held_->expires || loop_.wallNow() < *held_->expires - kLeeway;
  return loop_.now() < held_->taken + kTokenFileAge;
}

bool Credentials::renew() {
  const bool may_change = access_.exec || !access_.token_file.empty();
  held_.reset();
  return may_change;
}

Result<Credentials::Held> Credentials::readTokenFile() const {
  auto token = readFile(access_.token_file, kTokenBytes);
  if (!token) return std::unexpected(withContext(token.error(), "reading the token"));
  Held held{.token = trimmed(*std::move(token)), .expires = std::nullopt, .taken = loop_.now()};
  if (held.token.empty()) return fail(ErrorKind::kUnauthorized, "the token file is empty", access_.token_file);
  return held;
}

loop::Task<Result<Credentials::Held>> Credentials::runPlugin() const {
  const ExecPlugin& plugin = *access_.exec;
  loop::CommandRequest command{.argv = {plugin.command}, .environment = plugin.environment};
  command.argv.insert(command.argv.end(), plugin.arguments.begin(), plugin.arguments.end());
  command.environment.emplace_back("KUBERNETES_EXEC_INFO", execInfo(plugin, access_));
  auto end = co_await loop::runCommand(loop_, std::move(command));
  const std::string what = fmt::format("the credential plugin {}", plugin.command);
  if (!end) {
    Error error = withContext(end.error(), what);
    if (error.kind == ErrorKind::kNotFound && !plugin.install_hint.empty()) error.message += ". " + plugin.install_hint;
    co_return std::unexpected(std::move(error));
  }
  if (end->status != 0) {
    co_return fail(ErrorKind::kUnauthorized,
                   fmt::format("{} ended with status {}: {}", what, end->status, lastWords(end->err)));
  }
  auto credential = readExecCredential(end->out, plugin.api_version);
  if (!credential) co_return std::unexpected(withContext(credential.error(), what));
  co_return Held{.token = std::move(credential->token),
                 .certificate_pem = std::move(credential->certificate_pem),
                 .key_pem = std::move(credential->key_pem),
                 .expires = credential->expires,
                 .taken = loop_.now()};
}

loop::Task<Result<void>> Credentials::refresh() {
  const auto permit = co_await one_at_a_time_.acquire();
  if (fresh()) co_return Result<void>();
  auto taken = access_.exec ? co_await runPlugin() : readTokenFile();
  if (taken) {
    held_ = *std::move(taken);
    co_return Result<void>();
  }
  // A file in the middle of its rotation: the token that we have may well be good still.
  if (!access_.exec && held_) co_return Result<void>();
  co_return std::unexpected(taken.error());
}

loop::Task<Result<void>> Credentials::addTo(http::ClientRequest& request) {
  request.tls = access_.tls;
  for (const http::Header& field : access_.impersonation) request.headers.add(field.name, field.value);
  if (!access_.exec && access_.token_file.empty()) {
    request.bearer_token = access_.token;
    if (access_.token.empty() && !access_.username.empty()) {
      request.headers.set("Authorization", "Basic " + encodeBase64(access_.username + ":" + access_.password));
    }
    co_return Result<void>();
  }
  if (!fresh()) {
    if (auto done = co_await refresh(); !done) co_return std::unexpected(done.error());
  }
  request.bearer_token = held_->token;
  if (!held_->certificate_pem.empty()) {
    request.tls.certificate_pem = held_->certificate_pem;
    request.tls.key_pem = held_->key_pem;
  }
  co_return Result<void>();
}

}  // namespace towpath::access
