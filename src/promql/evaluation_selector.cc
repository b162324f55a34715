// Instant selectors: the newest sample of each series within the lookback.
#include <algorithm>

#include "promql/evaluation.h"

namespace drwatch::promql {
namespace {

double FieldOf(const model::Sample& sample, SampleField field) {
  return field == SampleField::kValue ? sample.value : base::ToUnixSeconds(sample.time);
}

class LatestAtSteps final : public RowVisitor {
 public:
  LatestAtSteps(Session& session, const Timeline& timeline, std::int64_t offset, SampleField field)
      : session_(session), timeline_(timeline), offset_(offset), field_(field) {}

  void Begin(std::size_t rows) override { builder_.emplace(rows, timeline_.count); }
  void Visit(std::size_t row, std::span<const model::Sample> samples) override {
    if (!session_.Spend(samples.size() + timeline_.count)) return;
    std::size_t next = 0;
    for (std::size_t step = 0; step < timeline_.count; ++step) {
      const std::int64_t at = timeline_.At(step) - offset_;
      while (next < samples.size() && base::ToUnixMillis(samples[next].time) <= at) ++next;
      if (next == 0) continue;
      const model::Sample& sample = samples[next - 1];
      const std::int64_t oldest = at - session_.options.lookback.count();
      if (base::ToUnixMillis(sample.time) <= oldest || model::IsStaleNan(sample.value)) continue;
      builder_->Row(row)[step] = FieldOf(sample, field_);
    }
  }
  Grid Finish(const ColumnPtr& labels) { return std::move(*builder_).Finish(labels); }

 private:
  Session& session_;
  const Timeline& timeline_;
  const std::int64_t offset_;
  const SampleField field_;
  std::optional<GridBuilder> builder_;
};

// Only rows with a value.
Grid Present(Grid grid) {
  std::vector<std::size_t> rows;
  std::vector<double> cells;
  for (std::size_t row = 0; row < grid.cells.size(); ++row) {
    if (IsAbsent(grid.cells[row])) continue;
    rows.push_back(row);
    cells.push_back(grid.cells[row]);
  }
  return {grid.labels->Rows(rows), std::move(cells)};
}

Grid LatestAt(Session& session, const VectorSelector& selector, std::int64_t at,
              SampleField field) {
  const std::int64_t lookback = session.options.lookback.count();
  while (true) {
    const CachedSelection selection = session.selections.Get(selector.matchers);
    std::vector<double> values(selection.labels->size());
    std::vector<std::int64_t> times(field == SampleField::kTime ? values.size() : 0);
    if (!session.selections.reader().ReadLatest(*selection.series, at, lookback, values, times)) {
      continue;
    }
    session.Spend(values.size());
    for (std::size_t row = 0; row < times.size(); ++row) {
      if (!IsAbsent(values[row])) values[row] = base::ToSeconds(base::Duration(times[row]));
    }
    return {selection.labels, std::move(values)};
  }
}

}  // namespace

std::int64_t ShiftedTime(const TimeShift& shift, const Session& session, std::int64_t now) {
  std::int64_t at = now;
  switch (shift.at) {
    case TimeShift::At::kNone:
      break;
    case TimeShift::At::kTime:
      at = base::ToUnixMillis(shift.at_time);
      break;
    case TimeShift::At::kStart:
      at = session.query_start;
      break;
    case TimeShift::At::kEnd:
      at = session.query_end;
      break;
  }
  // Far beyond any sample, and far enough from overflow for what is added and taken off later.
  constexpr std::int64_t kFar = std::int64_t{1} << 60;
  return std::clamp(at, -kFar, kFar) - std::clamp(shift.offset.count(), -kFar, kFar);
}

Grid Evaluation::EvalSelector(const VectorSelector& selector, SampleField field) {
  const std::int64_t first = ShiftedTime(selector.shift, session, timeline.start);
  if (timeline.count == 1) return LatestAt(session, selector, first, field);
  if (selector.shift.at != TimeShift::At::kNone) {
    Grid once = Present(LatestAt(session, selector, first, field));
    if (!session.Spend(once.rows() * timeline.count)) return EmptyGrid();
    return Repeat(std::move(once), timeline.count);
  }
  LatestAtSteps visitor(session, timeline, timeline.start - first, field);
  const std::int64_t last = ShiftedTime(selector.shift, session, timeline.end());
  while (true) {
    const CachedSelection selection = session.selections.Get(selector.matchers);
    visitor.Begin(selection.labels->size());
    if (session.selections.reader().ReadRange(
            *selection.series, first - session.options.lookback.count(), last,
            store::StaleMarkers::kKeep, store::Visits::kNeverLock, visitor)) {
      return visitor.Finish(selection.labels);
    }
  }
}

}  // namespace drwatch::promql
