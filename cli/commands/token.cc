#include "cli/command.h"
#include "cli/text.h"

namespace towpath::cli {

Exit createToken(Context context, TokenOptions options) {
  const auto ttl = parseGoDuration(options.ttl);
  if (!ttl || *ttl <= Duration::zero())
    throw Failure{{ErrorKind::kInvalid, fmt::format("\"{}\" is no duration such as 30m or 24h", options.ttl), "--ttl"}};
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(*ttl).count();
  const Value reply = orFail(
      co_await context.api.call("POST", "/towpath/v1/tokens", Object{{"ttlSeconds", seconds}, {"uses", options.uses}}));
  // Alone on the line, so that scripts can take it; it is shown this once.
  print(reply["token"].asString() + "\n");
  co_return 0;
}

Exit listTokens(Context context) {
  const Value reply = orFail(co_await context.api.call("GET", "/towpath/v1/tokens"));
  Table table({"ID", "USES LEFT", "EXPIRES"});
  for (const Value& token : reply["items"].asArray()) {
    table.add({token["id"].asString(), std::to_string(token["usesLeft"].asInt()), token["expires"].asString()});
  }
  if (table.empty())
    fmt::print(stderr, "No join tokens.\n");
  else
    print(table.render());
  co_return 0;
}

Exit revokeToken(Context context, std::string id) {
  orFail(co_await context.api.call("DELETE", "/towpath/v1/tokens/" + http::percentEncode(id)));
  print(fmt::format("token {} revoked\n", id));
  co_return 0;
}

}  // namespace towpath::cli
