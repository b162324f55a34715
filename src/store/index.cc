#include "store/index.h"

#include <algorithm>
#include <unordered_set>

namespace drwatch::store {
namespace {

constexpr std::size_t kFirstTable = 64;
// A node of a hash map and its bucket, as libstdc++ lays them out.
constexpr std::int64_t kNodeBytes = 32;
// The reference-counted block of a label set: header, and lengths before each label.
constexpr std::int64_t kLabelsHeader = 40;
constexpr std::int64_t kLabelHeader = 8;

std::int64_t LabelsBytes(const model::Labels& labels) {
  std::int64_t bytes = kLabelsHeader;
  for (const model::LabelView label : labels) {
    bytes += kLabelHeader + static_cast<std::int64_t>(label.name.size() + label.value.size());
  }
  return bytes;
}

// A label value's entry among the postings, without the list. Short strings need no block.
std::int64_t ValueBytes(std::string_view value) {
  const std::size_t text = sizeof(std::string) + (value.size() > 15 ? value.size() + 1 : 0);
  return static_cast<std::int64_t>(text + sizeof(std::vector<SeriesId>)) + kNodeBytes;
}

// Room for one more, by a quarter rather than doubling: there are many lists, all long-lived.
template <typename List>
void MakeRoom(List& list) {
  if (list.size() == list.capacity())
    list.reserve(list.size() + std::max<std::size_t>(1, list.size() / 4));
}

bool MatchesAll(const std::vector<model::Matcher>& matchers, const model::Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&labels](const model::Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name()));
  });
}

}  // namespace

std::optional<SeriesId> Index::Find(const model::Labels& labels) const {
  if (table_.empty()) return std::nullopt;
  const std::uint64_t hash = labels.Hash();
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = hash & mask; table_[at].id != kFree; at = (at + 1) & mask) {
    if (table_[at].hash == tag && series_[table_[at].id]->labels == labels) return table_[at].id;
  }
  return std::nullopt;
}

void Index::InsertSlot(std::uint64_t hash, SeriesId id) {
  const std::size_t mask = table_.size() - 1;
  std::size_t at = hash & mask;
  while (table_[at].id != kFree) at = (at + 1) & mask;
  table_[at] = {static_cast<std::uint32_t>(hash >> 32), id};
}

void Index::RebuildTable(std::size_t slots) {
  memory_bytes_ += static_cast<std::int64_t>(slots * sizeof(Slot)) -
                   static_cast<std::int64_t>(table_.size() * sizeof(Slot));
  table_.assign(slots, Slot());
  for (SeriesId id = 0; id < next_id(); ++id) {
    if (series_[id] != nullptr) InsertSlot(series_[id]->labels.Hash(), id);
  }
}

void Index::AddPosting(std::string_view name, std::string_view value, SeriesId id) {
  auto names = postings_.find(name);
  if (names == postings_.end()) {
    names = postings_.emplace(std::string(name), Values()).first;
    memory_bytes_ += static_cast<std::int64_t>(sizeof(std::string) + sizeof(Values)) + kNodeBytes;
  }
  auto values = names->second.find(value);
  if (values == names->second.end()) {
    values = names->second.emplace(std::string(value), Postings()).first;
    memory_bytes_ += ValueBytes(value);
  }
  Postings& list = values->second;
  const std::size_t before = list.capacity();
  MakeRoom(list);
  list.push_back(id);
  memory_bytes_ += static_cast<std::int64_t>((list.capacity() - before) * sizeof(SeriesId));
}

SeriesId Index::Add(const model::Labels& labels) {
  if ((live_ + 1) * 4 > table_.size() * 3) {
    RebuildTable(std::max(kFirstTable, table_.size() * 2));
  }
  const SeriesId id = next_id();
  MakeRoom(series_);
  series_.push_back(std::make_unique<SeriesRecord>(labels));
  InsertSlot(labels.Hash(), id);
  for (const model::LabelView label : labels) AddPosting(label.name, label.value, id);
  ++live_;
  memory_bytes_ += LabelsBytes(labels) + static_cast<std::int64_t>(sizeof(void*));
  return id;
}

