#pragma once
// A Pratt parser: the precedences are the peer's language's (expr-lang).

#include <memory>
#include <string_view>

#include "base/error.h"
#include "engine/expr/expr.h"
#include "engine/expr/node.h"

namespace towpath::expr {

Result<std::unique_ptr<Node>> parseTree(std::string_view source, Names names);

}  // namespace towpath::expr
