#include "model/latest_good.h"

#include <algorithm>

namespace drwatch::model {

const StoredCopy* LatestGood(const std::vector<StoredCopy>& copies) {
  const auto good =
      std::find_if(copies.begin(), copies.end(), [](const StoredCopy& copy) { return copy.good; });
  return good == copies.end() ? nullptr : &*good;
}

const CheckOutcome* LatestGoodCheck(const ProbeResult& result) {
  const auto check =
      std::find_if(result.checks.begin(), result.checks.end(),
                   [](const CheckOutcome& each) { return each.name == kLatestGoodCheck; });
  return check == result.checks.end() ? nullptr : &*check;
}

}  // namespace drwatch::model
