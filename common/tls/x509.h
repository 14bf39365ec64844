#pragma once
// Inside of this folder: RAII of mbedTLS' X.509 types, and certificates read into plain data.

// mbedTLS 3 hides fields that 2.28 has in the open; those that we read mean the same.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "tls/identity.h"

namespace towpath::tls {

template <class T, void (*Init)(T*), void (*Free)(T*)>
class Owned {
 public:
  Owned() { Init(&value_); }
  ~Owned() { Free(&value_); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  T* get() { return &value_; }
  T* operator->() { return &value_; }

 private:
  T value_;
};
using OwnedKey = Owned<mbedtls_pk_context, mbedtls_pk_init, mbedtls_pk_free>;
using OwnedCertificate = Owned<mbedtls_x509_crt, mbedtls_x509_crt_init, mbedtls_x509_crt_free>;
using OwnedRequest = Owned<mbedtls_x509_csr, mbedtls_x509_csr_init, mbedtls_x509_csr_free>;

// Random bytes in the form that mbedTLS wants its callback.
int randomForMbedtls(void* unused, unsigned char* out, std::size_t count);

// "what: text of mbedTLS (-0x2180)".
Error mbedtlsError(ErrorKind kind, std::string_view what, int code);

Result<void> parseCertificate(std::string_view pem, OwnedCertificate& into);
Result<void> parseKey(std::string_view pem, OwnedKey& into);
// Whether the private key belongs to the certificate's public one.
bool belongTogether(const mbedtls_pk_context& public_key, OwnedKey& private_key);
Identity identityOf(const mbedtls_x509_crt& certificate);

}  // namespace towpath::tls
