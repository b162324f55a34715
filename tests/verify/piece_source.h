// Hands out its bytes in pieces of a given size.
#pragma once

#include <string>
#include <string_view>

#include "verify/source.h"

namespace drwatch::verify {

class PieceSource final : public Source {
 public:
  // `bytes` outlive it.
  PieceSource(std::string_view bytes, std::size_t size) : left_(bytes), size_(size) {}
  Walked<std::string_view> Next() override {
    piece_ = std::string(left_.substr(0, size_));
    left_.remove_prefix(piece_.size());
    return piece_;
  }

 private:
  std::string_view left_;
  const std::size_t size_;
  std::string piece_;
};

}  // namespace drwatch::verify
