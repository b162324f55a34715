// What the program does, as rows of the audit log. docs/audit.md has the table of types;
// web/evidence reads the metrics that are written here. Pure, but for ProofWatch's memory.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/config.h"
#include "model/metric_family.h"
#include "model/probe_result.h"
#include "notify/happening.h"
#include "recovery/audit_log.h"
#include "recovery/drills.h"

namespace drwatch::exporter {

// Who began what nobody asked for.
inline constexpr std::string_view kOwnActor = "drwatch";

// What there is to say of the log as it was found: it is new after damage, or its last program came
// to no regular end. nullopt: nothing.
std::optional<recovery::AuditEvent> OpeningEvent(const std::optional<recovery::AuditRow>& last,
                                                 bool recovered, base::Timestamp now);
// `count` rows are missing before this one.
recovery::AuditEvent LostEvent(std::int64_t count, base::Timestamp now);
recovery::AuditEvent StartEvent(const config::Config& config, base::Timestamp now);
recovery::AuditEvent StopEvent(base::Duration ran, base::Timestamp now);
// `config` is the one in force afterwards.
recovery::AuditEvent ReloadEvent(const config::Config& config, const std::string& who,
                                 const base::Status& status, base::Timestamp now);
recovery::AuditEvent EventOf(const notify::Happening& happening);
// One that begins, or that is over.
recovery::AuditEvent DrillEvent(const recovery::Drill& drill, const config::Config& config,
                                base::Timestamp now);

// Tells each proof of a copy once: that it is intact, or that it is broken. Thread-safe.
class ProofWatch {
 public:
  // What was proven until `since` is in the log already.
  explicit ProofWatch(base::Timestamp since) : since_(since) {}
  std::vector<recovery::AuditEvent> Look(const model::ProbeResult& result, base::Timestamp now);

 private:
  const base::Timestamp since_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, base::Timestamp> proven_;  // by probe and copy
};

// How the objectives were kept since `from`: from the counters of recovery::RecoveryPoints then and
// now. nullopt: nothing was watched.
std::optional<recovery::AuditEvent> RpoEvent(const std::vector<model::MetricFamily>& before,
                                             const std::vector<model::MetricFamily>& families,
                                             base::Timestamp from, base::Timestamp now);

}  // namespace drwatch::exporter
