#include "metrics/aws_access.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "base/file.h"
#include "json/parse.h"
#include "metrics/exchange.h"
#include "metrics/surroundings.h"

namespace towpath::metrics {
namespace {

constexpr Duration kTimeout = 5s;
constexpr std::size_t kMaxFile = 1u << 20;
constexpr const char* kSessionName = "towpath";
constexpr const char* kContainerHost = "http://169.254.170.2";
constexpr const char* kInstanceHost = "http://169.254.169.254";

using Section = std::map<std::string, std::string>;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// One section of an INI file as the shared files are: "[name]" or "[profile name]", "key = value".
Section sectionOf(std::string_view text, std::string_view profile) {
  Section section;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('[')) {
      std::string_view name = trimmed(line.substr(1, line.find(']') - 1));
      if (name.starts_with("profile ")) name = trimmed(name.substr(8));
      inside = name == profile;
    } else if (const std::size_t equals = line.find('='); inside && equals != std::string_view::npos) {
      section[std::string(trimmed(line.substr(0, equals)))] = std::string(trimmed(line.substr(equals + 1)));
    }
  }
  return section;
}

// Of the files credentials and config; the first has the last word.
Section sharedSettings(const ProviderContext& context, const std::string& profile) {
  const std::string home = environmentOf(context, "HOME");
  Section all;
  for (const auto& [variable, name] :
       {std::pair("AWS_CONFIG_FILE", "config"), std::pair("AWS_SHARED_CREDENTIALS_FILE", "credentials")}) {
    std::string path = environmentOf(context, variable);
    if (path.empty() && !home.empty()) path = home + "/.aws/" + name;
    const auto text = path.empty() ? fail(ErrorKind::kNotFound, "") : readFile(path, kMaxFile);
    if (!text) continue;
    for (auto& [key, value] : sectionOf(*text, profile)) all[key] = value;
  }
  return all;
}

// The text of the first element of that name.
std::string element(std::string_view xml, std::string_view name) {
  const std::string open = fmt::format("<{}>", name);
  const std::size_t begin = xml.find(open);
  const std::size_t end = xml.find(fmt::format("</{}>", name), begin);
  if (begin == std::string_view::npos || end == std::string_view::npos) return {};
  return std::string(trimmed(xml.substr(begin + open.size(), end - begin - open.size())));
}

std::optional<AwsKeys> keysOf(const Value& json) {
  AwsKeys keys{json["AccessKeyId"].asString(), json["SecretAccessKey"].asString(), json["Token"].asString()};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) return std::nullopt;
  return keys;
}

std::optional<AwsKeys> keysOf(const Section& section) {
  const auto at = [&](const char* key) {
    const auto found = section.find(key);
    return found == section.end() ? std::string() : found->second;
  };
  AwsKeys keys{at("aws_access_key_id"), at("aws_secret_access_key"), at("aws_session_token")};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) return std::nullopt;
  return keys;
}

class Finder {
 public:
  Finder(const ProviderContext& context, AwsWish wish) : context_(context), wish_(std::move(wish)) {
    profile_ = wish_.profile;
    if (profile_.empty()) profile_ = environmentOf(context_, "AWS_PROFILE");
    if (profile_.empty()) profile_ = "default";
    shared_ = sharedSettings(context_, profile_);
    region_ = wish_.region;
    for (const char* variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
      if (region_.empty()) region_ = environmentOf(context_, variable);
    }
    if (region_.empty() && shared_.contains("region")) region_ = shared_["region"];
  }

  loop::Task<Result<AwsAccess>> find() {
    if (region_.empty()) co_return fail(ErrorKind::kInvalid, "no AWS region: set AWS_REGION, or name one");
    Result<AwsKeys> keys = co_await base();
    if (keys && !wish_.role_arn.empty()) keys = co_await assume(std::move(*keys));
    if (!keys) co_return std::unexpected(keys.error());
    co_return AwsAccess{std::move(*keys), region_};
  }

 private:
  std::string env(const char* name) const { return environmentOf(context_, name); }

