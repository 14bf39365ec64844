#include "engine/expr/parser.h"

#include <algorithm>
#include <array>

#include "engine/expr/builtins.h"
#include "engine/expr/expr.h"
#include "engine/expr/lexer.h"
#include "engine/expr/precedence.h"

namespace towpath::expr {
namespace {

using Tree = Result<std::unique_ptr<Node>>;

constexpr std::array<std::string_view, 5> kNegatable = {"in", "contains", "startsWith", "endsWith", "matches"};
// Words that are no names of variables.
constexpr std::array<std::string_view, 16> kReserved = {
    "let", "if",       "else",       "in",       "not",     "and",   "or",     "true",
    "nil", "contains", "startsWith", "endsWith", "matches", "false", "result", "$env"};

template <class Texts>
bool contains(const Texts& texts, std::string_view text) {
  return std::ranges::find(texts, text) != texts.end();
}

class Parser {
 public:
  Parser(std::string_view source, std::vector<Token> tokens, Names names)
      : source_(source), tokens_(std::move(tokens)), names_(names) {}

  Tree run() {
    Tree tree = sequence();
    if (tree && peek().kind != TokenKind::kEnd) return unexpected();
    return tree;
  }

 private:
  // Counts the nesting on the way in and out.
  struct Nested {
    explicit Nested(int& counter) : depth(counter) { ++depth; }
    ~Nested() { --depth; }
    int& depth;
  };

  const Token& peek() const { return tokens_[at_]; }
  Token take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool is(std::string_view text) const {
    return (peek().kind == TokenKind::kOperator || peek().kind == TokenKind::kName) && peek().text == text;
  }
  bool accept(std::string_view text) {
    if (!is(text)) return false;
    take();
    return true;
  }

  std::unexpected<Error> failAt(const Token& token, std::string message) const {
    return std::unexpected(errorAt(source_, token.offset, std::move(message)));
  }
  std::unexpected<Error> unexpected() const {
    const Token& token = peek();
    if (token.kind == TokenKind::kEnd) return failAt(token, "the expression ends too early");
    const bool literal = token.kind != TokenKind::kName && token.kind != TokenKind::kOperator;
    return failAt(token, fmt::format("unexpected \"{}\"", literal ? std::string_view("literal") : token.text));
  }
  std::unexpected<Error> expected(std::string_view what) const {
    return failAt(peek(), fmt::format("expected \"{}\"", what));
  }

  Tree make(const Token& token, NodeKind kind, std::string text = "") {
    if (++nodes_ > kMaxNodes) return failAt(token, fmt::format("more than {} terms", kMaxNodes));
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->text = std::move(text);
    const std::string position = errorAt(source_, token.offset, "").message;
    node->position = position.substr(0, position.size() - 2);
    return node;
  }

  Tree literal(const Token& token, Value value) {
    Tree node = make(token, NodeKind::kLiteral);
    if (node) (*node)->value = std::move(value);
    return node;
  }

  // Adds the children, and minds the height.
  template <class... Children>
  Tree with(const Token& token, Tree node, Children... children) {
    if (!node) return node;
    (adopt(**node, std::move(children)), ...);
    if ((*node)->height > kMaxHeight) {
      return failAt(token, fmt::format("more than {} operations in a row", kMaxHeight));
    }
    return node;
  }

  static void adopt(Node& node, std::unique_ptr<Node> child) {
    node.height = std::max(node.height, child->height + 1);
    node.children.push_back(std::move(child));
  }

  // a; b; c   (and "a;" at the end)
  Tree sequence() {
    const Token start = peek();
    Tree first = expression(0);
    if (!first || !is(";")) return first;
    Tree node = with(start, make(start, NodeKind::kSequence), std::move(*first));
    while (node && accept(";")) {
      if (peek().kind == TokenKind::kEnd) break;
      Tree next = expression(0);
      if (!next) return next;
      node = with(start, std::move(node), std::move(*next));
    }
    return node;
  }

  // At precedence 0 also `let`, `if`, pipes and ?:.
  Tree expression(int least) {
    const Nested nested(depth_);
    if (depth_ > kMaxDepth) return failAt(peek(), fmt::format("nested deeper than {}", kMaxDepth));
    if (least == 0 && is("let")) return let();
    if (least == 0 && is("if")) return conditional();
    Tree left = binary(least);
    while (left && least == 0 && is("?")) left = choice(std::move(*left));
    return left;
  }

