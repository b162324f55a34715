// A folder of 100 000 artefacts a minute apart, made before the clock runs; removed at the end.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/clock.h"

namespace drwatch::bench {

inline constexpr base::Timestamp kNow = base::FromUnixMillis(1'768'003'200'000);
inline constexpr int kArtefacts = 100'000;

class ManyArtefacts {
 public:
  ManyArtefacts() {
    const char* const base = std::getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/drwatch-bench-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
    const int folder = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY);
    const std::int64_t end = base::ToUnixMillis(kNow) / 1000 - 3600;
    for (int i = 0; i < kArtefacts; ++i) {
      const std::string name = "shop-" + std::to_string(1'000'000 + i) + ".dump";
      const int file = ::openat(folder, name.c_str(), O_CREAT | O_WRONLY, 0600);
      if (::write(file, name.data(), name.size()) < 0) std::abort();
      const timespec time{end - 60 * (kArtefacts - i), 0};
      const timespec times[2] = {time, time};
      ::futimens(file, times);
      ::close(file);
    }
    ::close(folder);
  }
  ~ManyArtefacts() { std::filesystem::remove_all(path_); }
  ManyArtefacts(const ManyArtefacts&) = delete;
  ManyArtefacts& operator=(const ManyArtefacts&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline const ManyArtefacts& Place() {
  static const ManyArtefacts place;
  return place;
}

}  // namespace drwatch::bench
