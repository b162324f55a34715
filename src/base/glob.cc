#include "base/glob.h"

#include <glob.h>

#include <string_view>

#include "base/strings.h"

namespace drwatch::base {
namespace {

Status CheckGlob(const std::string& pattern) {
  int folders = 0;
  std::vector<std::string_view> parts = Split(pattern, '/');
  parts.pop_back();  // names of files: those of one folder
  for (const std::string_view part : parts) {
    if (part.find_first_of("*?[") != part.npos) ++folders;
    if (folders > 0 && part == "..") {
      return Fail("the pattern " + Quote(pattern) + " goes up (\"..\") behind a wildcard",
                  "name the folder instead");
    }
  }
  if (folders <= kMaxGlobFolders) return {};
  return Fail("the pattern " + Quote(pattern) + " has wildcards in " + std::to_string(folders) +
                  " folders, at most " + std::to_string(kMaxGlobFolders) + " are looked through",
              "name the folders instead");
}

}  // namespace

Result<std::vector<std::string>> Glob(const std::string& pattern) {
  if (auto checked = CheckGlob(pattern); !checked) return Fail(std::move(checked.error()));
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return paths;
}

}  // namespace drwatch::base
