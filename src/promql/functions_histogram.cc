// Functions of classic histograms, which are vectors with a row for each bucket.
#include <cstdlib>
#include <map>
#include <optional>

#include "base/strings.h"
#include "promql/buckets.h"
#include "promql/functions_bodies.h"
#include "promql/quantile.h"

namespace drwatch::promql {
namespace {

constexpr std::string_view kBucketLabel = "le";

struct BucketRow {
  std::size_t row = 0;
  double upper_bound = 0;
};

// The rows of a vector as histograms: worked out once for each column.
struct Histograms {
  std::vector<std::vector<BucketRow>> buckets;  // of each histogram
  ColumnPtr labels;                             // without le, beside them
  std::vector<std::size_t> malformed;           // rows whose le is no number
};

std::shared_ptr<const Histograms> FindHistograms(const Column& column) {
  return column.Cached<Histograms>("histograms", [&column] {
    auto found = std::make_shared<Histograms>();
    Column::Sets sets;
    std::unordered_map<model::Labels, std::size_t, model::LabelsHash> known;
    for (std::size_t row = 0; row < column.size(); ++row) {
      const model::Labels labels = column.At(row);
      const std::optional<double> bound = base::ParseDouble(labels.Get(kBucketLabel));
      if (!bound) {
        found->malformed.push_back(row);
        continue;
      }
      const auto [at, added] = known.try_emplace(labels.Without(kBucketLabel), sets.size());
      if (added) {
        sets.push_back(at->first);
        found->buckets.emplace_back();
      }
      found->buckets[at->second].push_back({row, *bound});
    }
    found->labels = std::make_shared<const Column>(std::move(sets), Uniqueness::kUnique);
    return std::shared_ptr<const Histograms>(std::move(found));
  });
}

void WarnAboutBounds(Session& session, const Grid& grid, const Histograms& histograms,
                     std::size_t steps, const TextRange& where) {
  for (const std::size_t row : histograms.malformed) {
    bool present = false;
    for (const double cell : grid.Row(row, steps)) present = present || !IsAbsent(cell);
    if (!present) continue;
    std::string message = "bucket label \"le\" is missing or has a malformed value of " +
                          base::Quote(grid.labels->At(row).Get(kBucketLabel));
    const std::string_view name = grid.labels->NameAt(row);
    if (!name.empty()) message += " for metric name " + base::Quote(name);
    session.Warn(message, where);
  }
}

// Calls `calculate(step, buckets)` for every histogram that has a bucket at a step.
template <typename Calculate>
Grid OfHistograms(Evaluation& evaluation, const Expr& argument, Calculate calculate) {
  const Grid grid = evaluation.EvalVector(argument);
  const std::size_t steps = evaluation.timeline.count;
  const auto histograms = FindHistograms(*grid.labels);
  WarnAboutBounds(evaluation.session, grid, *histograms, steps, argument.range);
  std::vector<double> cells(histograms->buckets.size() * steps, Absent());
  std::vector<Bucket> buckets;
  for (std::size_t i = 0; i < histograms->buckets.size(); ++i) {
    for (std::size_t step = 0; step < steps; ++step) {
      buckets.clear();
      for (const BucketRow& bucket : histograms->buckets[i]) {
        const double count = grid.cells[bucket.row * steps + step];
        if (!IsAbsent(count)) buckets.push_back({bucket.upper_bound, count});
      }
      if (!buckets.empty()) cells[i * steps + step] = calculate(step, buckets);
    }
  }
  return evaluation.DropNames({histograms->labels, std::move(cells)});
}

}  // namespace

NodeValue HistogramQuantile(Evaluation& evaluation, const Expr& call) {
  const Scalars quantiles = evaluation.EvalScalars(Argument(call, 0));
  const Expr& argument = Argument(call, 1);
  for (const double q : quantiles) {
    if (IsValidQuantile(q) || evaluation.session.failed()) continue;
    evaluation.session.Warn(InvalidQuantile(q), Argument(call, 0).range);
  }
  const auto calculate = [&](std::size_t step, std::vector<Bucket>& buckets) {
    ForcedMonotonicity forced;
    const double value = BucketQuantile(quantiles[step], buckets, forced);
    if (forced.happened) {
      evaluation.session.InformForcedMonotonicity(argument.range, evaluation.timeline.At(step),
                                                  forced.min_bucket, forced.max_bucket,
                                                  forced.max_difference);
    }
    return value;
  };
  return {OfHistograms(evaluation, argument, calculate)};
}

NodeValue HistogramFraction(Evaluation& evaluation, const Expr& call) {
  const Scalars lower = evaluation.EvalScalars(Argument(call, 0));
  const Scalars upper = evaluation.EvalScalars(Argument(call, 1));
  const auto calculate = [&](std::size_t step, std::vector<Bucket>& buckets) {
    return BucketFraction(lower[step], upper[step], buckets);
  };
  return {OfHistograms(evaluation, Argument(call, 2), calculate)};
}

NodeValue OfNativeHistograms(Evaluation& evaluation, const Expr& call) {
  evaluation.EvalVector(Argument(call, 0));
  return {EmptyGrid()};
}

}  // namespace drwatch::promql
