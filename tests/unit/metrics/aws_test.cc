// Signatures and credentials of AWS, and CloudWatch by a double of its JSON protocol.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "metrics/aws_access.h"
#include "metrics/signature.h"
#include "store_double.h"

namespace towpath::metrics {
namespace {

// Of AWS' published test suite for Signature Version 4: these keys, this moment, service "service", region us-east-1.
const AwsKeys kKeys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
const WallTime kMoment = *parseRfc3339("2015-08-30T12:36:00Z");

std::string signatureOf(http::ClientRequest request) {
  signRequest(request, kKeys, {"us-east-1", "service"}, kMoment);
  const std::string text(request.headers.get("Authorization"));
  return text.substr(text.find("Signature=") + 10);
}

constexpr const char* kProvider = R"({cloudWatch: {interval: 30m, metricDataQueries: [
  {id: rate, expression: errors / requests},
  {id: errors, metricStat: {metric: {namespace: app, metricName: errors, dimensions: [{name: svc, value: shop}]},
   period: '300', stat: Sum, unit: Count}, returnData: false}]}})";

struct Amazon : StoreDouble {
  Amazon() {
    environment = {{"AWS_ACCESS_KEY_ID", "AKID"}, {"AWS_SECRET_ACCESS_KEY", "shh"}, {"AWS_REGION", "eu-west-1"}};
  }
  Result<AwsAccess> find(AwsWish wish = {}) { return loop::blockOn(loop, findAwsAccess(context, std::move(wish))); }
};

}  // namespace

