#include "probe/probe.h"

namespace towpath::probe {
namespace {

// Kubernetes takes an explicit 0 for "the default" where 0 makes no sense.
Result<int> readCount(const Value& probe, std::string_view key, int otherwise, const std::string& path) {
  const Value& value = probe[key];
  if (value.isNull()) return otherwise;
  const std::int64_t* number = value.ifInt();
  if (!number || *number < 0 || *number > 1000000) {
    return fail(ErrorKind::kInvalid, "must be a whole number from 0 to 1000000", fmt::format("{}.{}", path, key));
  }
  return *number == 0 ? otherwise : static_cast<int>(*number);
}

Result<std::int32_t> lookUp(const Value& port, const PortLookup& ports, const std::string& path) {
  const std::optional<std::int32_t> found = ports(port);
  if (!found) {
    return fail(ErrorKind::kInvalid, "names no port of this container: list it under ports, or give a number", path);
  }
  return *found;
}

Result<HttpCheck> parseHttp(const Value& http, const PortLookup& ports, const std::string& path) {
  HttpCheck check;
  auto port = lookUp(http["port"], ports, path + ".port");
  if (!port) return std::unexpected(port.error());
  check.port = *port;
  check.host = http["host"].asString();
  check.path = http["path"].asString("/");
  if (!check.path.starts_with('/')) check.path.insert(0, "/");
  const std::string scheme = http["scheme"].asString("HTTP");
  if (scheme != "HTTP" && scheme != "HTTPS") {
    return fail(ErrorKind::kInvalid, "must be HTTP or HTTPS", path + ".scheme");
  }
  check.https = scheme == "HTTPS";
  for (const Value& header : http["httpHeaders"].asArray()) {
    check.headers.emplace_back(header["name"].asString(), header["value"].asString());
  }
  return check;
}

Result<std::variant<HttpCheck, TcpCheck, ExecCheck>> parseCheck(const Value& probe, const PortLookup& ports,
                                                                const std::string& path) {
  if (probe["httpGet"].isObject()) {
    auto http = parseHttp(probe["httpGet"], ports, path + ".httpGet");
    if (!http) return std::unexpected(http.error());
    return *std::move(http);
  }
  if (const Value& socket = probe["tcpSocket"]; socket.isObject()) {
    auto port = lookUp(socket["port"], ports, path + ".tcpSocket.port");
    if (!port) return std::unexpected(port.error());
    return TcpCheck{socket["host"].asString(), *port};
  }
  if (probe["exec"].isObject()) {
    ExecCheck check;
    for (const Value& word : probe["exec"]["command"].asArray()) check.command.push_back(word.asString());
    if (check.command.empty()) return fail(ErrorKind::kInvalid, "must name a program", path + ".exec.command");
    return check;
  }
  return fail(ErrorKind::kInvalid, "must have one of httpGet, tcpSocket or exec", path);
}

}  // namespace

Result<ProbeSpec> parseProbe(const Value& probe, const PortLookup& ports, const std::string& path) {
  ProbeSpec spec;
  auto check = parseCheck(probe, ports, path);
  if (!check) return std::unexpected(check.error());
  spec.check = *std::move(check);

  const auto initial_delay = readCount(probe, "initialDelaySeconds", 0, path);
  const auto period = readCount(probe, "periodSeconds", 10, path);
  const auto timeout = readCount(probe, "timeoutSeconds", 1, path);
  const auto successes = readCount(probe, "successThreshold", 1, path);
  const auto failures = readCount(probe, "failureThreshold", 3, path);
  for (const auto* number : {&initial_delay, &period, &timeout, &successes, &failures}) {
    if (!*number) return std::unexpected(number->error());
  }
  spec.initial_delay = std::chrono::seconds(*initial_delay);
  spec.period = std::chrono::seconds(*period);
  spec.timeout = std::chrono::seconds(*timeout);
  spec.success_threshold = *successes;
  spec.failure_threshold = *failures;
  return spec;
}

bool ProbeTracker::record(bool success) {
  const State before = state_;
  if (success) {
    failures_ = 0;
    if (++successes_ >= success_threshold_) state_ = State::kPassing;
  } else {
    successes_ = 0;
    if (++failures_ >= failure_threshold_) state_ = State::kFailing;
  }
  return state_ != before;
}

}  // namespace towpath::probe