  Tree binary(int least) {
    Tree left = unary();
    std::string_view previous;
    while (left) {
      if (least == 0 && is("|")) {
        left = pipe(std::move(*left));
        previous = "|";
        continue;
      }
      const bool negated = negates();
      const Operator* op = binaryOperator(negated ? tokens_[at_ + 1] : peek());
      if (op == nullptr || op->precedence < least) return left;
      // The peer's language refuses "a ?? b < c" as well: what it means is not plain.
      if (previous == "??" && op->text != "??") {
        return failAt(peek(), "\"??\" beside another operator needs parentheses");
      }
      previous = op->text;
      left = isOrdering(op->text) ? comparisons(std::move(*left)) : extend(std::move(*left), *op, negated);
    }
    return left;
  }

  // Whether "not" stands before an operator that it belongs to: a not in b.
  bool negates() const {
    if (!is("not") || at_ + 1 >= tokens_.size()) return false;
    return contains(kNegatable, tokens_[at_ + 1].text);
  }

  // left OP right; `not in` and its like are the negation of OP.
  Tree extend(std::unique_ptr<Node> left, const Operator& op, bool negated) {
    if (negated) take();
    const Token token = take();
    Tree right = expression(op.right ? op.precedence : op.precedence + 1);
    if (!right) return right;
    Tree node = with(token, make(token, NodeKind::kBinary, canonical(op.text)), std::move(left), std::move(*right));
    if (!node || !negated) return node;
    return with(token, make(token, NodeKind::kUnary, "!"), std::move(*node));
  }

  // a < b, and a < b <= c, which is (a < b) and (b <= c).
  Tree comparisons(std::unique_ptr<Node> left) {
    const Token first = peek();
    std::vector<std::string> operators;
    Tree node = with(first, make(first, NodeKind::kComparisons), std::move(left));
    while (node && isOrdering(peek().text) && peek().kind == TokenKind::kOperator) {
      operators.push_back(take().text);
      Tree right = expression(21);
      if (!right) return right;
      node = with(first, std::move(node), std::move(*right));
    }
    if (!node) return node;
    if (operators.size() == 1) {
      (*node)->kind = NodeKind::kBinary;
      (*node)->text = operators.front();
    } else {
      (*node)->operators = std::move(operators);
    }
    return node;
  }

  static std::string canonical(std::string_view op) {
    if (op == "or") return "||";
    if (op == "and") return "&&";
    if (op == "^") return "**";
    return std::string(op);
  }

  // a ? b : c, and a ?: c, which is a ? a : c.
  Tree choice(std::unique_ptr<Node> condition) {
    const Token mark = take();
    if (accept(":")) {
      Tree otherwise = expression(0);
      if (!otherwise) return otherwise;
      return with(mark, make(mark, NodeKind::kChoice), std::move(condition), std::move(*otherwise));
    }
    Tree yes = expression(0);
    if (!yes) return yes;
    if (!accept(":")) return failAt(peek(), "expected \":\" of the choice");
    Tree no = expression(0);
    if (!no) return no;
    return with(mark, make(mark, NodeKind::kChoice), std::move(condition), std::move(*yes), std::move(*no));
  }

  // if a { b } else { c }
  Tree conditional() {
    const Token mark = take();
    Tree condition = expression(0);
    if (!condition) return condition;
    Tree yes = braced();
    if (!yes) return yes;
    if (!accept("else")) return expected("else");
    Tree no = is("if") ? expression(0) : braced();
    if (!no) return no;
    return with(mark, make(mark, NodeKind::kChoice), std::move(*condition), std::move(*yes), std::move(*no));
  }

  Tree braced() {
    if (!accept("{")) return expected("{");
    Tree inner = sequence();
    if (inner && !accept("}")) return expected("}");
    return inner;
  }

  // let x = value; body
  Tree let() {
    take();
    const Token name = take();
    if (name.kind != TokenKind::kName) return failAt(name, "expected a name after let");
    const bool taken =
        contains(kReserved, name.text) || findBuiltin(name.text) != nullptr || contains(variables_, name.text);
    if (taken) return failAt(name, fmt::format("cannot redeclare {}: choose another name", name.text));
    if (!accept("=")) return expected("=");
    Tree value = expression(0);
    if (!value) return value;
    if (!accept(";")) return failAt(peek(), "expected \";\" after the value of the variable");
    variables_.push_back(name.text);
    Tree body = sequence();
    variables_.pop_back();
    if (!body) return body;
    return with(name, make(name, NodeKind::kLet, name.text), std::move(*value), std::move(*body));
  }

  // x | f(y) is f(x, y)
  Tree pipe(std::unique_ptr<Node> left) {
    take();
    const Token name = take();
    if (name.kind != TokenKind::kName || !is("(")) return failAt(name, "expected a function after \"|\": x | f()");
    Tree node = call(name, std::move(left));
    return node ? postfix(std::move(*node)) : std::move(node);
  }

