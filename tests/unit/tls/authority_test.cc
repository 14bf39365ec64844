#include "tls/authority.h"

#include <doctest/doctest.h>

#include "base/file.h"

namespace towpath::tls {
namespace {

const WallTime kNow = *parseRfc3339("2026-11-23T13:00:00Z");

TEST_CASE("a certificate says what it was signed for") {
  Result<Authority> authority = Authority::create("towpath test", kNow);
  REQUIRE(authority);
  Result<KeyAndRequest> request = makeRequest("shop-1");
  REQUIRE(request);
  Result<std::string> certificate = authority->signRequest(request->request_pem, {.common_name = "shop-1",
                                                                                  .dns_names = {"shop-1.example"},
                                                                                  .uris = {"towpath://node/123"},
                                                                                  .ip_addresses = {"127.0.0.1", "::1"},
                                                                                  .lifetime = 24h,
                                                                                  .now = kNow});
  REQUIRE(certificate);
  Result<Identity> identity = readCertificate(*certificate);
  REQUIRE(identity);
  CHECK(identity->common_name == "shop-1");
  CHECK(identity->uris == std::vector<std::string>{"towpath://node/123"});
  CHECK(identity->dns_names == std::vector<std::string>{"shop-1.example"});
  CHECK(identity->ip_addresses == std::vector<std::string>{"127.0.0.1", "::1"});
  CHECK(identity->not_after == kNow + 24h);
  CHECK(identity->fingerprint.size() == 64);
  CHECK(identity->fingerprint != authority->fingerprint());
}

TEST_CASE("an authority is the same after it was kept") {
  Result<Authority> authority = Authority::create("towpath test", kNow);
  REQUIRE(authority);
  Result<Authority> loaded =
      Authority::load({.key_pem = authority->keyPem(), .certificate_pem = authority->certificatePem()});
  REQUIRE(loaded);
  CHECK(loaded->fingerprint() == authority->fingerprint());
  CHECK(fingerprintOf(authority->certificatePem()) == authority->fingerprint());
}

TEST_CASE("another's key with our certificate is refused") {
  Result<Authority> one = Authority::create("one", kNow);
  Result<Authority> other = Authority::create("other", kNow);
  REQUIRE((one && other));
  Result<Authority> mixed = Authority::load({.key_pem = one->keyPem(), .certificate_pem = other->certificatePem()});
  REQUIRE(!mixed);
  CHECK(mixed.error().kind == ErrorKind::kCorrupt);
}

TEST_CASE("what is no request, or was changed on its way, is not signed") {
  Result<Authority> authority = Authority::create("towpath test", kNow);
  REQUIRE(authority);
  CertificateOptions options{.common_name = "shop-1", .now = kNow};
  CHECK(authority->signRequest("garbage", options).error().kind == ErrorKind::kInvalid);
  CHECK(authority->signRequest("", options).error().kind == ErrorKind::kInvalid);
  Result<KeyAndRequest> request = makeRequest("shop-1");
  REQUIRE(request);
  std::string changed = request->request_pem;
  std::size_t at = changed.find('\n') + 20;
  changed[at] = changed[at] == 'A' ? 'B' : 'A';
  CHECK(!authority->signRequest(changed, options));
}

TEST_CASE("names that could smuggle something into a certificate are refused") {
  Result<Authority> authority = Authority::create("towpath test", kNow);
  REQUIRE(authority);
  for (const char* name : {"", "a,O=system:masters", "a\nb", "a=b"}) {
    CAPTURE(name);
    CHECK(authority->issue({.common_name = name, .now = kNow}).error().kind == ErrorKind::kInvalid);
  }
  CHECK(authority->issue({.common_name = std::string(65, 'a'), .now = kNow}).error().kind == ErrorKind::kInvalid);
  CHECK(authority->issue({.common_name = "a", .ip_addresses = {"300.1.1.1"}, .now = kNow}).error().kind ==
        ErrorKind::kInvalid);
}

}  // namespace
}  // namespace towpath::tls
