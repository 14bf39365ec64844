#include "agents/enrolment.h"

#include "agents/join_tokens.h"
#include "support.h"

namespace towpath::agents {
namespace {

using cluster::kNodes;

struct Fixture : World {
  std::string token(TokenOptions options = {}) {
    Result<CreatedToken> made = run(tokens.create(std::move(options)));
    REQUIRE(made);
    return made->text;
  }
  Result<wire::EnrolReply> enrol(const std::string& text, const std::string& node, const std::string& csr = "") {
    return run(enrolment.enrol({.join_token = text,
                                .node_name = node,
                                .csr_pem = csr.empty() ? tls::makeRequest("whatever")->request_pem : csr,
                                .node = {.agent_version = "0.1.0",
                                         .architecture = "amd64",
                                         .labels = {{"role", "edge"}, {"node.kubernetes.io/evil", "1"}}}}));
  }
  ErrorKind refusal(const std::string& text, const std::string& node) {
    Result<wire::EnrolReply> reply = enrol(text, node);
    REQUIRE(!reply);
    return reply.error().kind;
  }

  tls::Authority authority = *tls::Authority::create("test", loop.wallNow());
  JoinTokens tokens{loop, *store, authority.fingerprint()};
  Enrolment enrolment{{loop, *store, api, authority, tokens}, 24h};
};

TEST_CASE_FIXTURE(Fixture, "a node joins with a token and gets a certificate of its name and UID") {
  Result<wire::EnrolReply> reply = enrol(token(), "shop-1");
  REQUIRE(reply);
  Value node = get(kNodes, "shop-1");
  CHECK(cluster::uidOf(node) == reply->node_uid);
  CHECK(cluster::labelOf(node, "kubernetes.io/hostname") == "shop-1");
  CHECK(cluster::labelOf(node, "role") == "edge");
  CHECK(cluster::labelOf(node, "node.kubernetes.io/evil").empty());
  tls::Identity identity = *tls::readCertificate(reply->certificate_pem);
  CHECK(identity.common_name == "shop-1");
  CHECK(identity.uris == std::vector<std::string>{nodeUri(reply->node_uid)});
  CHECK(identity.not_after == std::chrono::floor<std::chrono::seconds>(loop.wallNow() + 24h));
  CHECK(*tls::fingerprintOf(reply->ca_pem) == authority.fingerprint());
}

TEST_CASE_FIXTURE(Fixture,
                  "a token that is used up, expired, revoked, wrong or another's is refused, and no Node is made") {
  std::string once = token({.uses = 1});
  REQUIRE(enrol(once, "shop-1"));
  CHECK(refusal(once, "shop-2") == ErrorKind::kForbidden);

  std::string twice = token({.uses = 2});
  REQUIRE(enrol(twice, "shop-3"));
  REQUIRE(enrol(twice, "shop-4"));
  CHECK(refusal(twice, "shop-5") == ErrorKind::kForbidden);

  std::string any = token({.uses = 0});
  for (const char* node : {"a", "b", "c"}) CHECK(enrol(any, node));

  std::string expiring = token({.ttl = 60s});
  loop.advance(61s);
  CHECK(refusal(expiring, "shop-5") == ErrorKind::kUnauthorized);

  std::string revoked = token();
  REQUIRE(run(tokens.revoke(wire::parseJoinToken(revoked)->id)));
  CHECK(refusal(revoked, "shop-5") == ErrorKind::kUnauthorized);

  wire::JoinToken wrong = *wire::parseJoinToken(token());
  wrong.secret = std::string(wrong.secret.size(), '0');
  CHECK(refusal(wire::format(wrong), "shop-5") == ErrorKind::kUnauthorized);
  wrong.id = "ffffffff";
  CHECK(refusal(wire::format(wrong), "shop-5") == ErrorKind::kUnauthorized);
  CHECK(refusal("nonsense", "shop-5") == ErrorKind::kInvalid);

  std::string bound = token({.node_name = "shop-7"});
  CHECK(refusal(bound, "shop-5") == ErrorKind::kForbidden);
  CHECK(enrol(bound, "shop-7"));
  CHECK(get(kNodes, "shop-5").isNull());
}

TEST_CASE_FIXTURE(Fixture, "uses are counted also when two enrol at the same time") {
  std::string once = token();
  std::vector<loop::Task<Result<wire::EnrolReply>>> both;
  for (const char* node : {"a", "b"}) {
    both.push_back(
        enrolment.enrol({.join_token = once, .node_name = node, .csr_pem = tls::makeRequest("x")->request_pem}));
  }
  std::vector<Result<wire::EnrolReply>> replies = run(loop::whenAll(loop, std::move(both)));
  CHECK(replies[0].has_value() != replies[1].has_value());
}

TEST_CASE_FIXTURE(Fixture, "a name that is taken is refused and costs no use of the token") {
  REQUIRE(enrol(token(), "shop-1"));
  std::string second = token();
  CHECK(refusal(second, "shop-1") == ErrorKind::kForbidden);
  CHECK(enrol(second, "shop-2"));
  SUBCASE("unless the token may replace it") {
    std::string old_uid(cluster::uidOf(get(kNodes, "shop-1")));
    Result<wire::EnrolReply> replaced = enrol(token({.name_reuse = NameReuse::kReplace}), "shop-1");
    REQUIRE(replaced);
    CHECK(replaced->node_uid != old_uid);
  }
  SUBCASE("or the old node was deleted") {
    remove(kNodes, "shop-1");
    CHECK(enrol(token(), "shop-1"));
  }
}

TEST_CASE_FIXTURE(Fixture, "the same request again is answered again, although the token is used up") {
  std::string once = token();
  std::string csr = tls::makeRequest("shop-1")->request_pem;
  Result<wire::EnrolReply> first = enrol(once, "shop-1", csr);
  Result<wire::EnrolReply> again = enrol(once, "shop-1", csr);
  REQUIRE(first);
  REQUIRE(again);
  CHECK(again->node_uid == first->node_uid);
  SUBCASE("but not with another token's id and a wrong secret") {
    wire::JoinToken wrong = *wire::parseJoinToken(once);
    wrong.secret = std::string(wrong.secret.size(), '0');
    CHECK(enrol(wire::format(wrong), "shop-1", csr).error().kind == ErrorKind::kUnauthorized);
  }
}

TEST_CASE_FIXTURE(Fixture, "bad names and requests cost nothing") {
  std::string once = token();
  for (const char* name : {"", "Shop", "a b", "-a", "a..b", "a,O=system:masters"}) {
    CAPTURE(name);
    CHECK(refusal(once, name) == ErrorKind::kInvalid);
  }
  CHECK(enrol(once, "shop-1", "garbage").error().kind == ErrorKind::kInvalid);
  CHECK(enrol(once, "shop-1"));
}

TEST_CASE_FIXTURE(Fixture, "tokens are listed without their secrets, and not after they expired") {
  std::string text = token({.ttl = 60s, .uses = 3, .description = "for the shop"});
  std::vector<TokenInfo> list = tokens.list();
  REQUIRE(list.size() == 1);
  CHECK(list[0].uses_left == 3);
  CHECK(list[0].description == "for the shop");
  for (const std::string& name : store->listPrivate("join-token/")) {
    CHECK(!store->getPrivate(name)->value().contains(wire::parseJoinToken(text)->secret));
  }
  loop.advance(61s);
  CHECK(tokens.list().empty());
  token();
  CHECK(store->listPrivate("join-token/").size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "options out of range name their field") {
  CHECK(run(tokens.create({.ttl = 0s})).error().field == "ttlSeconds");
  CHECK(run(tokens.create({.uses = -1})).error().field == "uses");
  CHECK(run(tokens.create({.node_name = "A"})).error().field == "nodeName");
  CHECK(run(tokens.create({.description = std::string(300, 'x')})).error().field == "description");
}

}  // namespace
}  // namespace towpath::agents
