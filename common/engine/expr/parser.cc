#include "engine/expr/parser.h"

#include <array>

#include "engine/expr/builtins.h"
#include "engine/expr/expr.h"
#include "engine/expr/lexer.h"

namespace towpath::expr {
namespace {

using Tree = Result<std::unique_ptr<Node>>;

struct Operator {
  std::string_view text;
  int precedence;
  bool right = false;
};

constexpr std::array<Operator, 23> kBinary = {
    {{"||", 10},         {"or", 10},       {"&&", 15},        {"and", 15},      {"==", 20}, {"!=", 20},
     {"<", 20},          {">", 20},        {"<=", 20},        {">=", 20},       {"in", 20}, {"contains", 20},
     {"startsWith", 20}, {"endsWith", 20}, {"matches", 20},   {"+", 30},        {"-", 30},  {"*", 60},
     {"/", 60},          {"%", 60},        {"**", 100, true}, {"^", 100, true}, {"??", 500}}};

const Operator* binaryOperator(const Token& token) {
  if (token.kind != TokenKind::kOperator && token.kind != TokenKind::kName) return nullptr;
  const auto found = std::ranges::find(kBinary, token.text, &Operator::text);
  return found == kBinary.end() ? nullptr : &*found;
}

int unaryPrecedence(const Token& token) {
  if (token.text == "!" || (token.kind == TokenKind::kName && token.text == "not")) return 50;
  if (token.kind == TokenKind::kOperator && (token.text == "-" || token.text == "+")) return 90;
  return -1;
}

class Parser {
 public:
  Parser(std::string_view source, std::vector<Token> tokens) : source_(source), tokens_(std::move(tokens)) {}

  Tree run() {
    Tree tree = choice();
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
    const std::string_view text = token.text.empty() ? std::string_view("literal") : std::string_view(token.text);
    return failAt(token, fmt::format("unexpected \"{}\"", text));
  }

  Tree make(const Token& token, NodeKind kind, std::string text) {
    if (++nodes_ > kMaxNodes) return failAt(token, fmt::format("more than {} terms", kMaxNodes));
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->text = std::move(text);
    const std::string position = errorAt(source_, token.offset, "").message;
    node->position = position.substr(0, position.size() - 2);
    return node;
  }

  // Adds the children, and minds the height.
  template <class... Children>
  Tree with(const Token& token, Tree node, Children... children) {
    if (!node) return node;
    const auto add = [&](std::unique_ptr<Node> child) {
      (*node)->height = std::max((*node)->height, child->height + 1);
      (*node)->children.push_back(std::move(child));
    };
    (add(std::move(children)), ...);
    if ((*node)->height > kMaxHeight) return failAt(token, fmt::format("more than {} terms in a row", kMaxHeight));
    return node;
  }

  // condition ? a : b
  Tree choice() {
    const Nested nested(depth_);
    if (depth_ > kMaxDepth) return failAt(peek(), fmt::format("nested deeper than {}", kMaxDepth));
    Tree condition = binary(0);
    if (!condition || !is("?")) return condition;
    const Token mark = take();
    Tree yes = choice();
    if (!yes) return yes;
    if (!accept(":")) return failAt(peek(), "expected \":\" of the choice");
    Tree no = choice();
    if (!no) return no;
    return with(mark, make(mark, NodeKind::kChoice, "?"), std::move(*condition), std::move(*yes), std::move(*no));
  }

  Tree binary(int least) {
    const Nested nested(depth_);
    if (depth_ > kMaxDepth) return failAt(peek(), fmt::format("nested deeper than {}", kMaxDepth));
    Tree left = unary();
    std::string_view previous;
    while (left) {
      const bool negated = is("not") && at_ + 1 < tokens_.size() && binaryOperator(tokens_[at_ + 1]) != nullptr;
      const Operator* op = binaryOperator(negated ? tokens_[at_ + 1] : peek());
      if (op == nullptr || op->precedence < least) return left;
      // The peer's language refuses "a ?? b < c" as well: what it means is not plain.
      if (!previous.empty() && (previous == "??") != (op->text == "??")) {
        return failAt(peek(), "\"??\" beside another operator needs parentheses");
      }
      previous = op->text;
      left = extend(std::move(*left), *op, negated);
    }
    return left;
  }

  // left OP right; `not in` and its like are the negation of OP.
  Tree extend(std::unique_ptr<Node> left, const Operator& op, bool negated) {
    if (negated) take();
    const Token token = take();
    Tree right = binary(op.right ? op.precedence : op.precedence + 1);
    if (!right) return right;
    Tree node = with(token, make(token, NodeKind::kBinary, canonical(op.text)), std::move(left), std::move(*right));
    if (!node || !negated) return node;
    return with(token, make(token, NodeKind::kUnary, "!"), std::move(*node));
  }

