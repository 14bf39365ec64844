#include "tls/x509.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/version.h>

#include <array>
#include <chrono>
#include <cstring>

#include "tls/crypto.h"

namespace towpath::tls {

namespace {

// GeneralName of RFC 5280: context-specific tags, with the class bits that mbedTLS leaves in.
constexpr int kDnsName = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2;
constexpr int kUri = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 6;
constexpr int kIpAddress = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7;

std::string_view view(const mbedtls_x509_buf& buffer) { return {reinterpret_cast<const char*>(buffer.p), buffer.len}; }

WallTime wallTime(const mbedtls_x509_time& time) {
  std::chrono::sys_days day = std::chrono::year(time.year) / time.mon / time.day;
  return WallTime(day) + std::chrono::hours(time.hour) + std::chrono::minutes(time.min) +
         std::chrono::seconds(time.sec);
}

std::string addressText(std::string_view bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  if (bytes.size() != 4 && bytes.size() != 16) return {};
  return ::inet_ntop(family, bytes.data(), text.data(), text.size()) ? text.data() : "";
}

std::string commonName(const mbedtls_x509_name& subject) {
  for (const mbedtls_x509_name* part = &subject; part; part = part->next) {
    if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &part->oid) == 0) return std::string(view(part->val));
  }
  return {};
}

}  // namespace

int randomForMbedtls(void*, unsigned char* out, std::size_t count) {
  std::string bytes = randomBytes(count);
  std::memcpy(out, bytes.data(), count);
  return 0;
}

Error mbedtlsError(ErrorKind kind, std::string_view what, int code) {
  std::array<char, 160> text{};
  mbedtls_strerror(code, text.data(), text.size());
  return {kind, fmt::format("{}: {} (-0x{:04x})", what, text.data(), static_cast<unsigned>(-code)), ""};
}

Result<void> parseCertificate(std::string_view pem, OwnedCertificate& into) {
  std::string text(pem);  // mbedTLS wants the terminating zero, and counts it
  int result =
      mbedtls_x509_crt_parse(into.get(), reinterpret_cast<const unsigned char*>(text.c_str()), text.size() + 1);
  if (result != 0) return std::unexpected(mbedtlsError(ErrorKind::kInvalid, "this is no certificate", result));
  return {};
}

Result<void> parseKey(std::string_view pem, OwnedKey& into) {
  std::string text(pem);  // mbedTLS wants the terminating zero, and counts it
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.c_str());
#if MBEDTLS_VERSION_MAJOR >= 3
  int result = mbedtls_pk_parse_key(into.get(), bytes, text.size() + 1, nullptr, 0, randomForMbedtls, nullptr);
#else
  int result = mbedtls_pk_parse_key(into.get(), bytes, text.size() + 1, nullptr, 0);
#endif
  if (result != 0) return std::unexpected(mbedtlsError(ErrorKind::kInvalid, "this is no private key", result));
  return {};
}

bool belongTogether(const mbedtls_pk_context& public_key, OwnedKey& private_key) {
#if MBEDTLS_VERSION_MAJOR >= 3
  return mbedtls_pk_check_pair(&public_key, private_key.get(), randomForMbedtls, nullptr) == 0;
#else
  return mbedtls_pk_check_pair(&public_key, private_key.get()) == 0;
#endif
}

Identity identityOf(const mbedtls_x509_crt& certificate) {
  Identity identity{.common_name = commonName(certificate.subject),
                    .serial = toHex(view(certificate.serial)),
                    .fingerprint = sha256Hex(view(certificate.raw)),
                    .not_before = wallTime(certificate.valid_from),
                    .not_after = wallTime(certificate.valid_to)};
  for (const mbedtls_x509_sequence* name = &certificate.subject_alt_names; name && name->buf.p; name = name->next) {
    if (name->buf.tag == kDnsName) identity.dns_names.emplace_back(view(name->buf));
    if (name->buf.tag == kUri) identity.uris.emplace_back(view(name->buf));
    if (name->buf.tag == kIpAddress) identity.ip_addresses.push_back(addressText(view(name->buf)));
  }
  return identity;
}

}  // namespace towpath::tls
