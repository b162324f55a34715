// Writes families as the text format or OpenMetrics.
#include "model/page_writer.h"

namespace drwatch::model {

std::string WriteText(const std::vector<MetricFamily>& families, TextFormat format) {
  std::vector<const MetricFamily*> all;
  std::unordered_set<std::string_view> names;
  std::size_t bytes = 256;
  for (const MetricFamily& family : families) {
    all.push_back(&family);
    names.insert(family.name);
    bytes += 128 + family.points.size() * (family.name.size() + 96);
  }
  Output out(bytes);
  LineWriter lines(out, format);
  MetadataWriter metadata(format, std::move(names));
  for (FamilyGroup& group : GroupByName(all)) {
    metadata.Write(out, group.first());
    group.WriteLines(lines);
  }
  if (format == TextFormat::kOpenMetrics) out.PutAll(kOpenMetricsEnd);
  return out.Take();
}

}  // namespace drwatch::model
