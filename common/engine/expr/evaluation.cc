#include "engine/expr/evaluation.h"

#include "engine/expr/builtins.h"
#include "engine/expr/methods.h"
#include "engine/expr/operators.h"
#include "engine/expr/predicates.h"

namespace towpath::expr {
namespace {

// Walks the tree. Its depth is bounded by the parser, its steps and memory by the budget.
class Evaluation {
 public:
  Evaluation(const Value& result, WallTime now) : result_(result), now_(now) {}

  Result<Held> run(const Node& node) {
    Result<Held> value = dispatch(node);
    if (value && !value->isLent() && makes(node.kind)) {
      if (Result<void> kept = budget_.keep(**value); !kept) value = std::unexpected(kept.error());
    }
    // The innermost node that fails names its place; those around it pass the error on.
    if (!value && !located_) {
      located_ = true;
      value.error().message = node.position + ": " + value.error().message;
    }
    return value;
  }

 private:
  static bool makes(NodeKind kind) {
    return kind == NodeKind::kList || kind == NodeKind::kMap || kind == NodeKind::kBinary || kind == NodeKind::kCall ||
           kind == NodeKind::kMethod || kind == NodeKind::kSlice || kind == NodeKind::kLet;
  }

  Result<Held> dispatch(const Node& node) {
    if (Result<void> done = budget_.work(1); !done) return std::unexpected(done.error());
    switch (node.kind) {
      case NodeKind::kLiteral:
        return Held::lend(node.value);
      case NodeKind::kResult:
        return Held::lend(result_);
      case NodeKind::kVariable:
        return variable(node);
      case NodeKind::kPointer:
        return pointer(node);
      case NodeKind::kList:
        return list(node);
      case NodeKind::kMap:
        return map(node);
      case NodeKind::kUnary:
        return unary(node);
      case NodeKind::kBinary:
        return binary(node);
      case NodeKind::kComparisons:
        return comparisons(node);
      case NodeKind::kChoice:
        return choice(node);
      case NodeKind::kMember:
        return member(node);
      case NodeKind::kIndex:
        return index(node);
      case NodeKind::kSlice:
        return slice(node);
      case NodeKind::kChain:
        return chain(node);
      case NodeKind::kCall:
        return call(node);
      case NodeKind::kMethod:
        return method(node);
      case NodeKind::kPredicate:
        return run(*node.children[0]);
      case NodeKind::kLet:
        return let(node);
      case NodeKind::kSequence:
        return sequence(node);
    }
    return Held(Value());
  }

  static Result<Held> own(Result<Value> value) {
    if (!value) return std::unexpected(value.error());
    return Held(std::move(*value));
  }

  Result<Held> variable(const Node& node) const {
    for (auto at = variables_.rbegin(); at != variables_.rend(); ++at) {
      if (at->name == node.text) return Held::lend(*at->value);
    }
    return fail(ErrorKind::kInternal, fmt::format("the variable {} is not set", node.text));
  }

  Result<Held> pointer(const Node& node) const {
    if (elements_.empty()) return fail(ErrorKind::kInternal, "# outside of a predicate");
    const Element& element = elements_.back();
    if (node.text == "index") return Held(Value(static_cast<long long>(element.index)));
    if (node.text.empty()) return Held::lend(*element.value);
    if (element.accumulated == nullptr) return fail(ErrorKind::kInvalid, "#acc has a meaning in reduce only");
    return Held::lend(*element.accumulated);
  }

  Result<Held> list(const Node& node) {
    Array out;
    for (const std::unique_ptr<Node>& child : node.children) {
      Result<Held> value = run(*child);
      if (!value) return value;
      if (value->isLent()) {
        if (Result<void> kept = budget_.keep(**value); !kept) return std::unexpected(kept.error());
      }
      out.push_back(std::move(*value).take());
    }
    return Held(Value(std::move(out)));
  }

