#pragma once
// What the API server says when it refuses: a `Status` object, or something else if a proxy answered in its place.
// Pure.

#include <string_view>

#include "base/error.h"
#include "base/value.h"

namespace towpath::access {

// Of an answer that is no success; the server's message, and the first offending field. The kinds follow the reasons of
// k8s.io/apimachinery/pkg/api/errors.
Error errorOfAnswer(int http_status, std::string_view body);
// Of a Status object, as an ERROR event of a watch carries it.
Error errorOfStatus(const Value& status);

}  // namespace towpath::access
