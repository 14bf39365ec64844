#pragma once
// Bodies in application/vnd.kubernetes.protobuf. kubectl sends those of its typed commands (create namespace,
// configmap, secret, service, job; auth; drain) so and in no other way, whatever the server answers.
//
// A body is "k8s\0" and a runtime.Unknown {1: TypeMeta {1: apiVersion, 2: kind}, 2: the object}. Field numbers are
// those of the generated.proto files of k8s.io/api; here are only the messages that those commands send.

#include <string_view>

#include "apiserver/failure.h"
#include "base/value.h"

namespace towpath::apiserver {

// The object as a tree. kUnsupportedMedia (415) for a kind or a field that is not among those above: nothing is dropped
// silently. kBadRequest for malformed bytes.
Answer<Value> readProtobuf(std::string_view body);

}  // namespace towpath::apiserver
