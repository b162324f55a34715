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

void Copy(std::string_view text, char*& at) {
  std::memcpy(at, text.data(), text.size());
  at += text.size();
}

// Pieces are about so long: with less, packing them by themselves costs more than it saves.
constexpr std::size_t kPieceBytes = 32 << 10;

}  // namespace

// One family of the page that is being written.
struct MetricsPage::Target {
  const MetricFamily* metadata = nullptr;
  const Family* parts = nullptr;  // null: no part has it
  FamilyId id = 0;                // of parts
  std::string before;             // its comments
  std::string after;              // lines of the rest

  std::size_t part_bytes() const { return parts == nullptr ? 0 : parts->bytes; }
  std::size_t bytes() const { return before.size() + part_bytes() + after.size(); }
  // Whether its text is known from the comments and the version.
  bool is_versioned() const { return parts != nullptr && after.empty(); }
};

MetricsPage::FamilyId MetricsPage::IdOf(const MetricFamily& family) {
  const auto known = ids_.find(family.name);
  if (known != ids_.end()) return known->second;
  families_.push_back({{family.name, family.type, family.help, family.unit, {}}, 0, 0, 0});
  const auto id = static_cast<FamilyId>(families_.size() - 1);
  ids_.emplace(families_.back().metadata.name, id);
  return id;
}

void MetricsPage::CountBlocks(const Part& before, const Part& now) {
  const bool same_families =
      std::equal(before.blocks.begin(), before.blocks.end(), now.blocks.begin(), now.blocks.end(),
                 [](const Block& a, const Block& b) { return a.family == b.family; });
  ++versions_;
  std::string_view old_lines = before.lines;
  for (const Block& block : before.blocks) {
    Family& family = families_[block.family];
    --family.parts;
    family.bytes -= block.bytes;
    if (!same_families) family.version = versions_;
  }
  std::string_view lines = now.lines;
  for (std::size_t i = 0; i < now.blocks.size(); ++i) {
    const Block& block = now.blocks[i];
    Family& family = families_[block.family];
    ++family.parts;
    family.bytes += block.bytes;
    const std::string_view text = lines.substr(0, block.bytes);
    lines.remove_prefix(block.bytes);
    if (!same_families) {
      family.version = versions_;
      continue;
    }
    if (old_lines.substr(0, before.blocks[i].bytes) != text) family.version = versions_;
    old_lines.remove_prefix(before.blocks[i].bytes);
  }
}

std::size_t MetricsPage::BytesOf(const std::string& part) const {
  const std::lock_guard lock(mutex_);
  const auto known = parts_.find(part);
  return known == parts_.end() ? 0 : known->second.lines.size();
}

void MetricsPage::Update(const std::string& part, const std::vector<MetricFamily>& families) {
  Part written;
  Output text(BytesOf(part) + 256);
  LineWriter lines(text, TextFormat::kPrometheus);
  std::vector<const MetricFamily*> untimed;
  untimed.reserve(families.size());
  written.blocks.reserve(families.size());
  for (const MetricFamily& family : families) {
    if (HasTimes(family)) {
      written.timed.push_back(family);
      continue;
    }
    const std::size_t begin = text.size();
    if (family.points.size() == 1) {
      lines.Start(family.name);
      lines.Write(family.points[0]);
    } else {
      FamilyGroup group(family);
      group.Add(family);
      group.WriteLines(lines);
    }
    untimed.push_back(&family);
    written.blocks.push_back({0, static_cast<std::uint32_t>(text.size() - begin)});
  }
  written.lines = text.view();
  const std::lock_guard lock(mutex_);
  Part& kept = parts_[part];
  for (std::size_t i = 0; i < untimed.size(); ++i) {
    // A probe reports the same families again and again.
    const bool same = i < kept.blocks.size() &&
                      families_[kept.blocks[i].family].metadata.name == untimed[i]->name;
    written.blocks[i].family = same ? kept.blocks[i].family : IdOf(*untimed[i]);
  }
  CountBlocks(kept, written);
  kept = std::move(written);
}

void MetricsPage::Remove(const std::string& part) {
  const std::lock_guard lock(mutex_);
  const auto gone = parts_.find(part);
  if (gone == parts_.end()) return;
  CountBlocks(gone->second, {});
  parts_.erase(gone);
}