  Tree unary() {
    const int precedence = unaryPrecedence(peek());
    if (precedence < 0) {
      Tree node = primary();
      return node ? postfix(std::move(*node)) : std::move(node);
    }
    const Token token = take();
    Tree operand = expression(precedence);
    if (!operand) return operand;
    return with(token, make(token, NodeKind::kUnary, token.text == "not" ? "!" : token.text), std::move(*operand));
  }

  // a.b  a?.b  a[i]  a?.[i]  a[from:to]
  Tree postfix(std::unique_ptr<Node> owner) {
    const Token start = peek();
    Tree node = std::move(owner);
    bool chained = false;
    while (node) {
      if (is("[")) {
        node = index(std::move(*node), false);
      } else if (is(".") || is("?.")) {
        const bool optional = take().text == "?.";
        chained = chained || optional;
        node = optional && is("[") ? index(std::move(*node), true) : member(std::move(*node), optional);
      } else {
        return chained ? with(start, make(start, NodeKind::kChain), std::move(*node)) : std::move(node);
      }
    }
    return node;
  }

  Tree member(std::unique_ptr<Node> owner, bool optional) {
    if (peek().kind != TokenKind::kName) return failAt(peek(), "expected a name after \".\"");
    const Token name = take();
    Tree node = make(name, is("(") ? NodeKind::kMethod : NodeKind::kMember, name.text);
    if (node) (*node)->optional = optional;
    node = with(name, std::move(node), std::move(owner));
    if (node && accept("(")) node = arguments(name, std::move(*node), nullptr);
    return node;
  }

  Tree index(std::unique_ptr<Node> owner, bool optional) {
    const Token bracket = take();
    Tree from = is(":") ? literal(bracket, Value()) : expression(0);
    if (!from) return from;
    if (accept(":")) {
      Tree to = is("]") ? literal(bracket, Value()) : expression(0);
      if (!to) return to;
      if (!accept("]")) return expected("]");
      return with(bracket, make(bracket, NodeKind::kSlice), std::move(owner), std::move(*from), std::move(*to));
    }
    if (!accept("]")) return expected("]");
    Tree node = make(bracket, NodeKind::kIndex);
    if (node) (*node)->optional = optional;
    return with(bracket, std::move(node), std::move(owner), std::move(*from));
  }

  Tree primary() {
    const Token token = peek();
    switch (token.kind) {
      case TokenKind::kNumber:
      case TokenKind::kString:
      case TokenKind::kBytes:
        take();
        return literal(token, token.value);
      case TokenKind::kName:
        return named();
      case TokenKind::kOperator:
        return bracketed();
      case TokenKind::kEnd:
        return unexpected();
    }
    return unexpected();
  }

  Tree bracketed() {
    if (accept("(")) {
      Tree inner = sequence();
      if (inner && !accept(")")) return expected(")");
      return inner;
    }
    if (is("[")) return list();
    if (is("{")) return map();
    if (is("#") || is(".")) return pointer();
    if (accept("::")) {
      const Token name = take();
      if (name.kind != TokenKind::kName || !is("(")) return failAt(name, "expected a function after \"::\"");
      return call(name);
    }
    return unexpected();
  }

  // #, #index, #acc, and .field, which is #.field: postfix() takes the dot.
  Tree pointer() {
    if (predicates_ == 0) {
      return failAt(peek(),
                    fmt::format("\"{}\" has a meaning inside a predicate only, as in all(result, # < 1)", peek().text));
    }
    const Token token = peek();
    if (!accept("#")) return make(token, NodeKind::kPointer);
    if (peek().kind != TokenKind::kName || peek().offset != token.offset + 1) return make(token, NodeKind::kPointer);
    const Token name = take();
    if (name.text != "index" && name.text != "acc") {
      return failAt(token, fmt::format("unknown pointer #{}: there are #, #index and #acc", name.text));
    }
    return make(token, NodeKind::kPointer, name.text);
  }

  Tree named() {
    const Token token = take();
    if (token.text == "true" || token.text == "false") return literal(token, Value(token.text == "true"));
    if (token.text == "nil") return literal(token, Value());
    if (is("(")) return call(token);
    if (token.text == "result" && names_ == Names::kResult) return make(token, NodeKind::kResult);
    if (contains(variables_, token.text)) return make(token, NodeKind::kVariable, token.text);
    if (token.text == "$env") return environment(token);
    if (binaryOperator(token) != nullptr || token.text == "let" || token.text == "if" || token.text == "else") {
      return failAt(token, fmt::format("unexpected \"{}\"", token.text));
    }
    return failAt(token, fmt::format("unknown name {}", token.text));
  }

