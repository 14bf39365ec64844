#include "tls/authority.h"

#include <arpa/inet.h>
#include <fmt/chrono.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "tls/crypto.h"
#include "tls/x509.h"

namespace towpath::tls {

namespace {

using OwnedWriter = Owned<mbedtls_x509write_cert, mbedtls_x509write_crt_init, mbedtls_x509write_crt_free>;
using OwnedRequestWriter = Owned<mbedtls_x509write_csr, mbedtls_x509write_csr_init, mbedtls_x509write_csr_free>;

class OwnedNumber {
 public:
  OwnedNumber() { mbedtls_mpi_init(&value_); }
  ~OwnedNumber() { mbedtls_mpi_free(&value_); }
  OwnedNumber(const OwnedNumber&) = delete;
  OwnedNumber& operator=(const OwnedNumber&) = delete;
  mbedtls_mpi* get() { return &value_; }

 private:
  mbedtls_mpi value_;
};

constexpr std::size_t kPemBytes = 8192;
// 2.28.3 overruns its buffer on over-long extensions (mended in 2.28.7), so what goes in is bounded far below.
constexpr std::size_t kNamesBytes = 1500;
constexpr std::size_t kCommonNameBytes = 64;
constexpr std::size_t kSerialBytes = 16;
constexpr Duration kBackdate = 1h;
constexpr Duration kAuthorityLifetime = std::chrono::hours(24 * 365 * 20);

bool isPlain(char c, std::string_view also) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || also.contains(c);
}

Result<void> checkText(std::string_view text, std::string_view also, const char* field) {
  if (!text.empty() && std::ranges::all_of(text, [&](char c) { return isPlain(c, also); })) return {};
  return fail(ErrorKind::kInvalid, fmt::format("\"{}\" cannot stand in a certificate", text), field);
}

Result<void> checkNames(const CertificateOptions& options) {
  if (options.common_name.size() > kCommonNameBytes) {
    return fail(ErrorKind::kInvalid, "a common name has at most 64 characters", "common_name");
  }
  if (Result<void> valid = checkText(options.common_name, "-._:@ ", "common_name"); !valid) return valid;
  for (const std::string& name : options.dns_names) {
    if (Result<void> valid = checkText(name, "-._*", "dns_names"); !valid) return valid;
  }
  for (const std::string& uri : options.uris) {
    if (Result<void> valid = checkText(uri, "-._~:/?#[]@!$&'()*+,;=%", "uris"); !valid) return valid;
  }
  return {};
}

// DER of one element; the contents are shorter than 64 KB.
std::string element(unsigned char tag, std::string_view contents) {
  std::string der(1, static_cast<char>(tag));
  std::size_t length = contents.size();
  if (length >= 0x100) {
    der += {static_cast<char>(0x82), static_cast<char>(length >> 8), static_cast<char>(length & 0xff)};
  } else if (length >= 0x80) {
    der += {static_cast<char>(0x81), static_cast<char>(length)};
  } else {
    der += static_cast<char>(length);
  }
  return der.append(contents);
}

// SubjectAltName (RFC 5280, 4.2.1.6), which mbedTLS 2.28 cannot write.
Result<std::string> alternativeNames(const CertificateOptions& options) {
  std::string names;
  for (const std::string& name : options.dns_names) names += element(0x82, name);
  for (const std::string& uri : options.uris) names += element(0x86, uri);
  for (const std::string& address : options.ip_addresses) {
    std::array<char, 16> bytes{};
    bool is_v6 = address.contains(':');
    if (::inet_pton(is_v6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) != 1) {
      return fail(ErrorKind::kInvalid, fmt::format("\"{}\" is no IP address", address), "ip_addresses");
    }
    names += element(0x87, {bytes.data(), std::size_t{is_v6 ? 16U : 4U}});
  }
  if (names.size() > kNamesBytes) return fail(ErrorKind::kInvalid, "too many names for one certificate", "dns_names");
  return names.empty() ? names : element(0x30, names);
}

std::string usageExtension(Usage usage) {
  switch (usage) {
    case Usage::kServer:
      return element(0x30, element(0x06, MBEDTLS_OID_SERVER_AUTH));
    case Usage::kClient:
      return element(0x30, element(0x06, MBEDTLS_OID_CLIENT_AUTH));
  }
  return {};
}

std::string validityText(WallTime time) {
  return fmt::format("{:%Y%m%d%H%M%S}", fmt::gmtime(std::chrono::system_clock::to_time_t(
                                            std::chrono::time_point_cast<std::chrono::system_clock::duration>(time))));
}

// The first non-zero code of a row of calls.
class Steps {
 public:
  template <class Call>
  Steps& run(Call call) {
    if (code_ == 0) code_ = call();
    return *this;
  }
  int code() const { return code_; }

