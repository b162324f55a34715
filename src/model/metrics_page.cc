#include "model/metrics_page.h"

#include <algorithm>
#include <cstring>

#include "model/page_writer.h"

namespace drwatch::model {
namespace {

bool HasTimes(const MetricFamily& family) {
  return std::any_of(family.points.begin(), family.points.end(),
                     [](const MetricPoint& point) { return point.time.has_value(); });
}

// One family of the page that is being written.
struct Target {
  const MetricFamily* metadata = nullptr;
  std::string before;          // its comments
  std::size_t part_bytes = 0;  // lines of the parts
  std::string after;           // lines of the rest
};
using Targets = std::map<std::string_view, Target>;

void Place(std::string_view text, char*& at) {
  std::memcpy(at, text.data(), text.size());
  at += text.size();
}

void AddRest(const std::vector<const MetricFamily*>& rest, TextFormat format, Targets& targets) {
  for (FamilyGroup& group : GroupByName(rest)) {
    Target& target = targets[group.first().name];
    if (target.metadata == nullptr) target.metadata = &group.first();
    Output lines(256);
    group.WriteLines(lines, format);
    target.after = lines.Take();
  }
}

// Returns how long the page gets without its end.
std::size_t AddMetadata(TextFormat format, Targets& targets) {
  std::unordered_set<std::string_view> names;
  for (const auto& [name, target] : targets) names.insert(name);
  MetadataWriter metadata(format, std::move(names));
  std::size_t bytes = 0;
  for (auto& [name, target] : targets) {
    Output comments(256);
    metadata.Write(comments, *target.metadata);
    target.before = comments.Take();
    bytes += target.before.size() + target.part_bytes + target.after.size();
  }
  return bytes;
}

}  // namespace

MetricsPage::FamilyId MetricsPage::IdOf(const MetricFamily& family) {
  const auto known = ids_.find(family.name);
  if (known != ids_.end()) return known->second;
  families_.push_back({family.name, family.type, family.help, family.unit, {}});
  const auto id = static_cast<FamilyId>(families_.size() - 1);
  ids_.emplace(families_.back().name, id);
  return id;
}

void MetricsPage::Update(const std::string& part, const std::vector<MetricFamily>& families) {
  Part written;
  Output lines(256);
  std::vector<const MetricFamily*> untimed;
  std::vector<std::size_t> ends;
  for (const MetricFamily& family : families) {
    if (HasTimes(family)) {
      written.timed.push_back(family);
      continue;
    }
    untimed.push_back(&family);
    if (family.points.size() == 1) {
      WriteLine(lines, family.name, family.points[0], TextFormat::kPrometheus);
    } else {
      FamilyGroup group(family);
      group.Add(family);
      group.WriteLines(lines, TextFormat::kPrometheus);
    }
    ends.push_back(lines.size());
  }
  written.lines = lines.Take();
  written.lines.shrink_to_fit();
  const std::lock_guard lock(mutex_);
  written.blocks.reserve(untimed.size());
  std::size_t begin = 0;
  for (std::size_t i = 0; i < untimed.size(); ++i) {
    written.blocks.push_back({IdOf(*untimed[i]), static_cast<std::uint32_t>(ends[i] - begin)});
    begin = ends[i];
  }
  parts_.insert_or_assign(part, std::move(written));
}

void MetricsPage::Remove(const std::string& part) {
  const std::lock_guard lock(mutex_);
  parts_.erase(part);
}

std::string MetricsPage::Write(const std::vector<MetricFamily>& more, TextFormat format) const {
  const std::lock_guard lock(mutex_);
  std::vector<const MetricFamily*> rest;
  std::vector<std::size_t> part_bytes(families_.size());
  std::vector<char> present(families_.size());
  for (const auto& [name, part] : parts_) {
    for (const Block& block : part.blocks) {
      part_bytes[block.family] += block.bytes;
      present[block.family] = 1;
    }
    for (const MetricFamily& family : part.timed) rest.push_back(&family);
  }
  for (const MetricFamily& family : more) rest.push_back(&family);
  Targets targets;
  for (std::size_t id = 0; id < families_.size(); ++id) {
    if (present[id]) targets[families_[id].name] = {&families_[id], {}, part_bytes[id], {}};
  }
  AddRest(rest, format, targets);
  const std::string_view end = format == TextFormat::kOpenMetrics ? kOpenMetricsEnd : "";
  std::string page(AddMetadata(format, targets) + end.size(), '\0');
  // All lines of a family lie together; the parts' are filled in afterwards, part by part, so that
  // each part is read in order.
  std::vector<char*> places(families_.size());
  char* at = page.data();
  for (const auto& [name, target] : targets) {
    Place(target.before, at);
    const auto id = ids_.find(name);
    if (id != ids_.end()) places[id->second] = at;
    at += target.part_bytes;
    Place(target.after, at);
  }
  Place(end, at);
  for (const auto& [name, part] : parts_) {
    std::string_view lines = part.lines;
    for (const Block& block : part.blocks) {
      Place(lines.substr(0, block.bytes), places[block.family]);
      lines.remove_prefix(block.bytes);
    }
  }
  return page;
}

}  // namespace drwatch::model
