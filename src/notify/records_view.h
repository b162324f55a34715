// Questions about the records that several parts of delivery ask. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "notify/records.h"

namespace drwatch::notify {

// Also of an alert that is forgotten.
bool IsResolved(const Records& records, AlertId id);
// All it tells of, or was to tell of.
bool IsOver(const Records& records, const Delivery& delivery);
// Whether a group looks after it.
bool IsManaged(const Records& records, const Delivery& delivery);
PageSeverity WorstSeverity(const Records& records, const Delivery& delivery);
// The integrations the receiver has now.
std::vector<std::string> TargetsOf(const Records& records, const std::string& receiver);
// The fallback receiver's; if that is the one that failed, any other one: nobody is worse than
// somebody.
std::vector<Target*> FallbackTargets(Records& records, const config::Config& config,
                                     const std::string& failed_target);
// The alerts that `selection` takes. Errors: kNothingFires, kLinkUsed, kLinkExpired.
base::Result<std::vector<AlertId>> SelectAlerts(const Records& records,
                                                const config::Config& config,
                                                const AckSelection& selection, base::Timestamp now);
// "drwatch1-" and a digest of the identity, which two programs with other external labels do not
// share.
std::string DedupKey(const config::Config& config, const std::string& identity);

}  // namespace drwatch::notify