 private:
  int code_ = 0;
};

int addExtension(OwnedWriter& writer, const char* oid, std::size_t oid_bytes, const std::string& value) {
  if (value.empty()) return 0;
  return mbedtls_x509write_crt_set_extension(writer.get(), oid, oid_bytes, 0,
                                             reinterpret_cast<const unsigned char*>(value.data()), value.size());
}

int makeKey(OwnedKey& key) {
  return Steps()
      .run([&] { return mbedtls_pk_setup(key.get(), mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)); })
      .run([&] {
        return mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key.get()), randomForMbedtls, nullptr);
      })
      .code();
}

template <class Write>
Result<std::string> writePem(const char* what, Write write) {
  std::string buffer(kPemBytes, '\0');
  int result = write(reinterpret_cast<unsigned char*>(buffer.data()), buffer.size());
  if (result != 0) return std::unexpected(mbedtlsError(ErrorKind::kInternal, what, result));
  buffer.resize(buffer.find('\0'));
  return buffer;
}

Result<std::string> writeKey(OwnedKey& key) {
  return writePem("writing a key",
                  [&](unsigned char* out, std::size_t size) { return mbedtls_pk_write_key_pem(key.get(), out, size); });
}

// What all certificates share.
Steps& prepare(Steps& steps, OwnedWriter& writer, OwnedNumber& serial, WallTime from, WallTime until) {
  // A positive number: the top bit is cleared.
  std::string random = randomBytes(kSerialBytes);
  random[0] = static_cast<char>((random[0] & 0x3f) | 0x40);
  mbedtls_x509write_crt_set_version(writer.get(), MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(writer.get(), MBEDTLS_MD_SHA256);
  return steps
      .run([&] {
        return mbedtls_mpi_read_binary(serial.get(), reinterpret_cast<const unsigned char*>(random.data()),
                                       random.size());
      })
      .run([&] { return mbedtls_x509write_crt_set_serial(writer.get(), serial.get()); })
      .run([&] {
        return mbedtls_x509write_crt_set_validity(writer.get(), validityText(from).c_str(),
                                                  validityText(until).c_str());
      });
}

Result<std::string> writeCertificate(OwnedWriter& writer) {
  return writePem("writing a certificate", [&](unsigned char* out, std::size_t size) {
    return mbedtls_x509write_crt_pem(writer.get(), out, size, randomForMbedtls, nullptr);
  });
}

// A certificate for `subject_key`, signed by the authority.
Result<std::string> sign(const KeyAndCertificate& authority, mbedtls_pk_context* subject_key,
                         const CertificateOptions& options) {
  if (Result<void> valid = checkNames(options); !valid) return std::unexpected(valid.error());
  Result<std::string> names = alternativeNames(options);
  if (!names) return names;
  OwnedKey issuer_key;
  OwnedCertificate issuer;
  if (Result<void> parsed = parseKey(authority.key_pem, issuer_key); !parsed) return std::unexpected(parsed.error());
  if (Result<void> parsed = parseCertificate(authority.certificate_pem, issuer); !parsed)
    return std::unexpected(parsed.error());
  std::array<char, 256> issuer_name{};
  mbedtls_x509_dn_gets(issuer_name.data(), issuer_name.size(), &issuer->subject);
  OwnedWriter writer;
  OwnedNumber serial;
  Steps steps;
  prepare(steps, writer, serial, options.now - kBackdate, options.now + options.lifetime);
  mbedtls_x509write_crt_set_subject_key(writer.get(), subject_key);
  mbedtls_x509write_crt_set_issuer_key(writer.get(), issuer_key.get());
  std::string usage = usageExtension(options.usage);
  steps.run([&] { return mbedtls_x509write_crt_set_subject_name(writer.get(), ("CN=" + options.common_name).c_str()); })
      .run([&] { return mbedtls_x509write_crt_set_issuer_name(writer.get(), issuer_name.data()); })
      .run([&] { return mbedtls_x509write_crt_set_basic_constraints(writer.get(), 0, -1); })
      .run([&] { return mbedtls_x509write_crt_set_key_usage(writer.get(), MBEDTLS_X509_KU_DIGITAL_SIGNATURE); })
      .run([&] { return mbedtls_x509write_crt_set_authority_key_identifier(writer.get()); })
      .run([&] {
        return addExtension(writer, MBEDTLS_OID_EXTENDED_KEY_USAGE, MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE),
                            usage);
      })
      .run([&] {
        return addExtension(writer, MBEDTLS_OID_SUBJECT_ALT_NAME, MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME),
                            *names);
      });
  if (steps.code() != 0)
    return std::unexpected(mbedtlsError(ErrorKind::kInternal, "making a certificate", steps.code()));
  return writeCertificate(writer);
}

}  // namespace

