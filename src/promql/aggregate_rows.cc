// quantile, topk, bottomk and count_values.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/strings.h"
#include "promql/aggregate.h"
#include "promql/quantile.h"

namespace drwatch::promql {
namespace {

// Rows with a value at one step, group by group.
std::vector<std::vector<std::uint32_t>> PresentByGroup(const Grid& grid, const Grouping& grouping,
                                                       std::size_t step, std::size_t steps) {
  std::vector<std::vector<std::uint32_t>> groups(grouping.labels->size());
  for (std::size_t row = 0; row < grid.rows(); ++row) {
    if (IsAbsent(grid.cells[row * steps + step])) continue;
    groups[grouping.group_of_row[row]].push_back(static_cast<std::uint32_t>(row));
  }
  return groups;
}

void WarnAboutQuantiles(Session& session, const Scalars& quantiles, const TextRange& where) {
  const auto [least, most] = std::minmax_element(quantiles.begin(), quantiles.end());
  const bool nan =
      std::any_of(quantiles.begin(), quantiles.end(), [](double q) { return std::isnan(q); });
  if (nan) session.Warn(InvalidQuantile(std::nan("")), where);
  if (*most > 1) session.Warn(InvalidQuantile(*most), where);
  if (*least < 0) session.Warn(InvalidQuantile(*least), where);
}

// False (and an error) if they cannot say how many rows are wanted.
bool CheckCounts(Session& session, const Scalars& counts) {
  constexpr double kLimit = 9223372036854775808.0;
  for (const double count : counts) {
    if (std::isnan(count)) {
      session.Fail("Parameter value is NaN");
    } else if (count <= -kLimit) {
      session.Fail("Scalar value " + FormatShort(count) + " underflows int64");
    } else if (count >= kLimit) {
      session.Fail("Scalar value " + FormatShort(count) + " overflows int64");
    }
  }
  return !session.failed();
}

// Puts the `wanted` first rows of an order in front and drops the rest. NaN comes last either way,
// and of equal values the row that comes first in the vector.
void KeepTop(std::vector<std::uint32_t>& rows, std::size_t wanted, AggregateOp op, const Grid& grid,
             std::size_t step, std::size_t steps) {
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    const double x = grid.cells[a * steps + step];
    const double y = grid.cells[b * steps + step];
    if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
    if (x != y && !std::isnan(x)) return op == AggregateOp::kTopk ? x > y : x < y;
    return a < b;
  };
  wanted = std::min(wanted, rows.size());
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(wanted), rows.end(),
                    before);
  rows.resize(wanted);
}

// As strconv.FormatFloat(value, 'f', -1, 64) writes it: shortest, never with an exponent.
std::string PlainNumber(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[400];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr;
  return {text, end};
}

model::Labels CountValuesLabels(const Column& column, std::size_t row,
                                const AggregateExpr& aggregate, const std::string& label,
                                double value) {
  if (aggregate.without) {
    return PartOfRow(Column({column.At(row).With(label, PlainNumber(value))}, Uniqueness::kUnique),
                     0, aggregate.grouping, LabelChoice::kOthers);
  }
  return PartOfRow(column, row, aggregate.grouping, LabelChoice::kListed)
      .With(label, PlainNumber(value));
}

}  // namespace

Grid EvalQuantile(Evaluation& evaluation, const AggregateExpr& aggregate) {
  const Scalars quantiles = evaluation.EvalScalars(*aggregate.parameter);
  const Grid input = evaluation.EvalVector(*aggregate.operand);
  if (evaluation.session.failed()) return EmptyGrid();
  WarnAboutQuantiles(evaluation.session, quantiles, aggregate.parameter->range);
  const auto grouping = GroupRows(*input.labels, aggregate.grouping, ChoiceOf(aggregate));
  const std::size_t steps = evaluation.timeline.count;
  std::vector<double> results(grouping->labels->size() * steps, Absent());
  std::vector<double> values;
  for (std::size_t step = 0; step < steps; ++step) {
    const auto groups = PresentByGroup(input, *grouping, step, steps);
    for (std::size_t group = 0; group < groups.size(); ++group) {
      if (groups[group].empty()) continue;
      values.clear();
      for (const std::uint32_t row : groups[group])
        values.push_back(input.cells[row * steps + step]);
      results[group * steps + step] = Quantile(quantiles[step], values);
    }
  }
  return {grouping->labels, std::move(results)};
}

Grid EvalTop(Evaluation& evaluation, const AggregateExpr& aggregate) {
  const Scalars counts = evaluation.EvalScalars(*aggregate.parameter);
  Grid input = evaluation.EvalVector(*aggregate.operand);
  if (evaluation.session.failed()) return EmptyGrid();
  if (std::all_of(counts.begin(), counts.end(), [](double count) { return count < 1; })) {
    return EmptyGrid();
  }
  if (!CheckCounts(evaluation.session, counts)) return EmptyGrid();
  const auto grouping = GroupRows(*input.labels, aggregate.grouping, ChoiceOf(aggregate));
  const std::size_t steps = evaluation.timeline.count;
  std::vector<double> kept(input.cells.size(), Absent());
  std::vector<std::size_t> order;
  for (std::size_t step = 0; step < steps; ++step) {
    if (counts[step] < 1) continue;
    const auto wanted =
        static_cast<std::size_t>(std::min(counts[step], static_cast<double>(input.rows())));
    for (std::vector<std::uint32_t>& rows : PresentByGroup(input, *grouping, step, steps)) {
      KeepTop(rows, wanted, aggregate.op, input, step, steps);
      for (const std::uint32_t row : rows)
        kept[row * steps + step] = input.cells[row * steps + step];
      if (steps == 1) order.insert(order.end(), rows.begin(), rows.end());
    }
  }
  if (steps > 1) return {input.labels, std::move(kept)};
  std::vector<double> cells;
  for (const std::size_t row : order) cells.push_back(kept[row]);
  return {input.labels->Rows(order), std::move(cells)};
}

Grid EvalCountValues(Evaluation& evaluation, const AggregateExpr& aggregate) {
  const std::string label = evaluation.EvalString(*aggregate.parameter);
  const Grid input = evaluation.EvalVector(*aggregate.operand);
  if (label.empty() || !base::IsValidUtf8(label)) {
    evaluation.session.Fail("invalid label name " + base::Quote(label));
  }
  if (evaluation.session.failed()) return EmptyGrid();
  const std::size_t steps = evaluation.timeline.count;
  GridByLabels result(steps);
  for (std::size_t row = 0; row < input.rows(); ++row) {
    if (!evaluation.session.CheckTime()) return EmptyGrid();
    for (std::size_t step = 0; step < steps; ++step) {
      const double value = input.cells[row * steps + step];
      if (IsAbsent(value)) continue;
      const std::size_t rows = result.rows();
      const std::size_t target =
          result.RowOf(CountValuesLabels(*input.labels, row, aggregate, label, value));
      // Every value may make a row, and a row has a cell for each step.
      if (result.rows() > rows && !evaluation.session.Spend(steps)) return EmptyGrid();
      double& cell = result.Cell(target, step);
      cell = IsAbsent(cell) ? 1 : cell + 1;
    }
  }
  return std::move(result).Finish();
}

}  // namespace drwatch::promql
