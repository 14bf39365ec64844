#include "cli/command.h"
#include "cli/rollout_watch.h"
#include "cli/text.h"
#include "json/serialize.h"
#include "json/yaml.h"

namespace towpath::cli {
namespace {

// One of these is shown as a tree.
bool isTree(const ApiResource& resource, const ApiResource& kind) {
  return resource.kind == kind.kind && resource.group == kind.group;
}

std::string cellText(const Value& cell) {
  if (cell.isString()) return cell.asString();
  if (cell.isNull()) return "<none>";
  return json::serialize(cell);
}

// The server's own Table, as kubectl prints it.
std::string renderTable(const Value& table, bool wide, bool with_namespace) {
  std::vector<std::string> header;
  std::vector<std::size_t> columns;
  const Array& definitions = table["columnDefinitions"].asArray();
  if (with_namespace) header.emplace_back("NAMESPACE");
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    if (!wide && definitions[i]["priority"].asInt() > 0) continue;
    std::string title = definitions[i]["name"].asString();
    for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    header.push_back(title);
    columns.push_back(i);
  }
  Table text(header);
  for (const Value& row : table["rows"].asArray()) {
    std::vector<std::string> cells;
    if (with_namespace) cells.push_back(row["object"]["metadata"]["namespace"].asString());
    for (const std::size_t column : columns) cells.push_back(cellText(row["cells"][column]));
    text.add(std::move(cells));
  }
  return text.render();
}

Value withoutManagedFields(Value object) {
  object.eraseAt({"metadata", "managedFields"});
  return object;
}

loop::Task<Value> fetch(Context context, const ApiResource& resource, const GetOptions& options, Representation as) {
  const std::string ns = resource.namespaced && !options.all_namespaces ? context.api.ns() : "";
  if (options.names.size() == 1) co_return orFail(co_await context.api.get(resource, ns, options.names.front(), as));
  if (options.names.empty()) co_return orFail(co_await context.api.list(resource, {ns, options.selector, "", as}));
  Value list = Object{{"apiVersion", "v1"}, {"kind", "List"}, {"items", Array{}}};
  for (const std::string& name : options.names) {
    const Value object = orFail(co_await context.api.get(resource, ns, name, as));
    if (as == Representation::kTable) {
      if (list["columnDefinitions"].isNull()) list["columnDefinitions"] = object["columnDefinitions"];
      for (const Value& row : object["rows"].asArray()) list["rows"].makeArray().push_back(row);
    } else {
      list["items"].makeArray().push_back(object);
    }
  }
  co_return list;
}

void printNames(const ApiResource& resource, const Value& result) {
  const auto one = [&](const Value& object) {
    const std::string singular = resource.singular.empty() ? resource.plural : resource.singular;
    print(fmt::format("{}{}/{}\n", singular, resource.group.empty() ? "" : "." + resource.group,
                      object["metadata"]["name"].asString()));
  };
  if (!result["items"].isArray()) return one(result);
  for (const Value& object : result["items"].asArray()) one(object);
}

}  // namespace

Exit get(Context context, GetOptions options) {
  // "rollout/shop" is "rollout shop".
  if (const std::size_t slash = options.resource.find('/'); slash != std::string::npos) {
    options.names.insert(options.names.begin(), options.resource.substr(slash + 1));
    options.resource.resize(slash);
  }
  const ApiResource resource = orFail(co_await context.api.findResource(options.resource));
  if (options.names.size() == 1 && options.output.empty()) {
    const std::chrono::seconds timeout(options.timeout_seconds);
    if (isTree(resource, kRollouts))
      co_return co_await showRollout(context, options.names.front(), options.watch, timeout);
    if (isTree(resource, kExperiments))
      co_return co_await showExperiment(context, options.names.front(), options.watch, timeout);
  }
  if (options.watch)
    throw Failure{{ErrorKind::kUnsupported,
                   "--watch is for one rollout or experiment: `towpath get rollout NAME --watch`; for other kinds use "
                   "`kubectl get -w`",
                   ""}};
  const bool as_table = options.output.empty() || options.output == "wide";
  const Value result =
      co_await fetch(context, resource, options, as_table ? Representation::kTable : Representation::kObject);
  if (as_table) {
    if (result["rows"].asArray().empty()) {
      fmt::print(
          stderr, "No resources found{}.\n",
          options.all_namespaces || !resource.namespaced ? "" : fmt::format(" in {} namespace", context.api.ns()));
      co_return 0;
    }
    print(renderTable(result, options.output == "wide", options.all_namespaces && resource.namespaced));
  } else if (options.output == "json") {
    print(json::serializePretty(withoutManagedFields(result)) + "\n");
  } else if (options.output == "yaml") {
    print(json::toYaml(withoutManagedFields(result)));
  } else if (options.output == "name") {
    printNames(resource, result);
  } else {
    throw Failure{
        {ErrorKind::kInvalid, fmt::format("\"{}\" is none of wide, yaml, json, name", options.output), "--output"}};
  }
  co_return 0;
}

Exit nodes(Context context) {
  GetOptions options;
  options.resource = "nodes";
  options.output = "wide";
  co_return co_await get(context, std::move(options));
}

}  // namespace towpath::cli
