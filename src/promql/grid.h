// The values of an expression at every step: what nodes of the evaluation hand to each other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "model/sample.h"
#include "promql/column.h"

namespace drwatch::promql {

// Stands in a cell that has no value. Stale markers never are values, and arithmetic cannot make
// one: a NaN that comes out of it is a quiet one.
inline double Absent() { return model::StaleNan(); }
inline bool IsAbsent(double cell) { return model::IsStaleNan(cell); }

// The times of an evaluation: `count` of them, at least one, in milliseconds.
struct Timeline {
  std::int64_t start = 0;
  std::int64_t step = 1;
  std::size_t count = 1;

  std::int64_t At(std::size_t i) const { return start + step * static_cast<std::int64_t>(i); }
  std::int64_t end() const { return At(count - 1); }
};

// An instant vector at every step. Row by row: cells[row * steps + step].
struct Grid {
  ColumnPtr labels;
  std::vector<double> cells;

  std::size_t rows() const { return labels->size(); }
  std::span<double> Row(std::size_t row, std::size_t steps) {
    return std::span(cells).subspan(row * steps, steps);
  }
  std::span<const double> Row(std::size_t row, std::size_t steps) const {
    return std::span(cells).subspan(row * steps, steps);
  }
};

// A scalar at every step.
using Scalars = std::vector<double>;

struct NodeValue {
  std::variant<Grid, Scalars, std::string> value;
};

// Makes a grid row by row, in any order. With one step every row of the column stays, so that the
// column (and what it remembers) is the same next time; with more only the rows that were written.
class GridBuilder {
 public:
  GridBuilder(std::size_t rows, std::size_t steps);
  // The cells of a row, absent at first.
  std::span<double> Row(std::size_t row);
  Grid Finish(const ColumnPtr& labels) &&;

 private:
  std::size_t steps_;
  std::vector<double> cells_;
  std::vector<std::size_t> written_;  // rows in the order of their cells; unused with one step
  std::vector<std::uint32_t> place_;  // of a row among them, from 1; 0 is not written
};

// Rows that are made while going on: one per label set.
class GridByLabels {
 public:
  explicit GridByLabels(std::size_t steps) : steps_(steps) {}
  std::size_t RowOf(const model::Labels& labels);
  std::size_t rows() const { return sets_.size(); }
  double& Cell(std::size_t row, std::size_t step) { return cells_[row * steps_ + step]; }
  Grid Finish() &&;

 private:
  std::size_t steps_;
  Column::Sets sets_;
  std::vector<double> cells_;
  std::unordered_map<model::Labels, std::size_t, model::LabelsHash> rows_;
};

// No rows.
Grid EmptyGrid();
// One row, {}.
const ColumnPtr& EmptyLabelsColumn();
// The first cell of every row at each of `steps`.
Grid Repeat(Grid grid, std::size_t steps);
// Puts rows with equal labels together. False if two of them have a value at the same step.
bool MergeDuplicates(Grid& grid, std::size_t steps);

}  // namespace drwatch::promql
