#pragma once
// The database schema and its versions. docs/database.md describes the tables; what is here is on disks out there: a
// change is a new step at the end, never an edit of an old one.

#include <span>
#include <string_view>

namespace towpath::store {

// The step at index i leads from user_version i to i + 1; a new database goes through all of them.
std::span<const std::string_view> objectSchemaSteps();
std::span<const std::string_view> sampleSchemaSteps();

}  // namespace towpath::store