  // What conditions can look at, as a map.
  Tree environment(const Token& token) {
    if (names_ == Names::kNone) return make(token, NodeKind::kMap);
    Tree name = literal(token, Value("result"));
    Tree result = make(token, NodeKind::kResult);
    if (!name || !result) return name ? std::move(result) : std::move(name);
    return with(token, make(token, NodeKind::kMap), std::move(*name), std::move(*result));
  }

  // `piped` is the first argument, of a pipe.
  Tree call(const Token& name, std::unique_ptr<Node> piped = nullptr) {
    const Builtin* builtin = findBuiltin(name.text);
    if (builtin == nullptr) return failAt(name, fmt::format("unknown function {}", name.text));
    take();
    Tree node = make(name, NodeKind::kCall, name.text);
    if (node && piped) node = with(name, std::move(node), std::move(piped));
    if (node) node = arguments(name, std::move(*node), builtin);
    if (!node) return node;
    const std::size_t count = (*node)->children.size();
    if (count >= builtin->least && count <= builtin->most) return node;
    const std::string range = builtin->least == builtin->most ? fmt::format("{}", builtin->least)
                              : builtin->most == kAnyNumber   ? fmt::format("{} or more", builtin->least)
                                                              : fmt::format("{} to {}", builtin->least, builtin->most);
    return failAt(name, fmt::format("{} takes {} argument(s), not {}", name.text, range, count));
  }

  // What stands before the closing parenthesis, behind the children that the call has already. `builtin` is null for a
  // method.
  Tree arguments(const Token& name, std::unique_ptr<Node> call, const Builtin* builtin) {
    const std::size_t before = call->children.size();
    Tree node = std::move(call);
    while (node && !accept(")")) {
      if ((*node)->children.size() > before && !accept(",")) return failAt(peek(), "expected \",\" or \")\"");
      if (accept(")")) break;
      const bool asks = builtin != nullptr && isPredicate(*builtin) && (*node)->children.size() == 1;
      Tree argument = asks ? predicate() : expression(0);
      if (!argument) return argument;
      node = with(name, std::move(node), std::move(*argument));
    }
    return node;
  }

  // # > 1   or   { # > 1 }
  Tree predicate() {
    const Token start = peek();
    ++predicates_;
    Tree inner = is("{") ? braced() : expression(0);
    --predicates_;
    if (!inner) return inner;
    return with(start, make(start, NodeKind::kPredicate), std::move(*inner));
  }

  Tree list() {
    const Token bracket = take();
    Tree node = make(bracket, NodeKind::kList);
    while (node && !accept("]")) {
      if (!(*node)->children.empty() && !accept(",")) return failAt(peek(), "expected \",\" or \"]\"");
      if (accept("]")) break;
      Tree element = expression(0);
      if (!element) return element;
      node = with(bracket, std::move(node), std::move(*element));
    }
    return node;
  }

  // {a: 1, "b c": 2, (name): 3}
  Tree map() {
    const Token brace = take();
    Tree node = make(brace, NodeKind::kMap);
    while (node && !accept("}")) {
      if (!(*node)->children.empty() && !accept(",")) return failAt(peek(), "expected \",\" or \"}\"");
      if (accept("}")) break;
      Tree key = mapKey();
      if (!key) return key;
      if (!accept(":")) return failAt(peek(), "expected \":\" after the key");
      Tree value = expression(0);
      if (!value) return value;
      node = with(brace, std::move(node), std::move(*key), std::move(*value));
    }
    return node;
  }

  Tree mapKey() {
    const Token token = peek();
    if (is("(")) return expression(0);
    take();
    if (token.kind == TokenKind::kString) return literal(token, token.value);
    if (token.kind == TokenKind::kName || token.kind == TokenKind::kNumber) return literal(token, Value(token.text));
    return failAt(token, "a key of a map is a name, a string, a number or an expression in parentheses");
  }

  std::string_view source_;
  std::vector<Token> tokens_;
  Names names_;
  std::vector<std::string> variables_;  // of the `let`s around, innermost last
  std::size_t at_ = 0;
  int depth_ = 0;
  int predicates_ = 0;  // how many are around
  int nodes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Node>> parseTree(std::string_view source, Names names) {
  if (source.size() > kMaxLength) {
    return fail(ErrorKind::kInvalid, fmt::format("1:1: the expression is longer than {} bytes", kMaxLength));
  }
  Result<std::vector<Token>> tokens = tokenize(source);
  if (!tokens) return std::unexpected(tokens.error());
  return Parser(source, std::move(*tokens), names).run();
}

}  // namespace towpath::expr
