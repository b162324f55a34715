#include "config/hint.h"

#include <algorithm>
#include <cstddef>

#include "base/strings.h"

namespace drwatch::config {
namespace {

// Longer words are nobody's typing error, and the distance costs the product of both lengths.
constexpr std::size_t kMaxWordBytes = 64;

// Optimal string alignment: insert, delete, replace and swap of neighbours cost 1 each.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string NameHint(std::string_view word, const std::vector<std::string>& known,
                     std::string_view what) {
  const std::string lower = base::Lower(word);
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    if (word.size() > kMaxWordBytes || candidate.size() > kMaxWordBytes) continue;
    const std::size_t distance = EditDistance(lower, base::Lower(candidate));
    if (distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  if (best != nullptr) return "did you mean " + base::Quote(*best) + "?";
  if (known.empty()) return {};
  return "known " + std::string(what) + ": " + base::Join(known, ", ");
}

}  // namespace drwatch::config
