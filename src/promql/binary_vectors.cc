// Binary operators between two vectors.
#include <algorithm>
#include <set>

#include "promql/binary.h"
#include "promql/match.h"

namespace drwatch::promql {
namespace {

constexpr std::uint32_t kNobody = 0xffffffff;

const VectorMatching& MatchingOf(const BinaryExpr& binary) {
  static const VectorMatching plain;
  return binary.matching ? *binary.matching : plain;
}

// The result of one pair; absent if a comparison filters it out.
double Combine(const BinaryExpr& binary, double left, double right) {
  if (!IsComparison(binary.op)) return Calculate(binary.op, left, right);
  const bool holds = Compare(binary.op, left, right);
  if (binary.return_bool) return holds ? 1 : 0;
  return holds ? left : Absent();
}

// As Go prints label sets: {__name__="up", job="x"}.
std::string InBraces(const model::Labels& labels) {
  std::string text;
  for (const model::LabelView label : labels) {
    if (!text.empty()) text += ", ";
    text += model::IsValidLabelName(label.name) ? std::string(label.name)
                                                : model::QuoteLabelValue(label.name);
    text += "=" + model::QuoteLabelValue(label.value);
  }
  return "{" + text + "}";
}

ResultNames NamesOf(const BinaryExpr& binary) {
  if (binary.return_bool) return ResultNames::kDropAtEnd;
  return IsComparison(binary.op) ? ResultNames::kKeep : ResultNames::kDrop;
}

Grid CombinePlanned(const Evaluation& evaluation, const BinaryExpr& binary, const PairPlan& plan,
                    const Grid& many, const Grid& one) {
  const std::size_t steps = evaluation.timeline.count;
  const bool swapped = MatchingOf(binary).cardinality == MatchCardinality::kOneToMany;
  std::vector<double> cells(plan.many_rows.size() * steps);
  std::size_t out = 0;
  for (std::size_t pair = 0; pair < plan.many_rows.size(); ++pair) {
    const double* a = many.cells.data() + plan.many_rows[pair] * steps;
    const double* b = one.cells.data() + plan.one_rows[pair] * steps;
    for (std::size_t step = 0; step < steps; ++step, ++out) {
      if (IsAbsent(a[step]) || IsAbsent(b[step])) {
        cells[out] = Absent();
      } else {
        cells[out] =
            swapped ? Combine(binary, b[step], a[step]) : Combine(binary, a[step], b[step]);
      }
    }
  }
  return {plan.results, std::move(cells)};
}

// Step by step, with every check that the labels alone do not decide.
class Matcher {
 public:
  Matcher(Evaluation& evaluation, const BinaryExpr& binary, const Grid& left, const Grid& right,
          const MatchKeys& keys)
      : evaluation_(evaluation),
        binary_(binary),
        matching_(MatchingOf(binary)),
        swapped_(matching_.cardinality == MatchCardinality::kOneToMany),
        many_(swapped_ ? right : left),
        one_(swapped_ ? left : right),
        many_keys_(swapped_ ? keys.right : keys.left),
        one_keys_(swapped_ ? keys.left : keys.right),
        key_count_(keys.count()),
        steps_(evaluation.timeline.count),
        results_(steps_) {}

  Grid Run() {
    for (std::size_t step = 0; step < steps_ && evaluation_.session.CheckTime(); ++step) {
      if (AnyAt(many_, step) && AnyAt(one_, step) && FillOne(step)) CombineAt(step);
    }
    return evaluation_.session.failed() ? EmptyGrid() : std::move(results_).Finish();
  }

 private:
  bool AnyAt(const Grid& grid, std::size_t step) const {
    for (std::size_t row = 0; row < grid.rows(); ++row) {
      if (!IsAbsent(grid.cells[row * steps_ + step])) return true;
    }
    return false;
  }

  // Finds the row of the "one" side for each key; false if there are two.
  bool FillOne(std::size_t step) {
    one_of_key_.assign(key_count_, kNobody);
    for (std::uint32_t row = 0; row < one_.rows(); ++row) {
      if (IsAbsent(one_.cells[row * steps_ + step])) continue;
      std::uint32_t& known = one_of_key_[one_keys_[row]];
      if (known != kNobody) {
        FailDuplicate(row, known);
        return false;
      }
      known = row;
    }
    return true;
  }

  void FailDuplicate(std::size_t row, std::size_t other) {
    const model::Labels group = PartOfRow(*one_.labels, row, matching_.labels, ChoiceOf(matching_));
    evaluation_.session.Fail(
        "found duplicate series for the match group " + InBraces(group) + " on the " +
        (swapped_ ? "left" : "right") + " hand-side of the operation: [" +
        InBraces(one_.labels->At(row)) + ", " + InBraces(one_.labels->At(other)) +
        "];many-to-many matching not allowed: matching labels must be unique on one side");
  }