  Result<Held> map(const Node& node) {
    Object out;
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      const Result<Held> key = run(*node.children[i]);
      if (!key) return key;
      if (!(*key)->isString()) {
        return fail(ErrorKind::kInvalid, fmt::format("a key of a map is a string, not {}", typeName(**key)));
      }
      Result<Held> value = run(*node.children[i + 1]);
      if (!value) return value;
      if (value->isLent()) {
        if (Result<void> kept = budget_.keep(**value); !kept) return std::unexpected(kept.error());
      }
      out.set((*key)->asStringView(), std::move(*value).take());
    }
    return Held(Value(std::move(out)));
  }

  Result<Held> unary(const Node& node) {
    const Result<Held> operand = run(*node.children[0]);
    if (!operand) return operand;
    return own(applyUnary(node.text, **operand));
  }

  Result<Held> binary(const Node& node) {
    Result<Held> left = run(*node.children[0]);
    if (!left) return left;
    if (node.text == "&&" || node.text == "||") return logical(node, **left);
    if (node.text == "??") return (*left)->isNull() ? run(*node.children[1]) : std::move(left);
    const Result<Held> right = run(*node.children[1]);
    if (!right) return right;
    return own(applyBinary(node.text, **left, **right, budget_));
  }

  Result<Held> logical(const Node& node, const Value& left) {
    const bool* first = left.ifBool();
    if (first == nullptr) return notBoolean(node.text, left);
    if (*first == (node.text == "||")) return Held(Value(*first));
    Result<Held> right = run(*node.children[1]);
    if (right && !(*right)->isBool()) return notBoolean(node.text, **right);
    return right;
  }

  static std::unexpected<Error> notBoolean(std::string_view op, const Value& value) {
    return fail(ErrorKind::kInvalid, fmt::format("invalid operation: {} needs bool, not {}", op, typeName(value)));
  }

  Result<Held> comparisons(const Node& node) {
    Result<Held> left = run(*node.children[0]);
    for (std::size_t i = 0; i < node.operators.size(); ++i) {
      if (!left) return left;
      Result<Held> right = run(*node.children[i + 1]);
      if (!right) return right;
      const Result<Value> holds = applyBinary(node.operators[i], **left, **right, budget_);
      if (!holds) return std::unexpected(holds.error());
      if (!holds->asBool()) return Held(Value(false));
      left = std::move(right);
    }
    return Held(Value(true));
  }

  Result<Held> choice(const Node& node) {
    Result<Held> condition = run(*node.children[0]);
    if (!condition) return condition;
    const bool* yes = (*condition)->ifBool();
    if (yes == nullptr) return notBoolean("?:", **condition);
    // a ?: c has no second branch of its own.
    if (node.children.size() == 2) return *yes ? std::move(condition) : run(*node.children[1]);
    return run(*node.children[*yes ? 1 : 2]);
  }

  // The part of a value: lent as the value is, or a copy of what would go with it.
  static Result<Held> part(const Held& owner, const Value& key) {
    const Result<const Value*> found = find(*owner, key);
    if (!found) return std::unexpected(found.error());
    if (owner.isLent()) return Held::lend(**found);
    return Held(**found);
  }

  // True if a ?. before, or this one, met nil: then the rest of the chain is left out.
  bool broken(const Node& node, const Held& owner) {
    broken_ = broken_ || (node.optional && owner->isNull());
    return broken_;
  }

  Result<Held> member(const Node& node) {
    const Result<Held> owner = run(*node.children[0]);
    if (!owner) return owner;
    if (broken(node, *owner)) return Held(Value());
    if (Result<void> done = budget_.work((*owner)->asObject().size() / 8); !done) return std::unexpected(done.error());
    return part(*owner, Value(node.text));
  }

  Result<Held> index(const Node& node) {
    const Result<Held> owner = run(*node.children[0]);
    if (!owner) return owner;
    if (broken(node, *owner)) return Held(Value());
    const Result<Held> key = run(*node.children[1]);
    if (!key) return key;
    if (Result<void> done = budget_.work((*owner)->asObject().size() / 8); !done) return std::unexpected(done.error());
    return part(*owner, **key);
  }

  Result<Held> slice(const Node& node) {
    const Result<Held> owner = run(*node.children[0]);
    if (!owner) return owner;
    if (broken(node, *owner)) return Held(Value());
    const Result<Held> from = run(*node.children[1]);
    if (!from) return from;
    const Result<Held> to = run(*node.children[2]);
    if (!to) return to;
    return own(expr::slice(**owner, **from, **to));
  }

