#pragma once
// One GET for a probe, on a connection of its own. Most of what an idle agent does is asking its instances every second
// whether they live, and libcurl takes three times the system calls for it.

#include <string>

#include "base/error.h"
#include "loop/task.h"
#include "loop/uv_loop.h"
#include "probe/probe.h"

namespace towpath::probe {

// The request as it is sent; kInvalid if a header or the path has control characters.
Result<std::string> plainRequest(const HttpCheck& check, const std::string& address);

// The status of the answer (interim ones are passed over). kUnavailable: no connection, or it was closed before a
// status; kCorrupt: what came is not HTTP/1. Waits for ever: put withTimeout around it.
loop::Task<Result<int>> askPlainHttp(loop::UvLoop& loop, HttpCheck check, std::string address);

}  // namespace towpath::probe