  loop::Task<Result<AwsKeys>> base() {
    if (!wish_.profile.empty()) {
      if (auto keys = keysOf(shared_)) co_return *keys;
      co_return fail(ErrorKind::kUnauthorized,
                     fmt::format("profile \"{}\" of the shared AWS files has no keys", wish_.profile));
    }
    AwsKeys keys{env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN")};
    if (!keys.access_key_id.empty() && !keys.secret_access_key.empty()) co_return keys;
    if (const std::string file = env("AWS_WEB_IDENTITY_TOKEN_FILE"); !file.empty())
      co_return co_await webIdentity(file);
    if (auto found = keysOf(shared_)) co_return *found;
    if (auto found = co_await container()) co_return *found;
    if (auto found = co_await instance()) co_return *found;
    co_return fail(ErrorKind::kUnauthorized,
                   "no AWS credentials: neither in the environment, nor in shared files, nor of the container or host");
  }

  loop::Task<Result<AwsKeys>> sts(Fields fields, const AwsKeys* signer) {
    fields.emplace_back("Version", "2011-06-15");
    fields.emplace_back("RoleSessionName",
                        env("AWS_ROLE_SESSION_NAME").empty() ? kSessionName : env("AWS_ROLE_SESSION_NAME"));
    http::ClientRequest request =
        requestTo("POST", joinUrl(awsEndpoint(context_, "sts", "STS", region_), "/"), kTimeout);
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.body = encodeForm(fields);
    if (signer) signRequest(request, *signer, {region_, "sts"}, context_.loop->wallNow());
    const auto response = co_await context_.fetch(std::move(request));
    if (!response) co_return std::unexpected(withContext(response.error(), "AWS STS"));
    AwsKeys keys{element(response->body, "AccessKeyId"), element(response->body, "SecretAccessKey"),
                 element(response->body, "SessionToken")};
    if (response->ok() && !keys.access_key_id.empty() && !keys.secret_access_key.empty()) co_return keys;
    co_return fail(ErrorKind::kUnauthorized,
                   fmt::format("AWS STS answered {}: {}", response->status, element(response->body, "Message")));
  }

  loop::Task<Result<AwsKeys>> webIdentity(std::string file) {
    const auto token = readFile(file, kMaxFile);
    if (!token) co_return std::unexpected(withContext(token.error(), "AWS_WEB_IDENTITY_TOKEN_FILE"));
    co_return co_await sts({{"Action", "AssumeRoleWithWebIdentity"},
                            {"RoleArn", env("AWS_ROLE_ARN")},
                            {"WebIdentityToken", std::string(trimmed(*token))}},
                           nullptr);
  }

  loop::Task<Result<AwsKeys>> assume(AwsKeys keys) {
    co_return co_await sts({{"Action", "AssumeRole"}, {"RoleArn", wish_.role_arn}}, &keys);
  }

  loop::Task<std::optional<AwsKeys>> container() {
    std::string url = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (const std::string path = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); url.empty() && !path.empty()) {
      url = kContainerHost + path;
    }
    if (url.empty()) co_return std::nullopt;
    http::ClientRequest request = requestTo("GET", url, kTimeout);
    std::string token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (const std::string file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty()) {
      if (const auto text = readFile(file, kMaxFile)) token = trimmed(*text);
    }
    if (!token.empty()) request.headers.add("Authorization", token);
    co_return co_await keysFrom(std::move(request));
  }

  // IMDSv2: a token first.
  loop::Task<std::optional<AwsKeys>> instance() {
    if (env("AWS_EC2_METADATA_DISABLED") == "true") co_return std::nullopt;
    std::string host = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (host.empty()) host = kInstanceHost;
    http::ClientRequest ask = requestTo("PUT", joinUrl(host, "/latest/api/token"), 1s);
    ask.headers.add("X-aws-ec2-metadata-token-ttl-seconds", "300");
    const auto token = co_await context_.fetch(std::move(ask));
    if (!token || !token->ok()) co_return std::nullopt;
    const auto from = [&](const std::string& path) {
      http::ClientRequest request = requestTo("GET", joinUrl(host, path), 1s);
      request.headers.add("X-aws-ec2-metadata-token", token->body);
      return request;
    };
    const std::string path = "/latest/meta-data/iam/security-credentials/";
    const auto role = co_await context_.fetch(from(path));
    if (!role || !role->ok()) co_return std::nullopt;
    co_return co_await keysFrom(from(path + std::string(trimmed(role->body))));
  }

  loop::Task<std::optional<AwsKeys>> keysFrom(http::ClientRequest request) {
    request.proxy = "";
    const auto response = co_await context_.fetch(std::move(request));
    if (!response || !response->ok()) co_return std::nullopt;
    const auto parsed = json::parse(response->body);
    co_return parsed ? keysOf(*parsed) : std::nullopt;
  }

  const ProviderContext& context_;
  AwsWish wish_;
  std::string profile_, region_;
  Section shared_;
};

}  // namespace

std::string awsEndpoint(const ProviderContext& context, const std::string& service, const std::string& name,
                        const std::string& region) {
  for (const std::string& variable : {"AWS_ENDPOINT_URL_" + name, std::string("AWS_ENDPOINT_URL")}) {
    if (std::string url = environmentOf(context, variable); !url.empty()) return url;
  }
  return fmt::format("https://{}.{}.amazonaws.com{}", service, region, region.starts_with("cn-") ? ".cn" : "");
}

loop::Task<Result<AwsAccess>> findAwsAccess(const ProviderContext& context, AwsWish wish) {
  Finder finder(context, std::move(wish));
  co_return co_await finder.find();
}

}  // namespace towpath::metrics
