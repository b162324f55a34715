// Listing and judging a place with many artefacts: the first look, and a look when nothing changed.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "catalog/folder_catalog.h"

namespace drwatch::catalog {
namespace {

constexpr base::Timestamp kNow = base::FromUnixMillis(1'768'003'200'000);

// A folder of `files` artefacts a minute apart; removed at the end of the program.
class Folder {
 public:
  explicit Folder(int files) {
    const char* const base = std::getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/drwatch-bench-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
    const int folder = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY);
    const std::int64_t end = base::ToUnixMillis(kNow) / 1000 - 3600;
    for (int i = 0; i < files; ++i) {
      const std::string name = "shop-" + std::to_string(1'000'000 + i) + ".dump";
      const int file = ::openat(folder, name.c_str(), O_CREAT | O_WRONLY, 0600);
      if (::write(file, name.data(), name.size()) < 0) std::abort();
      const timespec time{end - 60 * (files - i), 0};
      const timespec times[2] = {time, time};
      ::futimens(file, times);
      ::close(file);
    }
    ::close(folder);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

const Folder& Place() {
  static const Folder folder(100'000);
  return folder;
}

FolderOptions Options() {
  FolderOptions options;
  options.path = Place().path();
  options.pattern = "shop-*.dump";
  return options;
}

void FirstLook(benchmark::State& state) {
  Place();
  for (auto _ : state) {
    FolderCatalog catalog(Options());
    const Listing listing = catalog.List(kNow, base::Deadline::After(base::Duration(60'000)), {});
    if (listing.complete.size() != 100'000) state.SkipWithError("not all were listed");
  }
}
BENCHMARK(FirstLook)->Unit(benchmark::kMillisecond);

void NothingChanged(benchmark::State& state) {
  FolderCatalog catalog(Options());
  catalog.List(kNow, base::Deadline::After(base::Duration(60'000)), {});
  for (auto _ : state) {
    const Listing listing = catalog.List(kNow, base::Deadline::After(base::Duration(60'000)), {});
    if (listing.complete.size() != 100'000) state.SkipWithError("not all were listed");
  }
}
BENCHMARK(NothingChanged)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace drwatch::catalog
