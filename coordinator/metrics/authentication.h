#pragma once
// The `authentication` of Prometheus and web metrics: basic, OAuth 2.0 client credentials (RFC 6749 section 4.4), AWS
// Signature Version 4.

#include <string_view>

#include "base/error.h"
#include "base/value.h"
#include "http/transport.h"
#include "loop/task.h"
#include "metrics/registry.h"

namespace towpath::metrics {

// `headers` of a metric: [{key, value}]. The last of a name wins.
void addHeaders(http::ClientRequest& request, const Value& headers);

// The Authorization field of RFC 7617.
void setBasic(http::ClientRequest& request, std::string_view user, std::string_view password);
// The same from `basicAuth`; left out where such a field is there already. kInvalid: one of the two is missing.
Result<void> addBasic(http::ClientRequest& request, const Value& basic);

// Gets a token and puts it into the request, whose TLS options, headers and time the token's request shares. Nothing
// happens if oauth2 is not set.
loop::Task<Result<void>> addOauth2(const ProviderContext& context, http::ClientRequest& request, const Value& oauth2);

// Signs the request for the service; nothing may be changed in it after that.
loop::Task<Result<void>> addSignature(const ProviderContext& context, http::ClientRequest& request, const Value& sigv4,
                                      std::string service);

}  // namespace towpath::metrics
