// The last bytes of a stream that goes by.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace drwatch::verify {

class StreamTail {
 public:
  static constexpr std::size_t kBytes = 16;
  void Add(std::string_view bytes) {
    tail_ += bytes.substr(bytes.size() - std::min(bytes.size(), kBytes));
    if (tail_.size() > kBytes) tail_.erase(0, tail_.size() - kBytes);
  }
  // `text` has at most kBytes.
  bool EndsWith(std::string_view text) const { return tail_.ends_with(text); }

 private:
  std::string tail_;
};

}  // namespace drwatch::verify