TEST_CASE("signature version 4: AWS' own test suite") {
  CHECK(signatureOf({.method = "GET", .url = "https://example.amazonaws.com/"}) ==
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  CHECK(signatureOf({.method = "GET", .url = "https://example.amazonaws.com/?Param2=value2&Param1=value1"}) ==
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  CHECK(signatureOf({.method = "POST", .url = "https://example.amazonaws.com/"}) ==
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  CHECK(signatureOf({.method = "POST",
                     .url = "https://example.amazonaws.com/",
                     .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                     .body = "Param1=value1"}) == "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

TEST_CASE("aws: keys from the environment, with a token") {
  Amazon amazon;
  amazon.environment["AWS_SESSION_TOKEN"] = "tok";
  const auto access = amazon.find();
  REQUIRE(access.has_value());
  CHECK(access->keys.access_key_id == "AKID");
  CHECK(access->keys.session_token == "tok");
  CHECK(access->region == "eu-west-1");
  amazon.environment.erase("AWS_REGION");
  CHECK(amazon.find().error().message.find("AWS_REGION") != std::string::npos);
}

TEST_CASE("aws: keys of a profile of the shared files") {
  Amazon amazon;
  const std::filesystem::path home = std::filesystem::temp_directory_path() / fmt::format("towpath-aws-{}", ::getpid());
  std::filesystem::create_directories(home / ".aws");
  std::ofstream(home / ".aws/credentials") << "[default]\naws_access_key_id = D\naws_secret_access_key=DS\n"
                                              "[team]\naws_access_key_id=T\naws_secret_access_key = TS\n";
  std::ofstream(home / ".aws/config") << "[profile team]\nregion = us-west-2\n";
  amazon.environment = {{"HOME", home.string()}};
  const auto team = amazon.find({.profile = "team"});
  REQUIRE(team.has_value());
  CHECK(team->keys.access_key_id == "T");
  CHECK(team->region == "us-west-2");
  CHECK(amazon.find({.region = "r"})->keys.secret_access_key == "DS");
  CHECK(amazon.find({.region = "r", .profile = "none"}).error().kind == ErrorKind::kUnauthorized);
  std::filesystem::remove_all(home);
}

TEST_CASE("aws: a web identity is exchanged, and a role assumed on top") {
  Amazon amazon;
  const std::filesystem::path token =
      std::filesystem::temp_directory_path() / fmt::format("towpath-token-{}", ::getpid());
  std::ofstream(token) << "jwt\n";
  amazon.environment = {{"AWS_WEB_IDENTITY_TOKEN_FILE", token.string()},
                        {"AWS_ROLE_ARN", "arn:aws:iam::1:role/a"},
                        {"AWS_REGION", "eu-west-1"}};
  amazon.answer(
      "<R><Credentials><AccessKeyId>A1</AccessKeyId><SecretAccessKey>S1</SecretAccessKey>"
      "<SessionToken>T1</SessionToken></Credentials></R>");
  amazon.answer(
      "<R><Credentials><AccessKeyId>A2</AccessKeyId><SecretAccessKey>S2</SecretAccessKey>"
      "<SessionToken>T2</SessionToken></Credentials></R>");
  const auto access = amazon.find({.role_arn = "arn:aws:iam::2:role/b"});
  REQUIRE(access.has_value());
  CHECK(access->keys.access_key_id == "A2");
  REQUIRE(amazon.asked.size() == 2);
  CHECK(amazon.asked[0].url == "https://sts.eu-west-1.amazonaws.com/");
  CHECK(formOf(amazon.asked[0].body)["WebIdentityToken"] == "jwt");
  CHECK_FALSE(amazon.asked[0].headers.contains("Authorization"));
  CHECK(formOf(amazon.asked[1].body)["RoleArn"] == "arn:aws:iam::2:role/b");
  CHECK(amazon.asked[1].headers.get("Authorization").find("Credential=A1/") != std::string_view::npos);
  CHECK(amazon.asked[1].headers.get("X-Amz-Security-Token") == "T1");
  amazon.answers.clear();
  amazon.answer("<E><Message>Not authorized</Message></E>", 403);
  CHECK(amazon.find().error().message == "AWS STS answered 403: Not authorized");
  std::filesystem::remove(token);
}

TEST_CASE("aws: the host's own role, where there is nothing else") {
  Amazon amazon;
  amazon.environment = {{"AWS_REGION", "eu-west-1"}};
  amazon.answer("session");
  amazon.answer("app-role\n");
  amazon.answer(R"({"AccessKeyId":"I","SecretAccessKey":"IS","Token":"IT"})");
  CHECK(amazon.find()->keys.session_token == "IT");
  REQUIRE(amazon.asked.size() == 3);
  CHECK(amazon.asked[0].method == "PUT");
  CHECK(amazon.asked[2].url == "http://169.254.169.254/latest/meta-data/iam/security-credentials/app-role");
  CHECK(amazon.asked[2].headers.get("X-aws-ec2-metadata-token") == "session");
  amazon.answers = {fail(ErrorKind::kTimeout, "no")};
  CHECK(amazon.find().error().message.starts_with("no AWS credentials"));
}

TEST_CASE("cloudWatch: GetMetricData, signed") {
  Amazon store;
  store.answer(R"({"MetricDataResults":[{"Id":"rate","Label":"rate","StatusCode":"Complete",
    "Timestamps":[1767268500,1767268200],"Values":[0.1,0.2]},{"Id":"e","Label":"e","StatusCode":"Complete","Values":[]}]})");
  const model::Measurement measurement =
      store.measure(kProvider, "all(result[0].Values, {# <= 0.2}) && result[0].StatusCode == 'Complete'");
  CHECK(said(measurement) == "Successful");
  CHECK(measurement.value == "[[0.1 0.2] []]");
  const http::ClientRequest& asked = store.last();
  CHECK(asked.url == "https://monitoring.eu-west-1.amazonaws.com/");
  CHECK(asked.headers.get("X-Amz-Target") == "GraniteServiceVersion20100801.GetMetricData");
  CHECK(asked.headers.get("Content-Type") == "application/x-amz-json-1.0");
  CHECK(asked.headers.get("Authorization").find("/eu-west-1/monitoring/aws4_request") != std::string_view::npos);
  const Value body = store.lastBody();
  CHECK(body["EndTime"].asInt() - body["StartTime"].asInt() == 1800);
  CHECK(body["MetricDataQueries"][0]["Expression"].asString() == "errors / requests");
  const Value& stat = body["MetricDataQueries"][1]["MetricStat"];
  CHECK(stat["Period"].asInt() == 300);
  CHECK(stat["Metric"]["Dimensions"][0]["Name"].asString() == "svc");
  CHECK(body["MetricDataQueries"][1]["ReturnData"] == Value(false));
}

TEST_CASE("cloudWatch: no data is an error of the condition, refusals and messages are told") {
  Amazon store;
  store.answer(R"({"MetricDataResults":[{"Id":"rate","Values":[]}],"Messages":[{"Code":"c","Value":"partial"}]})");
  model::Measurement measurement = store.measure(kProvider, "result[0].Values[0] < 1");
  CHECK(measurement.phase == AnalysisPhase::kError);
  CHECK(measurement.metadata["messages"].find("partial") != std::string::npos);
  store.answerOnly(R"({"__type":"com.amazonaws.cloudwatch#InvalidParameterValueException","message":"bad period"})",
                   400);
  CHECK(said(store.measure(kProvider)) == "Error: CloudWatch answered 400 InvalidParameterValueException: bad period");
  store.answerOnly(R"({"__type":"ThrottlingException","message":"Rate exceeded"})", 429);
  CHECK(said(store.measure(kProvider)) == "Error: CloudWatch answered 429 ThrottlingException: Rate exceeded");
}

}  // namespace towpath::metrics
