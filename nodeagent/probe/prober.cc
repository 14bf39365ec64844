#include "probe/prober.h"

#include <fmt/format.h>

#include "loop/loop.h"
#include "loop/stream.h"
#include "loop/timeout.h"
#include "probe/plain_http.h"

namespace towpath::probe {
namespace {

// IPv6 addresses stand in brackets in a URL.
std::string urlHost(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

}  // namespace

loop::Task<Result<bool>> Prober::checkHttp(HttpCheck check, std::string address, Duration timeout) {
  Result<int> status = 0;
  if (check.https)
    status = co_await askHttps(std::move(check), std::move(address), timeout);
  else
    status = co_await loop::withTimeout(loop_, timeout, askPlainHttp(loop_, std::move(check), std::move(address)));
  if (!status) co_return std::unexpected(status.error());
  co_return *status >= 200 && *status < 400;
}

loop::Task<Result<int>> Prober::askHttps(HttpCheck check, std::string address, Duration timeout) {
  http::ClientRequest request;
  request.url =
      fmt::format("https://{}:{}{}", urlHost(check.host.empty() ? address : check.host), check.port, check.path);
  request.headers.add("User-Agent", "towpath-probe");
  request.headers.add("Accept", "*/*");
  // A fresh connection each time: a probe must see what a new client sees, and hold nothing open while the instance
  // drains.
  request.headers.add("Connection", "close");
  for (const auto& [name, value] : check.headers) request.headers.set(name, value);
  request.tls.verify = http::Verify::kNo;
  request.connect_timeout = timeout;
  request.timeout = timeout;
  request.max_response_bytes = 1u << 20;
  auto response = co_await client_.fetch(std::move(request));
  if (!response) co_return std::unexpected(response.error());
  co_return response->status;
}

loop::Task<Result<bool>> Prober::checkTcp(TcpCheck check, std::string address) {
  auto stream = co_await loop::Stream::connectTcp(loop_, check.host.empty() ? address : check.host,
                                                  static_cast<std::uint16_t>(check.port));
  co_return stream.has_value();
}

loop::Task<bool> Prober::check(ProbeSpec spec, std::string address, ExecRunner exec) {
  Result<bool> outcome = false;
  if (const auto* http = std::get_if<HttpCheck>(&spec.check)) {
    outcome = co_await checkHttp(*http, address, spec.timeout);
  } else if (const auto* tcp = std::get_if<TcpCheck>(&spec.check)) {
    outcome = co_await loop::withTimeout(loop_, spec.timeout, checkTcp(*tcp, address));
  } else {
    outcome = co_await loop::withTimeout(loop_, spec.timeout, exec(std::get<ExecCheck>(spec.check).command));
  }
  co_return outcome.value_or(false);
}

loop::Task<void> Prober::repeat(ProbeSpec spec, std::string address, ExecRunner exec, ProbeTracker& tracker,
                                std::function<void()> changed) {
  co_await loop::sleep(loop_, spec.initial_delay);
  while (true) {
    const bool success = co_await check(spec, address, exec);
    if (tracker.record(success)) changed();
    co_await loop::sleep(loop_, spec.period);
  }
}

}  // namespace towpath::probe