Result<Authority> Authority::create(const std::string& common_name, WallTime now) {
  if (Result<void> valid = checkNames({.common_name = common_name}); !valid) return std::unexpected(valid.error());
  OwnedKey key;
  OwnedWriter writer;
  OwnedNumber serial;
  Steps steps;
  steps.run([&] { return makeKey(key); });
  prepare(steps, writer, serial, now - kBackdate, now + kAuthorityLifetime);
  mbedtls_x509write_crt_set_subject_key(writer.get(), key.get());
  mbedtls_x509write_crt_set_issuer_key(writer.get(), key.get());
  std::string name = "CN=" + common_name;
  steps.run([&] { return mbedtls_x509write_crt_set_subject_name(writer.get(), name.c_str()); })
      .run([&] { return mbedtls_x509write_crt_set_issuer_name(writer.get(), name.c_str()); })
      .run([&] { return mbedtls_x509write_crt_set_basic_constraints(writer.get(), 1, 0); })
      .run([&] {
        return mbedtls_x509write_crt_set_key_usage(writer.get(),
                                                   MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN);
      })
      .run([&] { return mbedtls_x509write_crt_set_subject_key_identifier(writer.get()); });
  if (steps.code() != 0) return std::unexpected(mbedtlsError(ErrorKind::kInternal, "making the CA", steps.code()));
  Result<std::string> certificate = writeCertificate(writer);
  if (!certificate) return std::unexpected(certificate.error());
  Result<std::string> key_pem = writeKey(key);
  if (!key_pem) return std::unexpected(key_pem.error());
  return load({.key_pem = std::move(*key_pem), .certificate_pem = std::move(*certificate)});
}

Result<Authority> Authority::load(KeyAndCertificate kept) {
  OwnedKey key;
  OwnedCertificate certificate;
  Result<void> key_parsed = parseKey(kept.key_pem, key);
  Result<void> certificate_parsed = parseCertificate(kept.certificate_pem, certificate);
  if (!key_parsed || !certificate_parsed || !belongTogether(certificate->pk, key)) {
    return fail(ErrorKind::kCorrupt, "the CA's key and certificate are damaged or do not belong together");
  }
  std::string fingerprint = identityOf(*certificate.get()).fingerprint;
  return Authority(std::move(kept), std::move(fingerprint));
}

