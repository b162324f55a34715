// Times and dates, UTC.
#include <chrono>
#include <cmath>
#include <cstdint>

#include "promql/functions_bodies.h"

namespace drwatch::promql {
namespace {

using Seconds = std::chrono::sys_seconds;

// <chrono> ends in the year 32767, Prometheus does not: a time in milliseconds by mistake has an
// hour and a year there too. So a moment is counted from its cycle of the calendar, which repeats
// after 400 years, weekdays included.
struct Moment {
  std::int64_t cycle = 0;
  Seconds time{};
};
using DatePart = double (*)(const Moment& moment);

constexpr std::int64_t kCycleSeconds = 146'097LL * 86'400;

std::chrono::sys_days DayOf(const Moment& moment) {
  return std::chrono::floor<std::chrono::days>(moment.time);
}
std::chrono::year_month_day DateOf(const Moment& moment) { return {DayOf(moment)}; }

Moment MomentAt(std::int64_t seconds) {
  const std::int64_t cycle = seconds / kCycleSeconds;
  return {cycle, Seconds(std::chrono::seconds(seconds % kCycleSeconds))};
}

// Fractions are cut. NaN is 1970, what exceeds 64 bits the first or last second in them.
Moment ToMoment(double seconds) {
  constexpr double kFarthest = 9'223'372'036'854'774'784.0;
  if (std::isnan(seconds)) return {};
  return MomentAt(static_cast<std::int64_t>(std::fmin(std::fmax(seconds, -kFarthest), kFarthest)));
}

// Of the values, which are Unix times, or of the evaluation's time without an argument.
NodeValue PartOfDate(Evaluation& evaluation, const Expr& call, DatePart part) {
  const Timeline& timeline = evaluation.timeline;
  if (ArgumentCount(call) == 0) {
    Grid grid{EmptyLabelsColumn(), std::vector<double>(timeline.count)};
    for (std::size_t step = 0; step < timeline.count; ++step) {
      grid.cells[step] = part(MomentAt(timeline.At(step) / 1000));
    }
    return {std::move(grid)};
  }
  Grid grid = evaluation.EvalVector(Argument(call, 0));
  for (double& cell : grid.cells) {
    if (!IsAbsent(cell)) cell = part(ToMoment(cell));
  }
  return {evaluation.DropNames(std::move(grid))};
}

double PartDay(const Moment& moment) { return static_cast<unsigned>(DateOf(moment).day()); }
double PartWeekday(const Moment& moment) {
  return std::chrono::weekday(DayOf(moment)).c_encoding();
}
double PartYearDay(const Moment& moment) {
  const std::chrono::sys_days first(DateOf(moment).year() / std::chrono::January / 1);
  return static_cast<double>((DayOf(moment) - first).count() + 1);
}
double PartMonthLength(const Moment& moment) {
  const auto date = DateOf(moment);
  return static_cast<unsigned>((date.year() / date.month() / std::chrono::last).day());
}
double PartHour(const Moment& moment) {
  return static_cast<double>(
      std::chrono::duration_cast<std::chrono::hours>(moment.time - DayOf(moment)).count());
}
double PartMinute(const Moment& moment) {
  return static_cast<double>(
      std::chrono::duration_cast<std::chrono::minutes>(moment.time - DayOf(moment)).count() % 60);
}
double PartMonth(const Moment& moment) { return static_cast<unsigned>(DateOf(moment).month()); }
double PartYear(const Moment& moment) {
  return static_cast<double>(static_cast<int>(DateOf(moment).year()) + 400 * moment.cycle);
}

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
