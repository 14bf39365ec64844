#pragma once
// Rules for names, labels and annotations (k8s.io/apimachinery/pkg/util/validation). Each function answers what is
// wrong, as the end of a sentence about the value, or "".

#include <string>
#include <string_view>

#include "apiserver/failure.h"
#include "base/value.h"

namespace towpath::apiserver {

std::string dnsSubdomainError(std::string_view name);  // RFC 1123 subdomain, up to 253 characters
std::string dnsLabelError(std::string_view name);      // RFC 1123 label, up to 63 characters
std::string labelKeyError(std::string_view key);       // [prefix/]name
std::string labelValueError(std::string_view value);   // up to 63 characters, may be empty

// Adds a cause for each offence in metadata: name, labels, annotations, owner references, finalizers.
void checkMetadata(const Value& object, std::vector<Cause>& causes);

}  // namespace towpath::apiserver