Result<std::string> Authority::signRequest(const std::string& request_pem, const CertificateOptions& options) const {
  OwnedRequest request;
  int parsed = mbedtls_x509_csr_parse(request.get(), reinterpret_cast<const unsigned char*>(request_pem.c_str()),
                                      request_pem.size() + 1);
  if (parsed != 0) return std::unexpected(mbedtlsError(ErrorKind::kInvalid, "this is no certificate request", parsed));
  if (mbedtls_pk_get_type(&request->pk) != MBEDTLS_PK_ECKEY) {
    return fail(ErrorKind::kInvalid, "a certificate request is for an elliptic-curve key");
  }
  // The request is signed by its own key: that is the proof of holding it.
  std::string digest = sha256({reinterpret_cast<const char*>(request->cri.p), request->cri.len});
  int verified =
      request->sig_md != MBEDTLS_MD_SHA256
          ? MBEDTLS_ERR_X509_SIG_MISMATCH
          : mbedtls_pk_verify(&request->pk, MBEDTLS_MD_SHA256, reinterpret_cast<const unsigned char*>(digest.data()),
                              digest.size(), request->sig.p, request->sig.len);
  if (verified != 0) {
    return std::unexpected(
        mbedtlsError(ErrorKind::kInvalid, "the certificate request is not signed by its key", verified));
  }
  return sign(kept_, &request->pk, options);
}

Result<KeyAndCertificate> Authority::issue(const CertificateOptions& options) const {
  OwnedKey key;
  if (int made = makeKey(key); made != 0)
    return std::unexpected(mbedtlsError(ErrorKind::kInternal, "making a key", made));
  Result<std::string> certificate = sign(kept_, key.get(), options);
  if (!certificate) return std::unexpected(certificate.error());
  Result<std::string> key_pem = writeKey(key);
  if (!key_pem) return std::unexpected(key_pem.error());
  return KeyAndCertificate{.key_pem = std::move(*key_pem), .certificate_pem = std::move(*certificate)};
}

Result<KeyAndRequest> makeRequest(const std::string& common_name) {
  if (Result<void> valid = checkNames({.common_name = common_name}); !valid) return std::unexpected(valid.error());
  OwnedKey key;
  OwnedRequestWriter writer;
  mbedtls_x509write_csr_set_md_alg(writer.get(), MBEDTLS_MD_SHA256);
  mbedtls_x509write_csr_set_key(writer.get(), key.get());
  int code =
      Steps()
          .run([&] { return makeKey(key); })
          .run([&] { return mbedtls_x509write_csr_set_subject_name(writer.get(), ("CN=" + common_name).c_str()); })
          .code();
  if (code != 0) return std::unexpected(mbedtlsError(ErrorKind::kInternal, "making a certificate request", code));
  Result<std::string> request = writePem("writing a certificate request", [&](unsigned char* out, std::size_t size) {
    return mbedtls_x509write_csr_pem(writer.get(), out, size, randomForMbedtls, nullptr);
  });
  if (!request) return std::unexpected(request.error());
  Result<std::string> key_pem = writeKey(key);
  if (!key_pem) return std::unexpected(key_pem.error());
  return KeyAndRequest{.key_pem = std::move(*key_pem), .request_pem = std::move(*request)};
}

Result<std::string> fingerprintOf(std::string_view certificate_pem) {
  Result<Identity> identity = readCertificate(certificate_pem);
  if (!identity) return std::unexpected(identity.error());
  return std::move(identity->fingerprint);
}

Result<Identity> readCertificate(std::string_view certificate_pem) {
  OwnedCertificate certificate;
  if (Result<void> parsed = parseCertificate(certificate_pem, certificate); !parsed)
    return std::unexpected(parsed.error());
  return identityOf(*certificate.get());
}

}  // namespace towpath::tls
