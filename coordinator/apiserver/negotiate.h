#pragma once
// Which form of an answer a client wants, by its Accept header; how its body is to be read, by Content-Type.

#include <string>
#include <string_view>

#include "apiserver/failure.h"
#include "base/value.h"

namespace towpath::apiserver {

enum class Form {
  kPlain,           // the objects themselves
  kTable,           // meta.k8s.io/v1 Table: rows as kubectl shows them
  kPartial,         // PartialObjectMetadata, or its list
  kAggregated,      // apidiscovery.k8s.io/v2: all of the discovery in one document
  kAggregatedBeta,  // the same as v2beta1
};
enum class Encoding { kJson, kYaml };

struct Negotiated {
  Form form = Form::kPlain;
  Encoding encoding = Encoding::kJson;
  std::string content_type = "application/json";
};

// The best of what we speak, in the client's order of preference; kNotAcceptable (406) if there is none, so that a
// client that asked for protobuf alone knows why.
Answer<Negotiated> negotiate(std::string_view accept);

// The media type without parameters, in lower case: "application/json".
std::string mediaType(std::string_view content_type);

// A request body as a tree, from JSON, YAML or the protobuf of protobuf_body.h; kUnsupportedMedia (415) for anything
// else. `duplicates` gets the paths of members given twice, if it is not null.
Answer<Value> readBody(std::string_view content_type, std::string_view body, std::vector<std::string>* duplicates);

}  // namespace towpath::apiserver