MetricsPage::Targets MetricsPage::Lay(const std::vector<MetricFamily>& more,
                                      TextFormat format) const {
  Targets targets;
  for (std::size_t id = 0; id < families_.size(); ++id) {
    const Family& family = families_[id];
    if (family.parts == 0) continue;
    targets[family.metadata.name] = {&family.metadata, &family, static_cast<FamilyId>(id), {}, {}};
  }
  std::vector<const MetricFamily*> rest;
  for (const auto& [name, part] : parts_) {
    for (const MetricFamily& family : part.timed) rest.push_back(&family);
  }
  for (const MetricFamily& family : more) rest.push_back(&family);
  for (FamilyGroup& group : GroupByName(rest)) {
    Target& target = targets[group.first().name];
    if (target.metadata == nullptr) target.metadata = &group.first();
    Output text(256);
    LineWriter lines(text, format);
    group.WriteLines(lines);
    target.after = text.Take();
  }
  std::unordered_set<std::string_view> names;
  for (const auto& [name, target] : targets) names.insert(name);
  MetadataWriter metadata(format, std::move(names));
  for (auto& [name, target] : targets) {
    Output comments(256);
    metadata.Write(comments, *target.metadata);
    target.before = comments.Take();
  }
  return targets;
}

// All lines of a family lie together; the parts' are filled in afterwards, part by part, so that
// each part is read in order.
char* MetricsPage::Put(const Target& target, char* at, std::vector<char*>& places) const {
  Copy(target.before, at);
  if (target.parts != nullptr) places[target.id] = at;
  at += target.part_bytes();
  Copy(target.after, at);
  return at;
}

void MetricsPage::PutParts(std::vector<char*>& places) const {
  for (const auto& [name, part] : parts_) {
    std::string_view lines = part.lines;
    for (const Block& block : part.blocks) {
      if (places[block.family] != nullptr) Copy(lines.substr(0, block.bytes), places[block.family]);
      lines.remove_prefix(block.bytes);
    }
  }
}

std::string MetricsPage::Write(const std::vector<MetricFamily>& more, TextFormat format) const {
  const std::lock_guard lock(mutex_);
  const Targets targets = Lay(more, format);
  const std::string_view end = format == TextFormat::kOpenMetrics ? kOpenMetricsEnd : "";
  std::size_t bytes = end.size();
  for (const auto& [name, target] : targets) bytes += target.bytes();
  std::string page(bytes, '\0');
  std::vector<char*> places(families_.size());
  char* at = page.data();
  for (const auto& [name, target] : targets) at = Put(target, at, places);
  Copy(end, at);
  PutParts(places);
  return page;
}

std::vector<MetricsPage::Piece> MetricsPage::WritePieces(const std::vector<MetricFamily>& more,
                                                         TextFormat format,
                                                         const Known& known) const {
  const std::lock_guard lock(mutex_);
  const Targets targets = Lay(more, format);
  std::vector<Piece> pieces;
  pieces.reserve(targets.size() + 1);  // texts must stay where they are
  std::vector<char*> places(families_.size());
  for (auto begin = targets.begin(); begin != targets.end();) {
    const bool versioned = begin->second.is_versioned();
    Piece& piece = pieces.emplace_back();
    std::size_t bytes = 0;
    auto end = begin;
    for (; end != targets.end() && end->second.is_versioned() == versioned && bytes < kPieceBytes;
         ++end) {
      bytes += end->second.bytes();
      if (!versioned) continue;
      const std::uint64_t facts[] = {end->second.before.size(), end->second.parts->version};
      piece.key.append(reinterpret_cast<const char*>(facts), sizeof facts) += end->second.before;
    }
    if (!versioned || !known(piece.key)) {
      piece.text.resize(bytes);
      char* at = piece.text.data();
      for (auto one = begin; one != end; ++one) at = Put(one->second, at, places);
    }
    begin = end;
  }
  PutParts(places);
  if (format == TextFormat::kOpenMetrics) pieces.push_back({"", std::string(kOpenMetricsEnd)});
  return pieces;
}

}  // namespace drwatch::model
