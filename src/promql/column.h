// The label sets of a vector's rows, apart from the values.
//
// A selection keeps one Column as long as its series stay the same, so whatever an expression works
// out about labels (groups, matches, names dropped) is kept with the column and found again by the
// next evaluation.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/labels.h"

namespace drwatch::promql {

class Column;
using ColumnPtr = std::shared_ptr<const Column>;

enum class Uniqueness { kUnique, kUnknown };

// Immutable for its users; any thread. Lives in a ColumnPtr.
class Column : public std::enable_shared_from_this<Column> {
 public:
  using Sets = std::vector<model::Labels>;

  // kUnique promises that no two sets are equal.
  Column(Sets sets, Uniqueness uniqueness);
  Column(std::shared_ptr<const Sets> sets, Uniqueness uniqueness)
      : Column(std::move(sets), uniqueness, NameState::kKept) {}

  std::size_t size() const { return sets_->size(); }
  // Never given to another column of this process.
  std::uint64_t id() const { return id_; }
  // The labels of a row; builds them if the name was dropped.
  model::Labels At(std::size_t row) const;
  // The metric name, or "" if there is none or it was dropped.
  std::string_view NameAt(std::size_t row) const;
  // Calls `use` with each label of the row that At() would have.
  template <typename Use>
  void ForEachLabel(std::size_t row, Use use) const {
    for (const model::LabelView label : (*sets_)[row]) {
      if (name_ == NameState::kKept || !IsMetadataLabel(label.name)) use(label);
    }
  }

  // The same rows without metric name (and type and unit, which belong to it).
  ColumnPtr WithoutName() const;
  // Some rows, in the order given.
  ColumnPtr Rows(const std::vector<std::size_t>& rows) const;
  // True if two rows have equal labels.
  bool HasDuplicates() const;

  // What `make` returned for `key` before, or returns now. A key names the type, too. Bounded: old
  // results are forgotten when there are many.
  template <typename T, typename Make>
  std::shared_ptr<const T> Cached(const std::string& key, Make make) const {
    if (auto known = FindCached(key)) return std::static_pointer_cast<const T>(known);
    std::shared_ptr<const T> made = make();
    KeepCached(key, made);
    return made;
  }

  static constexpr std::string_view kTypeLabel = "__type__";
  static constexpr std::string_view kUnitLabel = "__unit__";
  static bool IsMetadataLabel(std::string_view name) {
    return name == model::kMetricName || name == kTypeLabel || name == kUnitLabel;
  }

 private:
  enum class NameState { kKept, kDropped };
  static constexpr std::size_t kMaxCached = 32;

  // `uniqueness` is about the sets as they are stored.
  Column(std::shared_ptr<const Sets> sets, Uniqueness uniqueness, NameState name);
  bool HaveOneName() const;
  std::shared_ptr<const void> FindCached(const std::string& key) const;
  void KeepCached(const std::string& key, std::shared_ptr<const void> value) const;

  const std::shared_ptr<const Sets> sets_;
  const Uniqueness uniqueness_;
  const NameState name_;
  const std::uint64_t id_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::shared_ptr<const void>> cache_;
};

// Which labels count: those of a list, or all others but the metric name.
enum class LabelChoice { kListed, kOthers };

// How rows fall into the groups of an aggregation.
struct Grouping {
  std::vector<std::uint32_t> group_of_row;
  ColumnPtr labels;  // of the groups, in the order of their first rows
};
std::shared_ptr<const Grouping> GroupRows(const Column& column,
                                          const std::vector<std::string>& list, LabelChoice choice);

// The labels of a row that a group or a match is made of.
model::Labels PartOfRow(const Column& column, std::size_t row, const std::vector<std::string>& list,
                        LabelChoice choice);

}  // namespace drwatch::promql
