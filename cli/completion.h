#pragma once
// Shell completion: verbs and flags are fixed in the script, names of rollouts are asked from the server when Tab is
// pressed.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace towpath::cli {

// The script for bash, zsh or fish; nullopt for another shell.
std::optional<std::string> completionScript(std::string_view shell, const std::vector<std::string>& verbs);

}  // namespace towpath::cli
