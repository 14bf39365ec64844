#include "base/hostname.h"

#include <algorithm>

namespace towpath {

namespace {

bool covers(std::string_view wildcard, std::string_view hostname) {
  return wildcard.starts_with("*.") && hostname.size() > wildcard.size() - 1 && hostname.ends_with(wildcard.substr(1));
}

}  // namespace

std::string lowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

std::vector<std::string> intersectHostnames(const std::string& listener, const std::vector<std::string>& route) {
  if (route.empty()) return {listener};
  if (listener.empty()) return route;
  std::vector<std::string> both;
  for (const std::string& hostname : route) {
    if (hostname == listener || covers(listener, hostname))
      both.push_back(hostname);
    else if (covers(hostname, listener))
      both.push_back(listener);
  }
  return both;
}

}  // namespace towpath
