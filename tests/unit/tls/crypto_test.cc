#include "tls/crypto.h"

#include <doctest/doctest.h>

namespace towpath::tls {
namespace {

TEST_CASE("SHA-256 of known texts (FIPS 180-4 examples)") {
  CHECK(sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256Hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 pieces;
  pieces.update("a");
  pieces.update("bc");
  CHECK(pieces.finishHex() == sha256Hex("abc"));
}

TEST_CASE("what is sealed opens with the same key and context only") {
  const std::string key(kSealKeyBytes, 'k');
  std::string sealed = seal(key, "the secret", "record 1");
  CHECK(sealed.find("secret") == std::string::npos);
  CHECK(unseal(key, sealed, "record 1") == "the secret");
  CHECK(seal(key, "the secret", "record 1") != sealed);
  CHECK(unseal(std::string(kSealKeyBytes, 'x'), sealed, "record 1").error().kind == ErrorKind::kCorrupt);
  CHECK(unseal(key, sealed, "record 2").error().kind == ErrorKind::kCorrupt);
  CHECK(unseal(key, "short", "record 1").error().kind == ErrorKind::kCorrupt);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string damaged = sealed;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CHECK(!unseal(key, damaged, "record 1"));
  }
  CHECK(unseal(key, seal(key, "", ""), "") == "");
}

TEST_CASE("secrets compare by their bytes") {
  CHECK(equalInConstantTime("abc", "abc"));
  CHECK(!equalInConstantTime("abc", "abd"));
  CHECK(!equalInConstantTime("abc", "ab"));
  CHECK(randomBytes(16).size() == 16);
  CHECK(randomBytes(16) != randomBytes(16));
}

}  // namespace
}  // namespace towpath::tls
