#include "promql/buckets.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace drwatch::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Counts that differ by less are the same: rates of counters carry rounding errors.
constexpr double kTolerance = 1e-12;

bool AlmostEqual(double a, double b) {
  if (a == b) return true;
  const double sum = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  constexpr double kSmallest = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || sum < kSmallest) return difference < kTolerance * kSmallest;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

// Sorted, one per bound.
void Arrange(std::vector<Bucket>& buckets) {
  std::sort(buckets.begin(), buckets.end(),
            [](const Bucket& a, const Bucket& b) { return a.upper_bound < b.upper_bound; });
  std::size_t last = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper_bound == buckets[last].upper_bound) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
}

ForcedMonotonicity ForceMonotonic(std::vector<Bucket>& buckets) {
  ForcedMonotonicity forced;
  double before = buckets[0].count;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    Bucket& bucket = buckets[i];
    if (AlmostEqual(before, bucket.count)) {
      bucket.count = before;
    } else if (bucket.count < before) {
      const double difference = before - bucket.count;
      if (!forced.happened) forced.min_bucket = bucket.upper_bound;
      forced.happened = true;
      forced.max_bucket = bucket.upper_bound;
      forced.max_difference = std::max(forced.max_difference, difference);
      bucket.count = before;
    } else {
      before = bucket.count;
    }
  }
  return forced;
}

bool EndsWithInfinity(const std::vector<Bucket>& buckets) {
  return !buckets.empty() && buckets.back().upper_bound == kInfinity;
}

// How many observations are below `value`, at most all of them.
double RankOf(double value, const std::vector<Bucket>& buckets) {
  double below = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const double upper = buckets[i].upper_bound;
    double lower = -kInfinity;
    if (i > 0) {
      lower = buckets[i - 1].upper_bound;
    } else if (upper > 0) {
      lower = 0;
    }
    if (lower >= value) return below;
    if (upper > value) {
      // Nothing is known of how observations spread in a bucket without a lower end.
      if (lower == -kInfinity) return buckets[i].count;
      return below + (buckets[i].count - below) * (value - lower) / (upper - lower);
    }
    below = buckets[i].count;
  }
  return std::numeric_limits<double>::max();
}

}  // namespace

double BucketQuantile(double q, std::vector<Bucket>& buckets, ForcedMonotonicity& forced) {
  if (std::isnan(q)) return kNan;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  if (buckets.empty()) return kNan;
  Arrange(buckets);
  if (!EndsWithInfinity(buckets)) return kNan;
  const ForcedMonotonicity found = ForceMonotonic(buckets);
  if (buckets.size() < 2 || buckets.back().count == 0) return kNan;
  forced = found;
  double rank = q * buckets.back().count;
  std::size_t at = 0;
  while (at + 1 < buckets.size() && !(buckets[at].count >= rank)) ++at;
  if (at + 1 == buckets.size()) return buckets[at - 1].upper_bound;
  if (at == 0 && buckets[0].upper_bound <= 0) return buckets[0].upper_bound;
  const double end = buckets[at].upper_bound;
  double start = 0;
  double count = buckets[at].count;
  if (at > 0) {
    start = buckets[at - 1].upper_bound;
    count -= buckets[at - 1].count;
    rank -= buckets[at - 1].count;
  }
  return start + (end - start) * (rank / count);
}

double BucketFraction(double lower, double upper, std::vector<Bucket>& buckets) {
  if (buckets.empty()) return kNan;
  Arrange(buckets);
  if (!EndsWithInfinity(buckets)) return kNan;
  const double count = buckets.back().count;
  if (count == 0 || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  const double lower_rank = std::min(RankOf(lower, buckets), count);
  const double upper_rank = std::min(RankOf(upper, buckets), count);
  return (upper_rank - lower_rank) / count;
}

}  // namespace drwatch::promql
