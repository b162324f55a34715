// Where probe results arrive: into the store, and kept as the latest of each probe for /metrics and
// the status page.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/metrics_page.h"
#include "model/probe_result.h"
#include "store/store.h"

namespace drwatch::exporter {

// Thread-safe: probe threads call Accept at any time.
class Intake {
 public:
  // `on_change` runs after a result that differs from the probe's last one in the severity of any
  // check, on the probe's thread, outside of all locks.
  Intake(store::Store& store, const base::Clock& clock, std::function<void()> on_change);

  void Accept(const model::ProbeResult& result);
  // What a new probe says before its first run: its series exist from the start, but no rule sees
  // them yet.
  void Announce(const model::ProbeResult& result);
  bool Has(const std::string& probe) const;
  // Tells the store again what it was told last of each probe, where that is so long ago: rules and
  // queries forget what is older than their lookback, however seldom a probe runs.
  void Refresh(base::Duration age);
  // The probe is gone: its series end.
  void Remove(const std::string& probe);

  // The latest result of each probe, by name.
  std::vector<model::ProbeResult> Latest() const;
  // What /metrics shows: the families of all latest results that are not foreign, and `more`.
  std::string Page(const std::vector<model::MetricFamily>& more, model::TextFormat format) const {
    return page_.Write(more, format);
  }
  std::vector<model::MetricsPage::Piece> PagePieces(const std::vector<model::MetricFamily>& more,
                                                    model::TextFormat format,
                                                    const model::MetricsPage::Known& known) const {
    return page_.WritePieces(more, format, known);
  }

 private:
  void Append(const model::ProbeResult& result);
  void Keep(model::ProbeResult result);

  store::Store& store_;
  const base::Clock& clock_;
  std::function<void()> on_change_;
  mutable std::mutex mutex_;
  std::map<std::string, model::ProbeResult> latest_;
  struct Told {
    base::SteadyTime steady{};
    base::Timestamp at{};
  };
  std::map<std::string, Told> appended_;  // when the store was told of a probe
  model::MetricsPage page_;
};

// The samples of `families` as the store takes them (names with their suffix).
std::vector<store::NewSample> ToSamples(const std::vector<model::MetricFamily>& families);
// Tells the store type and help of each family.
void RecordMetadata(store::Store& store, const std::vector<model::MetricFamily>& families);

}  // namespace drwatch::exporter