  static std::string canonical(std::string_view op) {
    if (op == "or") return "||";
    if (op == "and") return "&&";
    if (op == "^") return "**";
    return std::string(op);
  }

  Tree unary() {
    const int precedence = unaryPrecedence(peek());
    if (precedence < 0) return postfix();
    const Token token = take();
    Tree operand = binary(precedence);
    if (!operand) return operand;
    return with(token, make(token, NodeKind::kUnary, token.text == "not" ? "!" : token.text), std::move(*operand));
  }

  // a.b  a?.b  a[i]
  Tree postfix() {
    Tree node = primary();
    while (node) {
      if (is(".") || is("?.")) {
        node = member(std::move(*node));
      } else if (is("[")) {
        node = index(std::move(*node));
      } else {
        return node;
      }
    }
    return node;
  }

  Tree member(std::unique_ptr<Node> owner) {
    const Token dot = take();
    if (peek().kind != TokenKind::kName) return failAt(peek(), "expected a name after \".\"");
    const Token name = take();
    return with(name, make(name, dot.text == "." ? NodeKind::kMember : NodeKind::kOptional, name.text),
                std::move(owner));
  }

  Tree index(std::unique_ptr<Node> owner) {
    const Token bracket = take();
    Tree inner = choice();
    if (!inner) return inner;
    if (!accept("]")) return failAt(peek(), "expected \"]\"");
    return with(bracket, make(bracket, NodeKind::kIndex, "["), std::move(owner), std::move(*inner));
  }

  Tree primary() {
    const Token token = peek();
    switch (token.kind) {
      case TokenKind::kNumber:
      case TokenKind::kString: {
        take();
        Tree node = make(token, NodeKind::kLiteral, "");
        if (node) (*node)->value = token.value;
        return node;
      }
      case TokenKind::kName:
        return named();
      case TokenKind::kOperator:
        if (accept("(")) return parenthesis();
        if (is("[")) return list();
        return unexpected();
      case TokenKind::kEnd:
        return unexpected();
    }
    return unexpected();
  }

  Tree parenthesis() {
    Tree inner = choice();
    if (inner && !accept(")")) return failAt(peek(), "expected \")\"");
    return inner;
  }

  Tree named() {
    const Token token = take();
    if (token.text == "true" || token.text == "false" || token.text == "nil") {
      Tree node = make(token, NodeKind::kLiteral, "");
      if (node && token.text != "nil") (*node)->value = Value(token.text == "true");
      return node;
    }
    if (is("(")) return call(token);
    if (token.text == "result") return make(token, NodeKind::kResult, "result");
    return failAt(token, fmt::format("unknown name {}", token.text));
  }

  Tree call(const Token& name) {
    const Builtin* builtin = findBuiltin(name.text);
    if (builtin == nullptr) return failAt(name, fmt::format("unknown function {}", name.text));
    Tree node = make(name, NodeKind::kCall, name.text);
    take();
    if (node) node = elements(std::move(*node), ")");
    if (node && (*node)->children.size() != builtin->arguments) {
      return failAt(name, fmt::format("{} takes {} argument(s), not {}", name.text, builtin->arguments,
                                      (*node)->children.size()));
    }
    return node;
  }

  Tree list() {
    const Token bracket = take();
    Tree node = make(bracket, NodeKind::kList, "[");
    return node ? elements(std::move(*node), "]") : std::move(node);
  }

  Tree elements(std::unique_ptr<Node> owner, std::string_view close) {
    while (!accept(close)) {
      if (!owner->children.empty() && !accept(","))
        return failAt(peek(), fmt::format("expected \",\" or \"{}\"", close));
      Tree element = choice();
      if (!element) return element;
      owner->height = std::max(owner->height, (*element)->height + 1);
      owner->children.push_back(std::move(*element));
    }
    return owner;
  }

  std::string_view source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int nodes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Node>> parseTree(std::string_view source) {
  if (source.size() > kMaxLength) {
    return fail(ErrorKind::kInvalid, fmt::format("1:1: the expression is longer than {} bytes", kMaxLength));
  }
  Result<std::vector<Token>> tokens = tokenize(source);
  if (!tokens) return std::unexpected(tokens.error());
  return Parser(source, std::move(*tokens)).run();
}

}  // namespace towpath::expr
