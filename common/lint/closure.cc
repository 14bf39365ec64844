#include "lint/closure.h"

#include <fmt/format.h>

#include <algorithm>

#include "json/field.h"
#include "lint/metric.h"

namespace towpath::lint {
namespace {

const char* kindOf(const Value& ref) {
  return ref["clusterScope"].asBool() ? "ClusterAnalysisTemplate" : "AnalysisTemplate";
}

// Depth first. `way` is what has led here; a template is looked into once, so that this comes to an end.
class Collector {
 public:
  Collector(Closure& closure, std::string_view ns, const Documents& documents)
      : closure_(closure), ns_(ns), documents_(documents) {}

  void take(const Document& document) {
    if (std::ranges::find(way_, &document) != way_.end()) closure_.circular = true;
    if (std::ranges::find(closure_.templates, &document) != closure_.templates.end()) return;
    closure_.templates.push_back(&document);
    way_.push_back(&document);
    takeAll(document.object["spec"]["templates"], "spec.templates");
    way_.pop_back();
  }

  // What is missing deeper down is shown at the reference on top.
  void takeAll(const Value& refs, const std::string& path) {
    for (std::size_t i = 0; i < refs.asArray().size(); ++i) {
      const Value& ref = refs[i];
      const bool outermost = top_.empty();
      if (outermost) top_ = json::joinPath(path, i) + ".templateName";
      const Document* found = documents_.find(kindOf(ref), ref["templateName"].asStringView(),
                                              ref["clusterScope"].asBool() ? std::string_view() : ns_);
      if (found) {
        take(*found);
      } else {
        closure_.open.push_back({top_, fmt::format("{} \"{}\"", kindOf(ref), ref["templateName"].asStringView())});
      }
      if (outermost) top_.clear();
    }
  }

 private:
  Closure& closure_;
  std::string_view ns_;
  const Documents& documents_;
  std::vector<const Document*> way_;
  std::string top_;
};

}  // namespace

Closure closureOf(const Value& refs, const std::string& path, std::string_view ns, const Documents& documents) {
  Closure closure;
  Collector(closure, ns, documents).takeAll(refs, path);
  return closure;
}

Closure closureOf(const Document& document, const Documents& documents) {
  Closure closure;
  Collector(closure, document.ns(), documents).take(document);
  return closure;
}

bool declares(const Closure& closure, std::string_view argument) {
  return std::ranges::any_of(closure.templates, [argument](const Document* one) {
    return std::ranges::any_of(one->object["spec"]["args"].asArray(),
                               [argument](const Value& arg) { return arg["name"].asStringView() == argument; });
  });
}

bool uses(const Closure& closure, std::string_view argument) {
  const std::string tag = fmt::format("args.{}", argument);
  return std::ranges::any_of(closure.templates, [&tag](const Document* one) {
    const std::vector<Tag> tags = tagsOf(one->object["spec"]["metrics"], "");
    return std::ranges::find(tags, tag, &Tag::text) != tags.end();
  });
}

api::ArgumentValues declaredValues(const Closure& closure) {
  api::ArgumentValues values;
  for (const Document* one : closure.templates) {
    for (const Value& arg : one->object["spec"]["args"].asArray()) {
      if (arg["value"].isString()) values.emplace(arg["name"].asString(), arg["value"].asString());
    }
  }
  return values;
}

}  // namespace towpath::lint