void Index::Remove(const std::vector<SeriesId>& ids) {
  if (ids.empty()) return;
  std::unordered_map<std::string, std::unordered_set<std::string>> touched;
  for (const SeriesId id : ids) {
    const model::Labels labels = series_[id]->labels;
    for (const model::LabelView label : labels) {
      touched[std::string(label.name)].emplace(label.value);
    }
    memory_bytes_ -= LabelsBytes(labels);
    series_[id].reset();
  }
  const auto removed = [this](SeriesId id) { return series_[id] == nullptr; };
  for (const auto& [name, values] : touched) {
    const auto names = postings_.find(name);
    for (const std::string& value : values) {
      const auto list = names->second.find(value);
      std::erase_if(list->second, removed);
      if (!list->second.empty()) continue;
      memory_bytes_ -=
          ValueBytes(value) + static_cast<std::int64_t>(list->second.capacity() * sizeof(SeriesId));
      names->second.erase(list);
    }
    if (names->second.empty()) postings_.erase(names);
  }
  live_ -= ids.size();
  ++removals_;
  if (series_.size() > 2 * live_ + kFirstTable) Renumber();
  RebuildTable(table_.size());
}

void Index::Renumber() {
  std::vector<SeriesId> renamed(series_.size(), kFree);
  SeriesId next = 0;
  for (SeriesId id = 0; id < next_id(); ++id) {
    if (series_[id] == nullptr) continue;
    renamed[id] = next;
    series_[next++] = std::move(series_[id]);
  }
  series_.resize(next);
  for (auto& [name, values] : postings_) {
    for (auto& [value, list] : values) {
      for (SeriesId& id : list) id = renamed[id];
    }
  }
}

const Index::Postings* Index::FindPostings(std::string_view name, std::string_view value) const {
  const auto names = postings_.find(name);
  if (names == postings_.end()) return nullptr;
  const auto values = names->second.find(value);
  return values == names->second.end() ? nullptr : &values->second;
}

Index::Postings Index::UnionOf(const model::Matcher& matcher) const {
  Postings found;
  const auto names = postings_.find(matcher.name());
  if (names == postings_.end()) return found;
  for (const auto& [value, list] : names->second) {
    if (matcher.Matches(value)) found.insert(found.end(), list.begin(), list.end());
  }
  // A series has one value of a name, so nothing is there twice.
  std::sort(found.begin(), found.end());
  return found;
}

// The shortest list that must hold every match, nullptr if there is none of them; nullopt if
// nothing can match.
std::optional<const Index::Postings*> Index::ShortestList(
    const std::vector<model::Matcher>& matchers) const {
  const Postings* shortest = nullptr;
  for (const model::Matcher& matcher : matchers) {
    if (matcher.type() != model::MatchType::kEqual || matcher.MatchesEmpty()) continue;
    const Postings* list = FindPostings(matcher.name(), matcher.value());
    if (list == nullptr) return std::nullopt;
    if (shortest == nullptr || list->size() < shortest->size()) shortest = list;
  }
  return shortest;
}

std::vector<SeriesId> Index::Select(const std::vector<model::Matcher>& matchers) const {
  std::vector<SeriesId> found;
  const auto narrowing =
      std::find_if(matchers.begin(), matchers.end(),
                   [](const model::Matcher& matcher) { return !matcher.MatchesEmpty(); });
  const std::optional<const Postings*> list = ShortestList(matchers);
  if (list && *list == nullptr && narrowing != matchers.end()) {
    found = UnionOf(*narrowing);
    std::erase_if(found, [&](SeriesId id) { return !MatchesAll(matchers, series_[id]->labels); });
  } else {
    SelectFrom(0, matchers, found);
  }
  return found;
}

void Index::SelectFrom(SeriesId first, const std::vector<model::Matcher>& matchers,
                       std::vector<SeriesId>& out) const {
  const std::optional<const Postings*> list = ShortestList(matchers);
  if (!list) return;
  if (*list != nullptr) {
    const Postings& ids = **list;
    for (auto id = std::lower_bound(ids.begin(), ids.end(), first); id != ids.end(); ++id) {
      if (MatchesAll(matchers, series_[*id]->labels)) out.push_back(*id);
    }
    return;
  }
  for (SeriesId id = first; id < next_id(); ++id) {
    if (series_[id] != nullptr && MatchesAll(matchers, series_[id]->labels)) out.push_back(id);
  }
}

}  // namespace drwatch::store
