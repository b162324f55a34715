// Which rows of two vectors belong together.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "promql/ast.h"
#include "promql/column.h"

namespace drwatch::promql {

// The rows of both sides by what they are matched on: equal keys belong together.
struct MatchKeys {
  std::vector<std::uint32_t> left;
  std::vector<std::uint32_t> right;
  Column::Sets labels;  // of the keys
  std::size_t count() const { return labels.size(); }
};
std::shared_ptr<const MatchKeys> KeysOf(const ColumnPtr& left, const ColumnPtr& right,
                                        const VectorMatching& matching);

// What of the left rows' metric names a result keeps.
enum class ResultNames { kKeep, kDrop, kDropAtEnd };

// The labels of a result; "one" is the side of which at most one row may match.
model::Labels ResultLabels(const Column& many, std::size_t many_row, const Column& one,
                           std::size_t one_row, const VectorMatching& matching, ResultNames names);

// The common case worked out beforehand: no key is there twice where it must not be and all results
// have different labels, so that nothing can clash at any step.
struct PairPlan {
  bool simple = false;  // if not, the rest is empty
  std::vector<std::uint32_t> many_rows;
  std::vector<std::uint32_t> one_rows;  // beside them
  ColumnPtr results;
};
std::shared_ptr<const PairPlan> PlanPairs(const ColumnPtr& many, const ColumnPtr& one,
                                          const MatchKeys& keys, const VectorMatching& matching,
                                          ResultNames names);

inline LabelChoice ChoiceOf(const VectorMatching& matching) {
  return matching.on ? LabelChoice::kListed : LabelChoice::kOthers;
}
// Names the matching, for caches.
std::string MatchingText(const VectorMatching& matching);

}  // namespace drwatch::promql
