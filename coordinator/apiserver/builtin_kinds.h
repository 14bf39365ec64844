#pragma once
// The built-in kinds as data: a text that says each kind and the shape of its objects, and its reader.
//
//   Name field:type field!:type …        a type; `!` marks a required field; indented lines go on
//   kind apps/v1 ReplicaSet replicasets short=rs cat=all status …   a kind of the shape that is named like it
//
// Types: s string, i integer, n number, b boolean, t time, q quantity, ios integer or string, any (kept as it is), obj
// (an object, kept as it is), s(A|B) one of, {T} map, [T] list, [T]@key list merged by key, Name. `=json` sets a
// default.

#include <vector>

#include "apiserver/kinds.h"

namespace towpath::apiserver {

std::vector<Kind> builtInKinds();

}  // namespace towpath::apiserver
