#pragma once
// Admission: functions that see a write before it is stored. They run on the loop, are quick, and touch nothing else;
// what they reserve (a Service's address) they must reconcile with what is stored, since a write may still be refused
// later.

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace towpath::apiserver {

struct Kind;

enum class Operation { kCreate, kUpdate, kDelete };

struct AdmissionRequest {
  const Kind& kind;
  Operation operation = Operation::kCreate;
  std::string subresource;     // "", "status", "scale"
  const Value* old = nullptr;  // the stored object; null on create
  Value* object = nullptr;     // the object as it will be stored; null on delete. A mutating hook changes it
  bool dry_run = false;        // reserve nothing
};

// Empty: admitted. kInvalid errors become causes of one 422 answer, by `field`; the first of another kind decides
// instead.
using AdmissionHook = std::function<std::vector<Error>(AdmissionRequest&)>;

}  // namespace towpath::apiserver
