// Texts that many rows refer to, in blocks that stay where they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drwatch::verify {

class TextBlocks {
 public:
  // Valid as long as this is, also once it was moved.
  std::string_view Keep(std::string_view text);

 private:
  std::vector<std::string> blocks_;
};

}  // namespace drwatch::verify
