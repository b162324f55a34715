// Classic histograms: cumulative counts by upper bound.
#pragma once

#include <vector>

namespace drwatch::promql {

struct Bucket {
  double upper_bound = 0;
  double count = 0;  // of all observations up to the bound
};

// Where counts fell with a rising bound and were raised; nothing did while `happened` is false.
struct ForcedMonotonicity {
  bool happened = false;
  double min_bucket = 0;
  double max_bucket = 0;
  double max_difference = 0;
};

// The value below which the fraction `q` of the observations lies, taking them as evenly spread
// within a bucket. `buckets` may be in any order and are changed. NaN without a +Inf bucket, with
// fewer than two buckets or no observations.
double BucketQuantile(double q, std::vector<Bucket>& buckets, ForcedMonotonicity& forced);

// The fraction of the observations between the two values, by the same assumption.
double BucketFraction(double lower, double upper, std::vector<Bucket>& buckets);

}  // namespace drwatch::promql
