#include "promql/grid.h"

#include <algorithm>
#include <numeric>

namespace drwatch::promql {

GridBuilder::GridBuilder(std::size_t rows, std::size_t steps) : steps_(steps) {
  if (steps == 1) {
    cells_.assign(rows, Absent());
  } else {
    place_.assign(rows, 0);
  }
}

std::span<double> GridBuilder::Row(std::size_t row) {
  if (steps_ == 1) return std::span(cells_).subspan(row, 1);
  if (place_[row] == 0) {
    written_.push_back(row);
    place_[row] = static_cast<std::uint32_t>(written_.size());
    cells_.resize(written_.size() * steps_, Absent());
  }
  return std::span(cells_).subspan((place_[row] - 1) * steps_, steps_);
}

Grid GridBuilder::Finish(const ColumnPtr& labels) && {
  if (steps_ == 1) return {labels, std::move(cells_)};
  const bool ordered = std::is_sorted(written_.begin(), written_.end());
  if (ordered && written_.size() == labels->size()) return {labels, std::move(cells_)};
  if (ordered) return {labels->Rows(written_), std::move(cells_)};
  std::vector<std::size_t> rows = written_;
  std::sort(rows.begin(), rows.end());
  std::vector<double> cells;
  cells.reserve(cells_.size());
  for (const std::size_t row : rows) {
    const std::span<double> from = Row(row);
    cells.insert(cells.end(), from.begin(), from.end());
  }
  const bool all = rows.size() == labels->size();
  return {all ? labels : labels->Rows(rows), std::move(cells)};
}

std::size_t GridByLabels::RowOf(const model::Labels& labels) {
  const auto [row, added] = rows_.try_emplace(labels, sets_.size());
  if (added) {
    sets_.push_back(labels);
    cells_.resize(sets_.size() * steps_, Absent());
  }
  return row->second;
}

Grid GridByLabels::Finish() && {
  return {std::make_shared<const Column>(std::move(sets_), Uniqueness::kUnique), std::move(cells_)};
}

Grid EmptyGrid() {
  static const ColumnPtr none = std::make_shared<const Column>(Column::Sets(), Uniqueness::kUnique);
  return {none, {}};
}

const ColumnPtr& EmptyLabelsColumn() {
  static const ColumnPtr one = std::make_shared<const Column>(Column::Sets(1), Uniqueness::kUnique);
  return one;
}

Grid Repeat(Grid grid, std::size_t steps) {
  if (steps == 1) return grid;
  std::vector<double> cells;
  cells.reserve(grid.cells.size() * steps);
  for (const double cell : grid.cells) cells.insert(cells.end(), steps, cell);
  grid.cells = std::move(cells);
  return grid;
}

bool MergeDuplicates(Grid& grid, std::size_t steps) {
  if (!grid.labels->HasDuplicates()) return true;
  GridByLabels merged(steps);
  for (std::size_t row = 0; row < grid.rows(); ++row) {
    const std::size_t target = merged.RowOf(grid.labels->At(row));
    const std::span<const double> cells = std::as_const(grid).Row(row, steps);
    for (std::size_t step = 0; step < steps; ++step) {
      if (IsAbsent(cells[step])) continue;
      double& cell = merged.Cell(target, step);
      if (!IsAbsent(cell)) return false;
      cell = cells[step];
    }
  }
  grid = std::move(merged).Finish();
  return true;
}

}  // namespace drwatch::promql
