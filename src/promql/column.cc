#include "promql/column.h"

#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <unordered_set>

#include "base/strings.h"

namespace drwatch::promql {
namespace {

std::uint64_t NextId() {
  static std::atomic<std::uint64_t> next = 1;
  return next.fetch_add(1, std::memory_order_relaxed);
}

bool Contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

Column::Column(Sets sets, Uniqueness uniqueness)
    : Column(std::make_shared<const Sets>(std::move(sets)), uniqueness) {}

Column::Column(std::shared_ptr<const Sets> sets, Uniqueness uniqueness, NameState name)
    : sets_(std::move(sets)), uniqueness_(uniqueness), name_(name), id_(NextId()) {}

model::Labels Column::At(std::size_t row) const {
  const model::Labels& stored = (*sets_)[row];
  if (name_ == NameState::kKept) return stored;
  std::vector<model::LabelView> kept;
  kept.reserve(stored.size());
  ForEachLabel(row, [&kept](model::LabelView label) { kept.push_back(label); });
  return kept.size() == stored.size() ? stored : model::Labels::FromSorted(kept);
}

std::string_view Column::NameAt(std::size_t row) const {
  return name_ == NameState::kKept ? (*sets_)[row].MetricName() : std::string_view();
}

ColumnPtr Column::WithoutName() const {
  if (name_ == NameState::kDropped) return shared_from_this();
  return Cached<Column>("nameless", [this] {
    return ColumnPtr(new Column(sets_, uniqueness_, NameState::kDropped));
  });
}

ColumnPtr Column::Rows(const std::vector<std::size_t>& rows) const {
  Sets kept;
  kept.reserve(rows.size());
  for (const std::size_t row : rows) kept.push_back((*sets_)[row]);
  // A part of distinct rows is distinct, unless a row is in it twice, which nobody asks for.
  return ColumnPtr(new Column(std::make_shared<const Sets>(std::move(kept)), uniqueness_, name_));
}

// Then dropping it leaves different sets different.
bool Column::HaveOneName() const {
  const model::Labels& first = (*sets_)[0];
  for (const std::string_view name : {model::kMetricName, kTypeLabel, kUnitLabel}) {
    const std::string_view value = first.Get(name);
    if (std::any_of(sets_->begin(), sets_->end(),
                    [&](const model::Labels& labels) { return labels.Get(name) != value; })) {
      return false;
    }
  }
  return true;
}

bool Column::HasDuplicates() const {
  if (size() < 2) return false;
  if (uniqueness_ == Uniqueness::kUnique && name_ == NameState::kKept) return false;
  return *Cached<bool>("duplicates", [this] {
    bool found = false;
    if (uniqueness_ == Uniqueness::kUnknown || !HaveOneName()) {
      std::unordered_set<model::Labels, model::LabelsHash> seen;
      for (std::size_t row = 0; row < size() && !found; ++row) {
        found = !seen.insert(At(row)).second;
      }
    }
    return std::make_shared<const bool>(found);
  });
}

std::shared_ptr<const void> Column::FindCached(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto known = cache_.find(key);
  return known == cache_.end() ? nullptr : known->second;
}

void Column::KeepCached(const std::string& key, std::shared_ptr<const void> value) const {
  const std::lock_guard lock(mutex_);
  if (cache_.size() >= kMaxCached) cache_.clear();
  cache_.insert_or_assign(key, std::move(value));
}

model::Labels PartOfRow(const Column& column, std::size_t row, const std::vector<std::string>& list,
                        LabelChoice choice) {
  std::vector<model::LabelView> kept;
  column.ForEachLabel(row, [&](model::LabelView label) {
    const bool listed = Contains(list, label.name);
    if (choice == LabelChoice::kListed ? listed : !listed && label.name != model::kMetricName) {
      kept.push_back(label);
    }
  });
  return model::Labels::FromSorted(kept);
}

std::shared_ptr<const Grouping> GroupRows(const Column& column,
                                          const std::vector<std::string>& list,
                                          LabelChoice choice) {
  const std::string key =
      (choice == LabelChoice::kOthers ? "without:" : "by:") + base::Join(list, "\xff");
  return column.Cached<Grouping>(key, [&] {
    auto grouping = std::make_shared<Grouping>();
    grouping->group_of_row.reserve(column.size());
    std::unordered_map<model::Labels, std::uint32_t, model::LabelsHash> groups;
    Column::Sets sets;
    for (std::size_t row = 0; row < column.size(); ++row) {
      const auto next = static_cast<std::uint32_t>(sets.size());
      const auto [group, added] = groups.try_emplace(PartOfRow(column, row, list, choice), next);
      if (added) sets.push_back(group->first);
      grouping->group_of_row.push_back(group->second);
    }
    grouping->labels = std::make_shared<const Column>(std::move(sets), Uniqueness::kUnique);
    return std::shared_ptr<const Grouping>(std::move(grouping));
  });
}

}  // namespace drwatch::promql
