#include "supervise/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "base/file.h"
#include "supervise/artifacts.h"
#include "support/temp_dir.h"

using namespace towpath;
using namespace towpath::supervise;
using towpath::testing::TempDir;

namespace {

struct Entry {
  std::string name, content;
  int mode = 0644;
  mode_t type = AE_IFREG;
  std::string link;
};

std::string makeTar(const TempDir& dir, const std::string& name, const std::vector<Entry>& entries) {
  const std::string path = dir.path() + "/" + name;
  archive* writer = archive_write_new();
  archive_write_add_filter_gzip(writer);
  archive_write_set_format_pax_restricted(writer);
  archive_write_open_filename(writer, path.c_str());
  for (const Entry& entry : entries) {
    archive_entry* header = archive_entry_new();
    archive_entry_set_pathname(header, entry.name.c_str());
    archive_entry_set_filetype(header, entry.type);
    archive_entry_set_perm(header, static_cast<mode_t>(entry.mode));
    archive_entry_set_size(header, static_cast<la_int64_t>(entry.content.size()));
    if (!entry.link.empty()) archive_entry_set_symlink(header, entry.link.c_str());
    archive_write_header(writer, header);
    archive_write_data(writer, entry.content.data(), entry.content.size());
    archive_entry_free(header);
  }
  archive_write_free(writer);
  return path;
}

}  // namespace

TEST_CASE("an archive is unpacked with its modes, but without setuid bits") {
  const TempDir dir;
  const std::string tar = makeTar(dir, "shop.tar.gz", {{"bin/shop", "#!/bin/sh\n", 04755}, {"etc/shop.conf", "a=1\n"}});
  const auto program = unpackInto(tar, dir.path() + "/out", "shop.tar.gz");
  REQUIRE(program);
  CHECK(*program == "");
  CHECK(*readFile(dir.path() + "/out/etc/shop.conf") == "a=1\n");
  struct stat info{};
  REQUIRE(::stat((dir.path() + "/out/bin/shop").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0755);
}

TEST_CASE("a file that is no archive is a program, and is made executable") {
  const TempDir dir;
  const auto program = unpackInto(dir.file("shop", "#!/bin/sh\nexit 0\n"), dir.path() + "/out", "shop");
  REQUIRE(program);
  CHECK(*program == "shop");
  struct stat info{};
  REQUIRE(::stat((dir.path() + "/out/shop").c_str(), &info) == 0);
  CHECK((info.st_mode & 0111) == 0111);
}

TEST_CASE("an archive cannot write outside of its directory") {
  const TempDir dir;
  struct Case {
    const char* what;
    std::vector<Entry> entries;
  };
  int number = 0;
  for (const Case& bad : {Case{"dotdot", {{"../escaped", "x"}}}, Case{"absolute", {{dir.path() + "/escaped", "x"}}},
                          Case{"through a symlink", {{"link", "", 0777, AE_IFLNK, dir.path()}, {"link/escaped", "x"}}},
                          Case{"device", {{"null", "", 0666, AE_IFCHR, ""}}}}) {
    CAPTURE(bad.what);
    const std::string tar = makeTar(dir, "bad" + std::to_string(++number) + ".tar.gz", bad.entries);
    const auto program = unpackInto(tar, dir.path() + "/out" + std::to_string(number), "bad");
    CHECK_FALSE(program);
    CHECK_FALSE(readFile(dir.path() + "/escaped"));
  }
}

TEST_CASE("a damaged archive is an error, not half a version") {
  const TempDir dir;
  const std::string tar = makeTar(dir, "shop.tar.gz", {{"big", std::string(200000, 'x')}, {"second", "y"}});
  std::string bytes = *readFile(tar);
  bytes.resize(bytes.size() / 2);
  const auto program = unpackInto(dir.file("cut.tar.gz", bytes), dir.path() + "/out", "cut");
  REQUIRE_FALSE(program);
}

// Needs to be root, for a file system of its own that is small.
TEST_CASE("a full disk is told with its numbers before anything is unpacked" * doctest::skip(::geteuid() != 0)) {
  const TempDir dir;
  const std::string small = dir.path() + "/small";
  REQUIRE(::mkdir(small.c_str(), 0755) == 0);
  REQUIRE(::mount("none", small.c_str(), "tmpfs", 0, "size=20m") == 0);
  const std::string tar = makeTar(dir, "shop.tar.gz", {{"bin/shop", std::string(1 << 20, 'x'), 0755}});
  const auto from_archive = unpackInto(tar, small + "/archive", "shop.tar.gz");
  const auto from_program = unpackInto(dir.file("shop", "#!/bin/sh\n"), small + "/program", "shop");
  ::umount2(small.c_str(), MNT_DETACH);
  for (const auto* refused : {&from_archive, &from_program}) {
    REQUIRE_FALSE(*refused);
    CHECK(refused->error().kind == ErrorKind::kIo);
    CHECK(refused->error().message.find("not enough disk space") != std::string::npos);
  }
}

TEST_CASE("image references are mapped, exactly or by prefix, and checked") {
  const std::map<std::string, ImageMapping> images = {{"shop:1", {"file:///srv/one", ""}},
                                                      {"registry.example/shop:*", {"file:///srv/shop-*.tar.gz", ""}},
                                                      {"registry.example/*", {"https://artifacts.example/*", ""}}};
  CHECK(resolveImage("shop:1", images)->url == "file:///srv/one");
  CHECK(resolveImage("registry.example/shop:2.1", images)->url == "file:///srv/shop-2.1.tar.gz");
  CHECK(resolveImage("registry.example/other", images)->url == "https://artifacts.example/other");
  const std::string digest(64, 'a');
  const auto pinned = resolveImage("file:///srv/shop@sha256:" + digest, images);
  REQUIRE(pinned);
  CHECK(pinned->url == "file:///srv/shop");
  CHECK(pinned->sha256 == digest);
  CHECK(resolveImage("file:///srv/shop@sha256:short", images).error().message.find("64") != std::string::npos);
  CHECK(resolveImage("nginx:1", images).error().message.find("[images]") != std::string::npos);
  CHECK(resolveImage("http://plain.example/shop", images).error().message.find("https://") != std::string::npos);
}