  void CombineAt(std::size_t step) {
    matched_.clear();
    for (std::size_t row = 0; row < many_.rows(); ++row) {
      const double value = many_.cells[row * steps_ + step];
      const std::uint32_t partner = one_of_key_[many_keys_[row]];
      if (IsAbsent(value) || partner == kNobody) continue;
      const model::Labels labels =
          ResultLabels(*many_.labels, row, *one_.labels, partner, matching_, NamesOf(binary_));
      if (!Remember(many_keys_[row], labels)) return;
      const double other = one_.cells[partner * steps_ + step];
      const double result =
          swapped_ ? Combine(binary_, other, value) : Combine(binary_, value, other);
      if (IsAbsent(result)) continue;
      const std::size_t known = results_.rows();
      const std::size_t target = results_.RowOf(labels);
      if (results_.rows() > known && !evaluation_.session.Spend(steps_)) return;
      double& cell = results_.Cell(target, step);
      if (!IsAbsent(cell)) {
        evaluation_.session.Fail("vector cannot contain metrics with the same labelset");
        return;
      }
      cell = result;
    }
  }

  // Notes a match of this step; false if it may not be there again.
  bool Remember(std::uint32_t key, const model::Labels& labels) {
    if (matching_.cardinality == MatchCardinality::kOneToOne) {
      if (matched_.emplace(key, model::Labels()).second) return true;
      evaluation_.session.Fail(
          "multiple matches for labels: many-to-one matching must be explicit "
          "(group_left/group_right)");
      return false;
    }
    if (matched_.emplace(key, labels).second) return true;
    evaluation_.session.Fail(
        "multiple matches for labels: grouping labels must ensure unique matches");
    return false;
  }

  Evaluation& evaluation_;
  const BinaryExpr& binary_;
  const VectorMatching& matching_;
  const bool swapped_;
  const Grid& many_;
  const Grid& one_;
  const std::vector<std::uint32_t>& many_keys_;
  const std::vector<std::uint32_t>& one_keys_;
  const std::size_t key_count_;
  const std::size_t steps_;
  GridByLabels results_;
  std::vector<std::uint32_t> one_of_key_;
  std::set<std::pair<std::uint32_t, model::Labels>> matched_;
};

// Which keys have a value at which step: present[key * steps + step].
std::vector<char> PresentKeys(const Grid& grid, const std::vector<std::uint32_t>& keys,
                              std::size_t count, std::size_t steps) {
  std::vector<char> present(count * steps, 0);
  for (std::size_t row = 0; row < grid.rows(); ++row) {
    for (std::size_t step = 0; step < steps; ++step) {
      if (!IsAbsent(grid.cells[row * steps + step])) present[keys[row] * steps + step] = 1;
    }
  }
  return present;
}

// Takes out cells whose key is (or is not) among the present ones.
void Mask(Grid& grid, const std::vector<std::uint32_t>& keys, const std::vector<char>& present,
          std::size_t steps, char wanted) {
  for (std::size_t row = 0; row < grid.rows(); ++row) {
    for (std::size_t step = 0; step < steps; ++step) {
      if (present[keys[row] * steps + step] != wanted) grid.cells[row * steps + step] = Absent();
    }
  }
}

ColumnPtr Joined(const ColumnPtr& left, const ColumnPtr& right) {
  return left->Cached<Column>("joined:" + std::to_string(right->id()), [&] {
    Column::Sets sets;
    sets.reserve(left->size() + right->size());
    for (std::size_t row = 0; row < left->size(); ++row) sets.push_back(left->At(row));
    for (std::size_t row = 0; row < right->size(); ++row) sets.push_back(right->At(row));
    return std::make_shared<const Column>(std::move(sets), Uniqueness::kUnknown);
  });
}

}  // namespace

Grid SetOperation(Evaluation& evaluation, const BinaryExpr& binary, Grid left, Grid right) {
  const std::size_t steps = evaluation.timeline.count;
  const auto keys = KeysOf(left.labels, right.labels, MatchingOf(binary));
  if (binary.op != BinaryOp::kOr) {
    const auto present = PresentKeys(right, keys->right, keys->count(), steps);
    Mask(left, keys->left, present, steps, binary.op == BinaryOp::kAnd ? 1 : 0);
    return left;
  }
  Mask(right, keys->right, PresentKeys(left, keys->left, keys->count(), steps), steps, 0);
  if (right.rows() == 0) return left;
  if (left.rows() == 0) return right;
  left.labels = Joined(left.labels, right.labels);
  left.cells.insert(left.cells.end(), right.cells.begin(), right.cells.end());
  return evaluation.Merge(std::move(left));
}

Grid BetweenVectors(Evaluation& evaluation, const BinaryExpr& binary, const Grid& left,
                    const Grid& right) {
  const VectorMatching& matching = MatchingOf(binary);
  const auto keys = KeysOf(left.labels, right.labels, matching);
  const bool swapped = matching.cardinality == MatchCardinality::kOneToMany;
  const Grid& many = swapped ? right : left;
  const Grid& one = swapped ? left : right;
  const auto plan = PlanPairs(many.labels, one.labels, *keys, matching, NamesOf(binary));
  if (plan->simple) return CombinePlanned(evaluation, binary, *plan, many, one);
  return Matcher(evaluation, binary, left, right, *keys).Run();
}

}  // namespace drwatch::promql