  Result<Held> chain(const Node& node) {
    Result<Held> value = run(*node.children[0]);
    broken_ = false;
    return value;
  }

  Result<Held> call(const Node& node) {
    const Builtin& builtin = *findBuiltin(node.text);
    std::vector<Held> arguments;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      if (wanted(builtin, i) == 'p') {
        arguments.push_back(Held(Value()));  // asked for each element
        continue;
      }
      Result<Held> argument = run(*node.children[i]);
      if (!argument) return argument;
      if (wanted(builtin, i) == 'k' && (*argument)->isDouble()) {
        const std::optional<std::int64_t> whole = wholeOf(**argument);
        if (whole) argument = Held(Value(static_cast<long long>(*whole)));
      }
      if (Result<void> good = fits(builtin, i, **argument); !good) return std::unexpected(good.error());
      arguments.push_back(std::move(*argument));
    }
    if (isPredicate(builtin)) return ask(node, arguments);
    Call made(arguments, result_, now_, budget_);
    return own(builtin.call(made));
  }

  Result<Held> method(const Node& node) {
    std::vector<Held> arguments;
    std::vector<Type> types;
    for (const std::unique_ptr<Node>& child : node.children) {
      Result<Held> argument = run(*child);
      if (!argument) return argument;
      if (arguments.empty() && broken(node, *argument)) return Held(Value());
      types.push_back(typeOf(**argument));
      arguments.push_back(std::move(*argument));
    }
    const Builtin* const found = findMethod(types.front(), node.text);
    if (found == nullptr) {
      return fail(ErrorKind::kInvalid, fmt::format("type {} has no method {}", toString(types.front()), node.text));
    }
    if (std::optional<std::string> message = misfit(*found, types)) {
      return fail(ErrorKind::kInvalid, std::move(*message));
    }
    Call made(arguments, result_, now_, budget_);
    return own(found->call(made));
  }

  Result<void> fits(const Builtin& builtin, std::size_t index, const Value& argument) {
    if (std::optional<std::string> message = misfit(builtin, index, typeOf(argument))) {
      return fail(ErrorKind::kInvalid, std::move(*message));
    }
    return budget_.work(breadth(argument));
  }

  Result<Held> ask(const Node& node, const std::vector<Held>& arguments) {
    Ask ask;
    if (node.children.size() > 1) {
      ask = [&](const Element& element) {
        elements_.push_back(element);
        Result<Held> answer = run(*node.children[1]);
        elements_.pop_back();
        return answer;
      };
    }
    const Value* third = arguments.size() > 2 ? &*arguments[2] : nullptr;
    return own(applyPredicate({node.text, arguments[0]->asArray(), ask, third, budget_}));
  }

  Result<Held> let(const Node& node) {
    Result<Held> value = run(*node.children[0]);
    if (!value) return value;
    const Held kept = std::move(*value);
    variables_.push_back({node.text, &*kept});
    Result<Held> body = run(*node.children[1]);
    variables_.pop_back();
    if (!body) return body;
    // What it lends may go with the variable.
    return Held(std::move(*body).take());
  }

  Result<Held> sequence(const Node& node) {
    Result<Held> value = Held(Value());
    for (const std::unique_ptr<Node>& child : node.children) {
      value = run(*child);
      if (!value) return value;
    }
    return value;
  }

  struct Variable {
    std::string_view name;
    const Value* value;
  };

  const Value& result_;
  const WallTime now_;
  Budget budget_;
  std::vector<Variable> variables_;
  std::vector<Element> elements_;  // of the predicates around, innermost last
  bool broken_ = false;
  bool located_ = false;
};

}  // namespace

Result<Value> evaluateTree(const Node& root, const Value& result, WallTime now) {
  Evaluation evaluation(result, now);
  Result<Held> value = evaluation.run(root);
  if (!value) return std::unexpected(value.error());
  return std::move(*value).take();
}

}  // namespace towpath::expr
