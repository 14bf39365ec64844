#include "json/parse.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <iterator>
#include <span>
#include <unordered_map>

#include "json/field.h"

namespace towpath::json {

namespace {

namespace bj = boost::json;
using Member = Object::Member;

constexpr std::size_t kPairwise = 32;  // members up to which comparing each with each beats hashing

// True if length, first and last letter alone tell the keys apart, as they nearly always do.
bool areDistinct(std::span<const Member> members) {
  std::uint64_t seen = 0;
  for (const Member& member : members) {
    const std::string& key = member.key;
    const std::size_t mark = key.empty() ? 0
                                         : key.size() * 7 + static_cast<unsigned char>(key.front()) * 3 +
                                               static_cast<unsigned char>(key.back());
    const std::uint64_t bit = std::uint64_t{1} << (mark % 64);
    if (seen & bit) return false;
    seen |= bit;
  }
  return true;
}

// Builds a Value from the events of the parser. Members and elements gather on one stack and are moved into a container
// of the exact size when it ends, so that kept objects carry no spare capacity.
class Builder {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit Builder(const ParseOptions& options) : options_(options) {
    // What most documents need at once.
    stack_.reserve(64);
    frames_.reserve(16);
  }

  // The document; only after a parse without error.
  Value take() { return std::move(stack_.front().value); }
  // Set if we, not the parser, refused the text.
  const std::string& refusal() const { return refusal_; }
  ErrorKind refusalKind() const { return refusal_kind_; }

  bool on_document_begin(bj::error_code&) { return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code&) { return begin(false); }
  bool on_array_begin(bj::error_code&) { return begin(true); }
  bool on_object_end(std::size_t, bj::error_code&);
  bool on_array_end(std::size_t, bj::error_code&);

  bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) { return addPart(part); }
  bool on_key(bj::string_view part, std::size_t, bj::error_code& ec);
  bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) { return addPart(part); }
  bool on_string(bj::string_view part, std::size_t, bj::error_code&);

  bool on_number_part(bj::string_view part, bj::error_code&) { return addPart(part); }
  bool on_int64(std::int64_t number, bj::string_view, bj::error_code&) {
    text_.clear();
    return add(Value(static_cast<long long>(number)));
  }
  bool on_uint64(std::uint64_t number, bj::string_view, bj::error_code&) {
    text_.clear();
    return add(Value(static_cast<double>(number)));
  }
  bool on_double(double number, bj::string_view part, bj::error_code& ec);
  bool on_bool(bool value, bj::error_code&) { return add(Value(value)); }
  bool on_null(bj::error_code&) { return add(Value()); }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }

 private:
  struct Frame {
    std::size_t start = 0;  // of its members on the stack
    bool is_array = false;
  };

  bool begin(bool is_array);
  bool add(Value value);
  bool addPart(bj::string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool refuse(ErrorKind kind, std::string why, bj::error_code& ec) {
    refusal_kind_ = kind;
    refusal_ = std::move(why);
    ec = bj::error::syntax;
    return false;
  }
  bool isManagedFields(std::string_view key) const;
  void dropDuplicates(const Frame& frame);
  void dropDuplicate(std::size_t first, std::size_t again);
  void report(const std::string& key);
  std::string path() const;

  const ParseOptions& options_;
  std::vector<Member> stack_;
  std::vector<Frame> frames_;
  std::string text_;               // parts of the key, string or number that is being read
  std::size_t skipped_depth_ = 0;  // containers open within a skipped member
  bool is_skipping_next_ = false;  // the next value belongs to a skipped key
  std::string refusal_;
  ErrorKind refusal_kind_ = ErrorKind::kInvalid;
};

bool Builder::begin(bool is_array) {
  if (is_skipping_next_ || skipped_depth_ > 0) {
    is_skipping_next_ = false;
    ++skipped_depth_;
    return true;
  }
  frames_.push_back({stack_.size(), is_array});
  return true;
}

