// Any page reads or is rejected; what was read, written again in either format, reads back.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <tuple>
#include <vector>

#include "model/exposition.h"

namespace drwatch::model {
namespace {

struct Seen {
  Labels labels;
  std::uint64_t value_bits = 0;
  std::optional<base::Timestamp> time;
  friend bool operator==(const Seen&, const Seen&) = default;
  friend bool operator<(const Seen& a, const Seen& b) {
    if (a.labels != b.labels) return a.labels < b.labels;
    return std::tie(a.value_bits, a.time) < std::tie(b.value_bits, b.time);
  }
};

std::vector<Seen> Sorted(const ParsedPage& page) {
  std::vector<Seen> seen;
  for (const ParsedSample& sample : page.samples) {
    const double value = std::isnan(sample.value) ? 0 : sample.value;
    seen.push_back({sample.labels, std::bit_cast<std::uint64_t>(value), sample.time});
  }
  std::sort(seen.begin(), seen.end());
  return seen;
}

std::vector<MetricFamily> Families(const ParsedPage& page) {
  std::vector<MetricFamily> families;
  for (const ParsedSample& sample : page.samples) {
    families.push_back({std::string(sample.labels.MetricName()),
                        MetricType::kGauge,
                        "help",
                        "",
                        {{sample.labels.Without(kMetricName), sample.value, "", sample.time}}});
  }
  return families;
}

// Times beyond what OpenMetrics' floating-point seconds hold to the millisecond.
bool HasFarTimes(const ParsedPage& page) {
  return std::any_of(page.samples.begin(), page.samples.end(), [](const ParsedSample& sample) {
    return sample.time && std::abs(base::ToSeconds(sample.time->time_since_epoch())) > 1e10;
  });
}

void CheckPage(std::string_view text, TextFormat format) {
  const auto page = ParseText(text, format);
  if (!page) return;
  const std::vector<Seen> seen = Sorted(*page);
  const std::vector<MetricFamily> families = Families(*page);
  for (const TextFormat written : {TextFormat::kPrometheus, TextFormat::kOpenMetrics}) {
    if (written == TextFormat::kOpenMetrics && HasFarTimes(*page)) continue;
    const std::string again = WriteText(families, written);
    const auto reread = ParseText(again, written);
    if (reread && Sorted(*reread) == seen) continue;
    std::fprintf(stderr, "%s\n%s\n", again.c_str(),
                 reread ? "differs" : reread.error().message.c_str());
    std::abort();
  }
}

}  // namespace
}  // namespace drwatch::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  drwatch::model::CheckPage(text, drwatch::model::TextFormat::kPrometheus);
  drwatch::model::CheckPage(text, drwatch::model::TextFormat::kOpenMetrics);
  return 0;
}
