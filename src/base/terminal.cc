#include "base/terminal.h"

#include "base/strings.h"

namespace drwatch::base {

std::string Visible(std::string_view text) {
  const std::string quoted = Quote(text);
  std::string result;
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    const bool escaped = quoted[i] == '\\' && (quoted[i + 1] == '\\' || quoted[i + 1] == '"');
    if (escaped) ++i;
    result += quoted[i];
  }
  return result;
}

}  // namespace drwatch::base
