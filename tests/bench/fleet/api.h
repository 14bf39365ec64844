#pragma once
// The few requests of the REST API that a measurement needs, on one kept connection, and its clock.

#include <memory>
#include <string>
#include <vector>

#include "base/value.h"
#include "http/client.h"
#include "loop/uv_loop.h"

namespace towpath::bench {

struct ApiOptions {
  std::string url;
  std::string ca_file;
  std::string bearer_token;
};

class Api {
 public:
  Api(loop::UvLoop& loop, ApiOptions options) : loop_(loop), options_(std::move(options)), client_(loop) {}

  // The object as it is after the patch; ends the program on an error: a measurement that goes wrong has no figures.
  loop::Task<Value> patch(std::string path, std::string content_type, Value body);
  loop::Task<Value> get(std::string path);
  // A watch of its own connection.
  loop::Task<std::unique_ptr<http::ResponseStream>> watch(std::string path);

  loop::UvLoop& loop() { return loop_; }

 private:
  http::ClientRequest request(std::string method, std::string path) const;

  loop::UvLoop& loop_;
  ApiOptions options_;
  http::Client client_;
};

// {"p50_ms", "p99_ms", "max_ms", "samples"}; a negative duration counts as nothing.
Value quantiles(std::vector<Duration> durations);

[[noreturn]] void giveUp(const std::string& why);

}  // namespace towpath::bench
