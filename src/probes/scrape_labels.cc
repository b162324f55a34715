#include "probes/scrape_labels.h"

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

namespace drwatch::probes {
namespace {

constexpr std::array<std::string_view, 7> kSuffixes = {"_total", "_bucket", "_count", "_sum",
                                                       "_info",  "_gcount", "_gsum"};

using MetadataByName = std::unordered_map<std::string_view, const model::ParsedMetadata*>;

// What the page said of the metric a sample belongs to, or nullptr.
const model::ParsedMetadata* FindMetadata(const MetadataByName& known, std::string_view name) {
  if (const auto found = known.find(name); found != known.end()) return found->second;
  for (const std::string_view suffix : kSuffixes) {
    if (!name.ends_with(suffix)) continue;
    const auto found = known.find(name.substr(0, name.size() - suffix.size()));
    if (found != known.end()) return found->second;
  }
  return nullptr;
}

// An empty family for samples called `name`.
model::MetricFamily MakeFamily(std::string_view name, const model::ParsedMetadata* metadata) {
  model::MetricFamily family;
  family.name = name;
  family.type = model::MetricType::kUnknown;
  if (metadata == nullptr) return family;
  family.type = metadata->type;
  family.help = metadata->help;
  family.unit = metadata->unit;
  // Counters keep their _total as part of the name, as this program's own do.
  if (metadata->type != model::MetricType::kCounter) family.name = metadata->name;
  return family;
}

}  // namespace

model::Labels AddTargetLabels(const model::Labels& sample, const model::Labels& target,
                              LabelConflict conflict) {
  model::LabelsBuilder labels(sample);
  for (const model::LabelView label : target) {
    const std::string_view own = sample.Get(label.name);
    if (!own.empty()) {
      if (conflict == LabelConflict::kHonor) continue;
      std::string name = "exported_" + std::string(label.name);
      while (sample.Has(name) || target.Has(name) || !labels.Get(name).empty()) {
        name = "exported_" + name;
      }
      labels.Set(name, own);
    }
    labels.Set(label.name, label.value);
  }
  return labels.Build();
}

std::vector<model::MetricFamily> ToFamilies(const model::ParsedPage& page,
                                            const model::Labels& target, LabelConflict conflict) {
  MetadataByName metadata;
  for (const model::ParsedMetadata& entry : page.metadata) metadata.emplace(entry.name, &entry);
  std::vector<model::MetricFamily> families;
  std::unordered_map<std::string, std::size_t> by_family;
  std::unordered_map<std::string_view, std::size_t> by_sample;  // the same, without a lookup
  for (const model::ParsedSample& sample : page.samples) {
    const std::string_view name = sample.labels.MetricName();
    auto known = by_sample.find(name);
    if (known == by_sample.end()) {
      model::MetricFamily family = MakeFamily(name, FindMetadata(metadata, name));
      const auto [place, is_new] = by_family.emplace(family.name, families.size());
      if (is_new) families.push_back(std::move(family));
      known = by_sample.emplace(name, place->second).first;
    }
    model::MetricFamily& family = families[known->second];
    model::MetricPoint point;
    point.labels = AddTargetLabels(sample.labels.Without(model::kMetricName), target, conflict);
    point.value = sample.value;
    point.suffix = name.substr(family.name.size());
    point.time = sample.time;
    family.points.push_back(std::move(point));
  }
  return families;
}

}  // namespace drwatch::probes