bool Builder::add(Value value) {
  if (skipped_depth_ > 0) return true;
  if (is_skipping_next_) {
    is_skipping_next_ = false;
    return true;
  }
  if (!frames_.empty() && !frames_.back().is_array) {
    stack_.back().value = std::move(value);
  } else {
    stack_.emplace_back(Member{std::string(), std::move(value)});
  }
  return true;
}

bool Builder::on_object_end(std::size_t, bj::error_code&) {
  if (skipped_depth_ > 0) {
    --skipped_depth_;
    return true;
  }
  dropDuplicates(frames_.back());
  const auto start = stack_.begin() + static_cast<std::ptrdiff_t>(frames_.back().start);
  std::vector<Member> members(std::make_move_iterator(start), std::make_move_iterator(stack_.end()));
  stack_.erase(start, stack_.end());
  frames_.pop_back();
  return add(Value(Object(std::move(members))));
}

bool Builder::on_array_end(std::size_t, bj::error_code&) {
  if (skipped_depth_ > 0) {
    --skipped_depth_;
    return true;
  }
  const std::size_t start = frames_.back().start;
  Array array;
  array.reserve(stack_.size() - start);
  for (std::size_t i = start; i < stack_.size(); ++i) array.push_back(std::move(stack_[i].value));
  stack_.resize(start);
  frames_.pop_back();
  return add(Value(std::move(array)));
}

bool Builder::on_key(bj::string_view part, std::size_t, bj::error_code& ec) {
  if (skipped_depth_ > 0) {
    text_.clear();
    return true;
  }
  text_.append(part.data(), part.size());
  if (isManagedFields(text_)) {
    is_skipping_next_ = true;
  } else if (stack_.size() - frames_.back().start >= options_.max_members) {
    return refuse(ErrorKind::kTooLarge, fmt::format("an object has more than {} members", options_.max_members), ec);
  } else {
    stack_.emplace_back(Member{text_, Value()});
  }
  text_.clear();
  return true;
}

bool Builder::on_string(bj::string_view part, std::size_t, bj::error_code&) {
  if (text_.empty()) return add(Value(std::string_view(part.data(), part.size())));
  text_.append(part.data(), part.size());
  std::string whole;
  whole.swap(text_);
  return add(Value(std::move(whole)));
}

// The parser's own conversion is one unit off for some numbers of 17 digits, so the text is read again.
bool Builder::on_double(double number, bj::string_view part, bj::error_code& ec) {
  text_.append(part.data(), part.size());
  double exact = 0;
  const auto result = std::from_chars(text_.data(), text_.data() + text_.size(), exact);
  if (result.ec == std::errc::result_out_of_range) {
    if (std::fabs(number) > 1) return refuse(ErrorKind::kInvalid, "the number " + text_ + " is out of range", ec);
    exact = 0;  // too near to zero to be told from it
  }
  text_.clear();
  return add(Value(exact));
}

// metadata.managedFields of the document, or of an entry of its `items`; of the `object` of an event.
bool Builder::isManagedFields(std::string_view key) const {
  if (options_.managed_fields == ManagedFields::kKeep || key != "managedFields") return false;
  const auto isMember = [&](std::size_t frame, std::string_view name) {
    const std::size_t start = frames_[frame].start;
    return start > 0 && stack_[start - 1].key == name;
  };
  if (options_.managed_fields == ManagedFields::kSkipInEvent)
    return frames_.size() == 3 && isMember(1, "object") && isMember(2, "metadata");
  if (frames_.size() == 2) return isMember(1, "metadata");
  return frames_.size() == 4 && isMember(3, "metadata") && frames_[1].is_array && isMember(1, "items");
}

