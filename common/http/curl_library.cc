#include "http/curl_library.h"

#include <dlfcn.h>

#include <optional>
#include <string>

#include "base/assert.h"

namespace towpath::http {

namespace {

// The name of the ABI, not of a version: all of libcurl since 2006.
constexpr const char* kFile = "libcurl.so.4";

struct Loaded {
  CurlLibrary functions{};
  std::optional<Error> error;
};

template <class Function>
void find(void* library, const char* name, Function& function, std::optional<Error>& error) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (!function) error = Error{ErrorKind::kUnavailable, std::string(kFile) + " is too old: it lacks " + name, ""};
}

Loaded load() {
  Loaded loaded;
  // Global: transfer.cc asks for a function of the libssl that comes with it. It stays for as long as we run.
  void* library = ::dlopen(kFile, RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    const char* reason = ::dlerror();
    loaded.error =
        Error{ErrorKind::kUnavailable,
              std::string("libcurl cannot be loaded (Debian: apt install libcurl4): ") + (reason ? reason : ""), ""};
    return loaded;
  }
  CurlLibrary& to = loaded.functions;
  find(library, "curl_easy_cleanup", to.easy_cleanup, loaded.error);
  find(library, "curl_easy_getinfo", to.easy_getinfo, loaded.error);
  find(library, "curl_easy_init", to.easy_init, loaded.error);
  find(library, "curl_easy_pause", to.easy_pause, loaded.error);
  find(library, "curl_easy_setopt", to.easy_setopt, loaded.error);
  find(library, "curl_easy_strerror", to.easy_strerror, loaded.error);
  find(library, "curl_free", to.free, loaded.error);
  find(library, "curl_global_init", to.global_init, loaded.error);
  find(library, "curl_multi_add_handle", to.multi_add_handle, loaded.error);
  find(library, "curl_multi_cleanup", to.multi_cleanup, loaded.error);
  find(library, "curl_multi_info_read", to.multi_info_read, loaded.error);
  find(library, "curl_multi_init", to.multi_init, loaded.error);
  find(library, "curl_multi_remove_handle", to.multi_remove_handle, loaded.error);
  find(library, "curl_multi_setopt", to.multi_setopt, loaded.error);
  find(library, "curl_multi_socket_action", to.multi_socket_action, loaded.error);
  find(library, "curl_share_cleanup", to.share_cleanup, loaded.error);
  find(library, "curl_share_init", to.share_init, loaded.error);
  find(library, "curl_share_setopt", to.share_setopt, loaded.error);
  find(library, "curl_slist_append", to.slist_append, loaded.error);
  find(library, "curl_slist_free_all", to.slist_free_all, loaded.error);
  find(library, "curl_url", to.url, loaded.error);
  find(library, "curl_url_cleanup", to.url_cleanup, loaded.error);
  find(library, "curl_url_get", to.url_get, loaded.error);
  find(library, "curl_url_set", to.url_set, loaded.error);
  if (!loaded.error) to.global_init(CURL_GLOBAL_DEFAULT);
  return loaded;
}

const Loaded& library() {
  static const Loaded kLoaded = load();
  return kLoaded;
}

}  // namespace

Result<void> loadCurl() {
  if (library().error) return std::unexpected(*library().error);
  return {};
}

const CurlLibrary& curl() {
  TOWPATH_ASSERT(!library().error, "a client loads libcurl before it uses it");
  return library().functions;
}

}  // namespace towpath::http
