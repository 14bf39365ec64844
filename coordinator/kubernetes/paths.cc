#include "kubernetes/paths.h"

#include "http/message.h"

namespace towpath::kubernetes {

std::string resourcePath(const cluster::Resource& resource, std::string_view ns, std::string_view name,
                         std::string_view subresource) {
  std::string path = resource.group.empty() ? "/api/" : "/apis/" + resource.group + "/";
  path += resource.version;
  if (resource.namespaced && !ns.empty()) path += "/namespaces/" + http::percentEncode(ns);
  path += "/" + resource.plural;
  if (!name.empty()) path += "/" + http::percentEncode(name);
  if (!subresource.empty()) path += "/" + http::percentEncode(subresource);
  return path;
}

Query& Query::add(std::string_view key, std::string_view value) {
  if (value.empty()) return *this;
  text_ += text_.empty() ? '?' : '&';
  text_ += key;
  text_ += '=';
  text_ += http::percentEncode(value);
  return *this;
}

}  // namespace towpath::kubernetes