void Builder::dropDuplicates(const Frame& frame) {
  const std::size_t count = stack_.size() - frame.start;
  if (count <= kPairwise) {
    if (areDistinct(std::span(stack_).subspan(frame.start))) return;
    for (std::size_t again = frame.start + 1; again < stack_.size(); ++again) {
      for (std::size_t first = frame.start; first < again; ++first) {
        if (stack_[first].key != stack_[again].key) continue;
        dropDuplicate(first, again);
        --again;
        break;
      }
    }
    return;
  }
  std::unordered_map<std::string_view, std::size_t> places;
  places.reserve(count);
  std::size_t kept = frame.start;
  for (std::size_t at = frame.start; at < stack_.size(); ++at) {
    // Keys below `kept` stay where they are, so the views into them stay good.
    const auto found = places.find(stack_[at].key);
    if (found != places.end()) {
      report(stack_[at].key);
      stack_[found->second].value = std::move(stack_[at].value);
      continue;
    }
    if (kept != at) stack_[kept] = std::move(stack_[at]);
    places.emplace(stack_[kept].key, kept);
    ++kept;
  }
  stack_.resize(kept);
}

void Builder::dropDuplicate(std::size_t first, std::size_t again) {
  report(stack_[again].key);
  stack_[first].value = std::move(stack_[again].value);
  stack_.erase(stack_.begin() + static_cast<std::ptrdiff_t>(again));
}

void Builder::report(const std::string& key) {
  if (!options_.duplicates || options_.duplicates->size() >= kMaxDuplicates) return;
  options_.duplicates->push_back(joinPath(path(), key));
}

// Of the innermost open container.
std::string Builder::path() const {
  std::string text;
  for (std::size_t i = 1; i < frames_.size(); ++i) {
    const Frame& outer = frames_[i - 1];
    text = outer.is_array ? joinPath(text, frames_[i].start - outer.start)
                          : joinPath(text, stack_[frames_[i].start - 1].key);
  }
  return text;
}

std::string describeSyntax(std::string_view text, std::size_t at) {
  if (at >= text.size()) return "the text ends too early";
  const auto byte = static_cast<unsigned char>(text[at]);
  return byte >= 0x20 && byte < 0x7f ? fmt::format("unexpected '{}'", text[at])
                                     : fmt::format("unexpected byte 0x{:02x}", byte);
}

std::unexpected<Error> failAt(ErrorKind kind, std::string_view text, std::size_t at, std::string_view why) {
  const std::string_view before = text.substr(0, at);
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  const std::size_t last_break = before.rfind('\n');
  const std::size_t column = last_break == std::string_view::npos ? at + 1 : at - last_break;
  return fail(kind, fmt::format("invalid JSON at line {}, column {} (byte {}): {}", line, column, at, why));
}

}  // namespace

Result<Value> parse(std::string_view text, const ParseOptions& options) {
  bj::parse_options parser_options;
  parser_options.max_depth = options.max_depth;
  bj::basic_parser<Builder> parser(parser_options, options);
  bj::error_code ec;
  const std::size_t at = parser.write_some(false, text.data(), text.size(), ec);
  if (ec) {
    const Builder& builder = parser.handler();
    if (!builder.refusal().empty()) return failAt(builder.refusalKind(), text, at, builder.refusal());
    if (ec == bj::error::too_deep) {
      return failAt(ErrorKind::kTooLarge, text, at, fmt::format("nested deeper than {} levels", options.max_depth));
    }
    const bool is_plain = ec == bj::error::syntax || ec == bj::error::incomplete;
    return failAt(ErrorKind::kInvalid, text, at, is_plain ? describeSyntax(text, at) : ec.message());
  }
  if (at < text.size()) return failAt(ErrorKind::kInvalid, text, at, describeSyntax(text, at) + " after the end");
  return parser.handler().take();
}

Value withDoubles(Value value) {
  if (const std::int64_t* number = value.ifInt()) return static_cast<double>(*number);
  if (Array* array = value.ifArray()) {
    for (Value& item : *array) item = withDoubles(std::move(item));
  } else if (Object* object = value.ifObject()) {
    for (auto& [key, member] : *object) member = withDoubles(std::move(member));
  }
  return value;
}

}  // namespace towpath::json
