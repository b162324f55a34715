#include "promql/match.h"

#include <algorithm>
#include <unordered_map>

#include "base/strings.h"

namespace drwatch::promql {
namespace {

constexpr std::uint32_t kNobody = 0xffffffff;

bool Contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// Of each key its only row; false if a key has two.
bool OnlyRows(const std::vector<std::uint32_t>& keys, std::size_t count,
              std::vector<std::uint32_t>& rows) {
  rows.assign(count, kNobody);
  for (std::uint32_t row = 0; row < keys.size(); ++row) {
    if (rows[keys[row]] != kNobody) return false;
    rows[keys[row]] = row;
  }
  return true;
}

// One to one, the result has just the labels that were matched, unless it keeps its name.
bool ResultIsKey(const model::Labels& key, const VectorMatching& matching, ResultNames names) {
  return matching.cardinality == MatchCardinality::kOneToOne && names == ResultNames::kDrop &&
         matching.include.empty() && !key.Has(model::kMetricName) && !key.Has(Column::kTypeLabel) &&
         !key.Has(Column::kUnitLabel);
}

PairPlan MakePlan(const ColumnPtr& many, const ColumnPtr& one, const MatchKeys& keys,
                  const VectorMatching& matching, ResultNames names) {
  const bool swapped = matching.cardinality == MatchCardinality::kOneToMany;
  const std::vector<std::uint32_t>& many_keys = swapped ? keys.right : keys.left;
  const std::vector<std::uint32_t>& one_keys = swapped ? keys.left : keys.right;
  std::vector<std::uint32_t> one_of_key;
  std::vector<std::uint32_t> unused;
  PairPlan plan;
  if (!OnlyRows(one_keys, keys.count(), one_of_key)) return plan;
  if (matching.cardinality == MatchCardinality::kOneToOne &&
      !OnlyRows(many_keys, keys.count(), unused)) {
    return plan;
  }
  Column::Sets sets;
  for (std::uint32_t row = 0; row < many_keys.size(); ++row) {
    const std::uint32_t partner = one_of_key[many_keys[row]];
    if (partner == kNobody) continue;
    plan.many_rows.push_back(row);
    plan.one_rows.push_back(partner);
    const model::Labels& key = keys.labels[many_keys[row]];
    sets.push_back(ResultIsKey(key, matching, names)
                       ? key
                       : ResultLabels(*many, row, *one, partner, matching, names));
  }
  // One to one, results differ because keys do.
  const bool distinct = matching.cardinality == MatchCardinality::kOneToOne;
  plan.results = std::make_shared<const Column>(
      std::move(sets), distinct ? Uniqueness::kUnique : Uniqueness::kUnknown);
  plan.simple = !plan.results->HasDuplicates();
  if (!plan.simple) return {};
  return plan;
}

}  // namespace

std::string MatchingText(const VectorMatching& matching) {
  return std::to_string(static_cast<int>(matching.cardinality)) + (matching.on ? "on" : "ig") +
         base::Join(matching.labels, "\xff") + "\xfe" + base::Join(matching.include, "\xff");
}

std::shared_ptr<const MatchKeys> KeysOf(const ColumnPtr& left, const ColumnPtr& right,
                                        const VectorMatching& matching) {
  const std::string key = "keys:" + std::to_string(right->id()) + ":" + MatchingText(matching);
  return left->Cached<MatchKeys>(key, [&] {
    auto made = std::make_shared<MatchKeys>();
    std::unordered_map<model::Labels, std::uint32_t, model::LabelsHash> keys;
    const auto add = [&](const Column& column, std::vector<std::uint32_t>& rows) {
      rows.reserve(column.size());
      for (std::size_t row = 0; row < column.size(); ++row) {
        const auto next = static_cast<std::uint32_t>(keys.size());
        const auto [known, added] =
            keys.try_emplace(PartOfRow(column, row, matching.labels, ChoiceOf(matching)), next);
        if (added) made->labels.push_back(known->first);
        rows.push_back(known->second);
      }
    };
    add(*left, made->left);
    add(*right, made->right);
    return std::shared_ptr<const MatchKeys>(std::move(made));
  });
}

model::Labels ResultLabels(const Column& many, std::size_t many_row, const Column& one,
                           std::size_t one_row, const VectorMatching& matching, ResultNames names) {
  std::vector<model::LabelView> kept;
  many.ForEachLabel(many_row, [&](model::LabelView label) {
    if (names == ResultNames::kDrop && Column::IsMetadataLabel(label.name)) return;
    if (matching.cardinality == MatchCardinality::kOneToOne &&
        Contains(matching.labels, label.name) != matching.on) {
      return;
    }
    if (Contains(matching.include, label.name)) return;
    kept.push_back(label);
  });
  if (!matching.include.empty()) {
    one.ForEachLabel(one_row, [&](model::LabelView label) {
      if (Contains(matching.include, label.name)) kept.push_back(label);
    });
    std::sort(kept.begin(), kept.end(),
              [](const model::LabelView& a, const model::LabelView& b) { return a.name < b.name; });
  }
  if (names == ResultNames::kDropAtEnd) {
    std::erase_if(kept, [](const model::LabelView& l) { return Column::IsMetadataLabel(l.name); });
  }
  return model::Labels::FromSorted(kept);
}

std::shared_ptr<const PairPlan> PlanPairs(const ColumnPtr& many, const ColumnPtr& one,
                                          const MatchKeys& keys, const VectorMatching& matching,
                                          ResultNames names) {
  const std::string key = "pairs:" + std::to_string(one->id()) + ":" +
                          std::to_string(static_cast<int>(names)) + MatchingText(matching);
  return many->Cached<PairPlan>(key, [&] {
    return std::make_shared<const PairPlan>(MakePlan(many, one, keys, matching, names));
  });
}

}  // namespace drwatch::promql
