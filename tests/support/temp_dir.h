// A folder for one test, removed at its end.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace drwatch::testing {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string path() const { return path_.string(); }
  std::string Path(std::string_view name) const { return (path_ / name).string(); }
  // Writes a file below the folder, with missing parents, and returns its path.
  std::string Write(std::string_view name, std::string_view contents) const;

 private:
  std::filesystem::path path_;
};

// The bytes of a file; fails the test if it cannot be read.
std::string ReadTestFile(const std::string& path);
// The path of tests/<relative>.
std::string TestData(std::string_view relative);

}  // namespace drwatch::testing
