#pragma once
// Authority: the own CA of a coordinator, which signs its server certificate, administrators' and nodes' certificates.
// Keys are P-256.

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "tls/identity.h"

namespace towpath::tls {

enum class Usage { kServer, kClient };

// What a certificate is to say. Names are checked (kInvalid): letters, digits and "-._:@ " for the common name.
struct CertificateOptions {
  std::string common_name;
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;
  std::vector<std::string> ip_addresses;  // as text
  Usage usage = Usage::kClient;
  Duration lifetime = std::chrono::hours(24 * 90);
  WallTime now;  // valid from an hour before, so that a node whose clock is a little late takes it
};

struct KeyAndCertificate {
  std::string key_pem;
  std::string certificate_pem;
};

struct KeyAndRequest {
  std::string key_pem;
  std::string request_pem;  // PKCS#10
};

class Authority {
 public:
  // A new one, valid for 20 years.
  static Result<Authority> create(const std::string& common_name, WallTime now);
  // kCorrupt if they are unreadable or do not belong together.
  static Result<Authority> load(KeyAndCertificate kept);

  const std::string& keyPem() const { return kept_.key_pem; }
  const std::string& certificatePem() const { return kept_.certificate_pem; }
  // SHA-256 of the certificate's DER, lower-case hex: what join tokens pin.
  const std::string& fingerprint() const { return fingerprint_; }

  // Signs the request's key, after checking that the asker has it; what the request says otherwise is ignored.
  Result<std::string> signRequest(const std::string& request_pem, const CertificateOptions& options) const;
  // A new key with its certificate.
  Result<KeyAndCertificate> issue(const CertificateOptions& options) const;

 private:
  Authority(KeyAndCertificate kept, std::string fingerprint)
      : kept_(std::move(kept)), fingerprint_(std::move(fingerprint)) {}
  KeyAndCertificate kept_;
  std::string fingerprint_;
};

// A new key, and the request for a certificate of it.
Result<KeyAndRequest> makeRequest(const std::string& common_name);

// Of the first certificate in the text. kInvalid if there is none.
Result<std::string> fingerprintOf(std::string_view certificate_pem);
Result<Identity> readCertificate(std::string_view certificate_pem);

}  // namespace towpath::tls
