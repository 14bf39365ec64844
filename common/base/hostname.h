#pragma once
// Host names of listeners and routes, as the Gateway API matches them: "" is any, "*.example.com" any below that name,
// else exactly one. Names are compared in lower case.

#include <string>
#include <string_view>
#include <vector>

namespace towpath {

std::string lowerCase(std::string_view text);

// Host names that both the listener and the route have, both in lower case; {""} means any, empty that they have none
// in common. A route without host names takes the listener's.
std::vector<std::string> intersectHostnames(const std::string& listener, const std::vector<std::string>& route);

}  // namespace towpath
