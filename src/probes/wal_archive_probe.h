// Does a WAL archive hold every segment up to now, unbroken and of the right server, and how far
// back can any point in time be restored from it? What counts as missing, pending and foreign
// stands in catalog/wal_archive.h.
//
// A run lists the archive (only its end, if it is large), reads what is new of it and asks nobody
// else: where the primary is comes from the runs of its own probe. While the place cannot be looked
// at, what was found last stands, and the lag goes on growing. Where no other run follows (--once),
// the end of the archive is read back to the last commit, whatever its size: that is where a
// restore would end.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "catalog/wal_reader.h"
#include "catalog/wal_streamed.h"
#include "probes/position_ring.h"
#include "probes/probe.h"
#include "probes/probe_report.h"
#include "probes/wal_findings.h"
#include "probes/wal_first_seen.h"
#include "probes/wal_lag.h"
#include "probes/wal_look_before.h"
#include "probes/wal_verifier.h"
#include "probes/wal_window_start.h"
#include "probes/wal_written.h"

namespace drwatch::probes {

class WalArchiveProbe final : public Probe {
 public:
  // What a run reads itself; more goes to the background.
  static constexpr std::int64_t kInlineBytes = 64 << 20;

  // `config.spec` holds a config::WalArchiveProbe.
  WalArchiveProbe(const config::Probe& config, const ProbeServices& services);

  model::ProbeResult Run(const RunContext& context) override;
  model::ProbeResult NotRun(model::Reason reason, const std::string& message) const override;

  // Waits until no background verification runs. False if the deadline came first.
  bool WaitIdle(base::Deadline deadline) const { return verifier_.WaitIdle(deadline); }

 private:
  void AwaitOthers(const RunContext& context);
  std::optional<catalog::Finding> Look(const RunContext& context);
  tl::expected<void, catalog::Finding> Refresh(base::Timestamp now,
                                               const catalog::PlaceContext& context);
  void Forget();
  void LookAgain(const RunContext& context);
  catalog::WalQuestion Ask(const RunContext& context);
  WalFindings Judge(const RunContext& context);
  void FindBroken(WalFindings& findings, catalog::WalQuestion& question) const;
  catalog::WalArchiveState JudgeBySight(catalog::WalQuestion& question);
  void FindStreamed(WalFindings& findings, const RunContext& context);
  // What a run may read in that time.
  std::int64_t BytesWithin(base::Duration time) const;
  bool Reads(const WalSegmentKey& key, const catalog::WalSegmentFile& file) const;
  base::Duration AgeOf(verify::Lsn end, const WalFindings& findings,
                       const RunContext& context) const;
  void FindWindow(WalFindings& findings, const RunContext& context);
  void FindFuture(WalFindings& findings, base::Timestamp now) const;
  void ReadEnd(catalog::WalQuestion question, const RunContext& context);
  void VerifyOdd(const RunContext& context);
  void Verify(const catalog::WalArchiveState& state, const RunContext& context);
  std::uint64_t ExpectedSystem() const;
  // Whose WAL it is by its segments or, where they do not say, by the primary. 0: not known.
  std::uint64_t ArchivedSystem() const;

  const config::Probe config_;
  const config::WalArchiveProbe& spec_;  // of config_
  const model::Labels labels_;           // backup and location
  PositionRing* const positions_;
  const bool only_run_;
  // What is told to backup probes; nullptr: nobody is told.
  const std::shared_ptr<ArchiveNotes::Archive> archive_;
  const std::unique_ptr<catalog::Place> place_;
  std::unique_ptr<catalog::WalReader> reader_;  // once the repository's prefix is known
  WalVerdicts verdicts_;
  ReadSpeeds speeds_;
  WalVerifier verifier_;
  bool looked_ = false;                   // one look has worked
  bool bases_seen_ = true;                // all that look for base backups have seen their places
  catalog::WalSegmentSet first_missing_;  // in the first of two looks
  std::uint64_t kept_changes_ = 0;
  std::optional<std::uint64_t> all_read_;  // the listing's changes of which all was read
  std::optional<PositionReading> primary_;
  WalLag lag_;
  WrittenBy window_written_;  // what can be recovered
  WalWindowStart window_start_;
  WalFirstSeen first_seen_;
  KeptWalLook look_before_;
  catalog::StreamedSegment streamed_;
};

// Its tables: WalMigrations() in wal_verdicts.h.
std::unique_ptr<Probe> MakeWalArchiveProbe(const config::Probe& config,
                                           const ProbeServices& services);

// Where the WAL of a repository lies below its place: "wal_005/". Findings: kNotFound, kConfig
// (several servers), or what the place says.
tl::expected<std::string, catalog::Finding> FindWalPrefix(catalog::Place& place,
                                                          const config::WalArchiveProbe& spec,
                                                          const catalog::PlaceContext& context);

// Metrics and checks (wal_archive_report.cc).
void AddWalMetrics(const config::WalArchiveProbe& spec, const model::Labels& labels,
                   const catalog::WalReader& reader, const WalFindings& findings,
                   ProbeReport& report);
void AddWalChecks(const config::WalArchiveProbe& spec, const model::Labels& labels,
                  const catalog::WalReader& reader, const WalFindings& findings,
                  ProbeReport& report);

}  // namespace drwatch::probes
