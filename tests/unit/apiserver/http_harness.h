#pragma once
// The API server behind a real HTTP server on a free port, and a plain client of its own.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "apiserver/rest.h"
#include "json/parse.h"
#include "json/serialize.h"
#include "loop/stream.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "store/memory_store.h"

namespace towpath::apiserver {

struct Reply {
  int status = 0;
  std::string head;
  std::string body;

  Value json() const {
    auto value = json::parse(body);
    REQUIRE_MESSAGE(value.has_value(), body);
    return std::move(*value);
  }
};

struct Call {
  std::string method = "GET";
  std::string path;
  std::string body;
  std::string content_type = "application/json";
  std::string accept = "application/json";
  std::string token = "admin";  // "admin", "viewer", "" for none, or the text itself
};

struct HttpHarness {
  explicit HttpHarness(LogSource* logs = nullptr)
      : store(store::makeMemoryStore()),
        registry(loop, *store),
        authenticator(*store),
        rest(registry, authenticator, {.logs = logs}),
        server(loop, {}, rest.handler()) {
    REQUIRE(run(registry.start()));
    admin = *run(authenticator.createToken("admin", Role::kAdmin));
    viewer = *run(authenticator.createToken("eve", Role::kViewer));
    const auto listening = server.listenTcp("127.0.0.1", 0);
    REQUIRE(listening);
    port = *listening;
  }

  template <class T>
  T run(loop::Task<T> task) {
    return loop::blockOn(loop, std::move(task));
  }

  std::string head(const Call& call) const {
    std::string text = call.method + " " + call.path +
                       " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: " + call.accept + "\r\n";
    const auto token = call.token == "admin" ? admin : call.token == "viewer" ? viewer : call.token;
    if (!token.empty()) text += "Authorization: Bearer " + token + "\r\n";
    if (call.method != "GET") {
      text += "Content-Type: " + call.content_type + "\r\nContent-Length: " + std::to_string(call.body.size()) + "\r\n";
    }
    return text + "\r\n";
  }

  loop::Task<Reply> exchange(Call call) {
    auto stream = co_await loop::Stream::connectTcp(loop, "127.0.0.1", port);
    const std::string request = head(call) + call.body;
    (void)co_await stream->write(request);
    const auto answer = co_await stream->readAll(64u << 20);
    Reply reply;
    if (!answer) co_return reply;
    const auto end = answer->find("\r\n\r\n");
    if (end == std::string::npos) co_return reply;
    reply.head = answer->substr(0, end);
    reply.body = answer->substr(end + 4);
    reply.status = std::stoi(reply.head.substr(9, 3));
    if (reply.head.find("chunked") != std::string::npos) reply.body = unchunk(reply.body);
    co_return reply;
  }
  Reply call(Call what) { return run(exchange(std::move(what))); }
  Reply get(std::string path, std::string accept = "application/json") {
    return call({.path = std::move(path), .accept = std::move(accept)});
  }
  Reply post(std::string path, std::string body) {
    return call({.method = "POST", .path = std::move(path), .body = std::move(body)});
  }

  static std::string unchunk(std::string_view text) {
    std::string body;
    while (!text.empty()) {
      const auto line = text.find("\r\n");
      const auto size = std::stoul(std::string(text.substr(0, line)), nullptr, 16);
      if (size == 0) break;
      body += text.substr(line + 2, size);
      text.remove_prefix(line + 4 + size);
    }
    return body;
  }

  loop::UvLoop loop;
  std::unique_ptr<store::Store> store;
  Registry registry;
  Authenticator authenticator;
  Rest rest;
  http::Server server;
  std::uint16_t port = 0;
  std::string admin, viewer;
};

}  // namespace towpath::apiserver
