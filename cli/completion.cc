#include "cli/completion.h"

namespace towpath::cli {
namespace {

constexpr std::string_view kBash = R"sh(# bash completion of towpath: source <(towpath completion bash)
_towpath() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} verb=${{COMP_WORDS[1]}}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{verbs}' -- "$current"))
    return
  fi
  case $verb in
    promote | abort | pause | resume | undo | restart | status | events)
      COMPREPLY=($(compgen -W "$(towpath get rollouts -o name 2>/dev/null | sed 's|.*/||')" -- "$current")) ;;
    retry | get) COMPREPLY=($(compgen -W "rollout $(towpath get rollouts -o name 2>/dev/null | sed 's|.*/||')" -- "$current")) ;;
    set) COMPREPLY=($(compgen -W "image $(towpath get rollouts -o name 2>/dev/null | sed 's|.*/||')" -- "$current")) ;;
    logs) COMPREPLY=($(compgen -W "$(towpath get pods -o name 2>/dev/null | sed 's|.*/||')" -- "$current")) ;;
    list) COMPREPLY=($(compgen -W 'rollouts experiments' -- "$current")) ;;
    terminate) COMPREPLY=($(compgen -W "experiment analysisrun $(towpath get experiments -o name 2>/dev/null | sed 's|.*/||')" -- "$current")) ;;
    token) COMPREPLY=($(compgen -W 'create list revoke' -- "$current")) ;;
    analyze) COMPREPLY=($(compgen -f -W '-f --trace --now --arg --count -o' -- "$current")) ;;
    lint) COMPREPLY=($(compgen -f -W '-f --strict -o' -- "$current")) ;;
    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current")) ;;
    *) COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}}
complete -F _towpath towpath
)sh";

constexpr std::string_view kZshHead = "#compdef towpath\nautoload -U +X bashcompinit && bashcompinit\n";

constexpr std::string_view kFish = R"sh(# fish completion of towpath: towpath completion fish | source
complete -c towpath -f -n __fish_use_subcommand -a '{verbs}'
set -l on_rollouts promote abort retry pause resume undo restart status events set
complete -c towpath -f -n "__fish_seen_subcommand_from $on_rollouts" -a "(towpath get rollouts -o name 2>/dev/null | string replace -r '.*/' '')"
complete -c towpath -f -n '__fish_seen_subcommand_from logs' -a "(towpath get pods -o name 2>/dev/null | string replace -r '.*/' '')"
complete -c towpath -f -n '__fish_seen_subcommand_from token' -a 'create list revoke'
complete -c towpath -f -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
)sh";

}  // namespace

std::optional<std::string> completionScript(std::string_view shell, const std::vector<std::string>& verbs) {
  const std::string words = fmt::format("{}", fmt::join(verbs, " "));
  if (shell == "bash") return fmt::format(fmt::runtime(kBash), fmt::arg("verbs", words));
  if (shell == "zsh") return std::string(kZshHead) + fmt::format(fmt::runtime(kBash), fmt::arg("verbs", words));
  if (shell == "fish") return fmt::format(fmt::runtime(kFish), fmt::arg("verbs", words));
  return std::nullopt;
}

}  // namespace towpath::cli
