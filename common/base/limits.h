#pragma once
// Every bound on queues, bodies and loops in one place, with what happens past it.

#include <cstddef>
#include <cstdint>

namespace towpath::limits {

inline constexpr std::size_t kBodyBytes = 3u << 20;        // request body: 413; as kube-apiserver
inline constexpr std::size_t kHeaderBytes = 32u << 10;     // request line and headers: 431
inline constexpr std::size_t kJsonDepth = 100;             // nesting of JSON and YAML: invalid
inline constexpr std::size_t kJsonMembers = 20000;         // members of one object: invalid
inline constexpr std::size_t kYamlAliases = 1000;          // expanded aliases of one document: invalid
inline constexpr std::size_t kObjectBytes = 1536u << 10;   // one stored object: 413; as etcd's request limit
inline constexpr std::size_t kConnections = 20000;         // of one server: accepts wait
inline constexpr std::size_t kWatchQueueBytes = 4u << 20;  // unsent bytes of one watcher: it is cut off and resumes
inline constexpr std::size_t kStoreQueue = 10000;          // transactions waiting for a commit: 429
inline constexpr std::size_t kListPage = 500;              // objects of one page when a client names no limit: all
inline constexpr std::size_t kPatchOperations = 10000;     // of one JSON patch: invalid

}  // namespace towpath::limits
