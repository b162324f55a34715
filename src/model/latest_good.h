// The backup one would go back to: what probes, `--once`, the API and the status page say of it.
#pragma once

#include <string_view>
#include <vector>

#include "model/probe_result.h"

namespace drwatch::model {

// The check that names it, or says how far it was looked for, where that is not simply the newest.
inline constexpr std::string_view kLatestGoodCheck = "latest_good";

// The newest of a place's copies that is good; `copies` are newest first. nullptr: none is known.
const StoredCopy* LatestGood(const std::vector<StoredCopy>& copies);

// kLatestGoodCheck of a result. nullptr: it has none.
const CheckOutcome* LatestGoodCheck(const ProbeResult& result);

}  // namespace drwatch::model
