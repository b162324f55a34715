// Times and dates, UTC.
#include <chrono>
#include <cmath>

#include "promql/functions_bodies.h"

namespace drwatch::promql {
namespace {

using Seconds = std::chrono::sys_seconds;
using DatePart = double (*)(Seconds time);

std::chrono::sys_days DayOf(Seconds time) { return std::chrono::floor<std::chrono::days>(time); }
std::chrono::year_month_day DateOf(Seconds time) { return {DayOf(time)}; }

// Years that <chrono> can tell; what is further away is cut.
constexpr double kFarthest = 9e11;

Seconds ToTime(double seconds) {
  if (std::isnan(seconds)) seconds = 0;
  seconds = std::fmin(std::fmax(seconds, -kFarthest), kFarthest);
  return Seconds(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

// Of the values, which are Unix times, or of the evaluation's time without an argument.
NodeValue PartOfDate(Evaluation& evaluation, const Expr& call, DatePart part) {
  const Timeline& timeline = evaluation.timeline;
  if (ArgumentCount(call) == 0) {
    Grid grid{EmptyLabelsColumn(), std::vector<double>(timeline.count)};
    for (std::size_t step = 0; step < timeline.count; ++step) {
      grid.cells[step] = part(ToTime(static_cast<double>(timeline.At(step) / 1000)));
    }
    return {std::move(grid)};
  }
  Grid grid = evaluation.EvalVector(Argument(call, 0));
  for (double& cell : grid.cells) {
    if (!IsAbsent(cell)) cell = part(ToTime(cell));
  }
  return {evaluation.DropNames(std::move(grid))};
}

double PartDay(Seconds time) { return static_cast<unsigned>(DateOf(time).day()); }
double PartWeekday(Seconds time) { return std::chrono::weekday(DayOf(time)).c_encoding(); }
double PartYearDay(Seconds time) {
  const std::chrono::sys_days first(DateOf(time).year() / std::chrono::January / 1);
  return static_cast<double>((DayOf(time) - first).count() + 1);
}
double PartMonthLength(Seconds time) {
  const auto date = DateOf(time);
  return static_cast<unsigned>((date.year() / date.month() / std::chrono::last).day());
}
double PartHour(Seconds time) {
  return static_cast<double>(
      std::chrono::duration_cast<std::chrono::hours>(time - DayOf(time)).count());
}
double PartMinute(Seconds time) {
  return static_cast<double>(
      std::chrono::duration_cast<std::chrono::minutes>(time - DayOf(time)).count() % 60);
}
double PartMonth(Seconds time) { return static_cast<unsigned>(DateOf(time).month()); }
double PartYear(Seconds time) { return static_cast<int>(DateOf(time).year()); }

double SecondsAt(const Timeline& timeline, std::size_t step) {
  return static_cast<double>(timeline.At(step)) / 1000;
}

}  // namespace

NodeValue Time(Evaluation& evaluation, const Expr&) {
  Scalars values(evaluation.timeline.count);
  for (std::size_t step = 0; step < values.size(); ++step) {
    values[step] = SecondsAt(evaluation.timeline, step);
  }
  return {std::move(values)};
}

// The sample's own time is only known to a selector; whatever was calculated is from now.
NodeValue TimestampOf(Evaluation& evaluation, const Expr& call) {
  const Expr& argument = Unwrap(Argument(call, 0));
  if (const auto* selector = std::get_if<VectorSelector>(&argument.node)) {
    return {evaluation.DropNames(evaluation.EvalSelector(*selector, SampleField::kTime))};
  }
  Grid grid = evaluation.EvalVector(argument);
  const std::size_t steps = evaluation.timeline.count;
  for (std::size_t i = 0; i < grid.cells.size(); ++i) {
    if (!IsAbsent(grid.cells[i])) grid.cells[i] = SecondsAt(evaluation.timeline, i % steps);
  }
  return {evaluation.DropNames(std::move(grid))};
}

NodeValue DayOfMonth(Evaluation& evaluation, const Expr& call) {
  return PartOfDate(evaluation, call, PartDay);
}
NodeValue DayOfWeek(Evaluation& evaluation, const Expr& call) {
  return PartOfDate(evaluation, call, PartWeekday);
}
NodeValue DayOfYear(Evaluation& evaluation, const Expr& call) {
  return PartOfDate(evaluation, call, PartYearDay);
}
NodeValue DaysInMonth(Evaluation& evaluation, const Expr& call) {
  return PartOfDate(evaluation, call, PartMonthLength);
}
NodeValue Hour(Evaluation& evaluation, const Expr& call) {
  return PartOfDate(evaluation, call, PartHour);
}
NodeValue Minute(Evaluation& evaluation, const Expr& call) {
  return PartOfDate(evaluation, call, PartMinute);
}
NodeValue Month(Evaluation& evaluation, const Expr& call) {
  return PartOfDate(evaluation, call, PartMonth);
}
NodeValue Year(Evaluation& evaluation, const Expr& call) {
  return PartOfDate(evaluation, call, PartYear);
}

}  // namespace drwatch::promql
