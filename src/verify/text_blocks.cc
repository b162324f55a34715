#include "verify/text_blocks.h"

#include <algorithm>

namespace drwatch::verify {
namespace {

constexpr std::size_t kBlockBytes = 64 << 10;

}  // namespace

std::string_view TextBlocks::Keep(std::string_view text) {
  // A block never grows beyond what it reserved: the views into it stay.
  if (blocks_.empty() || blocks_.back().size() + text.size() > blocks_.back().capacity()) {
    blocks_.emplace_back().reserve(std::max(kBlockBytes, text.size()));
  }
  std::string& block = blocks_.back();
  const std::size_t at = block.size();
  block += text;
  return std::string_view(block).substr(at);
}

}  // namespace drwatch::verify
