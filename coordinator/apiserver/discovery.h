#pragma once
// What the server says about itself: groups, versions and resources, in the classic and the aggregated form, and
// OpenAPI.

#include <string>
#include <string_view>

#include "apiserver/failure.h"
#include "apiserver/kinds.h"
#include "base/value.h"

namespace towpath::apiserver {

// /api
Value coreVersions();
// /apis
Value groupList(const KindTable& kinds);
// /apis/<group>
Answer<Value> groupDocument(const KindTable& kinds, std::string_view group);
// /api/v1, /apis/<group>/<version>
Answer<Value> resourceList(const KindTable& kinds, std::string_view group, std::string_view version);
// /api and /apis as apidiscovery.k8s.io/`version`: of the core group alone, or of all others.
enum class DiscoveryPart { kCore, kGroups };
Value aggregatedDiscovery(const KindTable& kinds, DiscoveryPart part, const char* version);

// /openapi/v3
Value openApiIndex(const KindTable& kinds);
// /openapi/v3/api/v1, /openapi/v3/apis/<group>/<version>
Answer<Value> openApiDocument(const KindTable& kinds, std::string_view group, std::string_view version);
// /openapi/v2, as JSON
Value openApiV2(const KindTable& kinds);

}  // namespace towpath::apiserver
