// Sums that keep what rounding would lose (Kahan's method as improved by Neumaier), the way
// Prometheus adds up.
#pragma once

#include <cmath>

namespace drwatch::promql {

struct KahanSum {
  double sum = 0;
  double lost = 0;  // to be added at the end

  void Add(double value) {
    const double next = sum + value;
    if (std::isinf(next)) {
      lost = 0;
    } else if (std::fabs(sum) >= std::fabs(value)) {
      lost += (sum - next) + value;
    } else {
      lost += (value - next) + sum;
    }
    sum = next;
  }
  double Total() const { return std::isinf(sum) ? sum : sum + lost; }
};

// The mean of values: sum / count as long as the sum fits, then step by step.
class KahanMean {
 public:
  void Add(double value) {
    ++count_;
    if (count_ == 1) {
      total_.sum = value;
      return;
    }
    if (!stepwise_) {
      KahanSum next = total_;
      next.Add(value);
      if (!std::isinf(next.sum)) {
        total_ = next;
        return;
      }
      stepwise_ = true;
      total_.sum /= count_ - 1;
      total_.lost /= count_ - 1;
    }
    const double share = (count_ - 1) / count_;
    total_.sum *= share;
    total_.lost *= share;
    total_.Add(value / count_);
  }
  double Mean() const {
    return stepwise_ ? total_.sum + total_.lost : total_.sum / count_ + total_.lost / count_;
  }

 private:
  KahanSum total_;  // or the mean so far, once stepwise
  double count_ = 0;
  bool stepwise_ = false;
};

}  // namespace drwatch::promql
