// What of a stream that goes by is told apart from other streams: its last bytes, and whether any
// of them was zero (rows and SQL never hold a zero byte: a lost block does).
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
    has_zero_ = has_zero_ || bytes.find('\0') != std::string_view::npos;
  }
  // `text` has at most kBytes.
  bool EndsWith(std::string_view text) const { return tail_.ends_with(text); }
  bool has_zero() const { return has_zero_; }

 private:
  std::string tail_;
  bool has_zero_ = false;
};

}  // namespace drwatch::verify
