#pragma once
// meta.k8s.io/v1 Table: objects as the rows that kubectl shows.

#include <string_view>
#include <vector>

#include "apiserver/kinds.h"
#include "base/time.h"
#include "base/value.h"

namespace towpath::apiserver {

enum class IncludeObject { kNone, kMetadata, kObject };

// What the columns of a kind are, NAME first, as in columnDefinitions of a Table.
Value columnDefinitions(const Kind& kind);
// One row: {"cells": […], "object": …}. Ages are relative to `now`.
Value tableRow(const Kind& kind, const Value& object, IncludeObject include, WallTime now);
// The metadata of an object alone, as PartialObjectMetadata.
Value partialMetadata(const Value& object);

// A column that needs more than a path, for built-in kinds.
using CellFunction = Value (*)(const Value& object, WallTime now);
struct ComputedColumn {
  Column column;
  CellFunction cell;
};
// nullptr if the kind's columns are paths (Kind::columns).
const std::vector<ComputedColumn>* computedColumns(const Kind& kind);

// "5d", as a cell; "<unknown>" if it is no time.
std::string ageText(const Value& timestamp, WallTime now);

}  // namespace towpath::apiserver
