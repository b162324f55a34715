// What a backup probe asks and tells of backups in a repository of a backup program, beyond what it
// does of any backup. Pure, no I/O.
#pragma once

#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "model/labels.h"
#include "probes/backup_judge.h"
#include "probes/probe_report.h"

namespace drwatch::probes {

// Leaves the backups that are at least of the configured kind: a full one is as good as an
// incremental one, but not the reverse.
void KeepKind(const config::BackupProbe& spec, catalog::Listing& listing);

// The checks "attempts" (does the last attempt count?) and "source" (did the program find damage in
// what it copied?). Without a complete backup there is nothing to add to what is said of that.
std::vector<BackupCheck> JudgeRepository(const catalog::Listing& listing);

void ReportRepository(ProbeReport& report, const model::Labels& labels,
                      const catalog::Listing& listing);

}  // namespace drwatch::probes
