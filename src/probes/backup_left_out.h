// A database whose dumps came with those of another one, and come no more while those go on. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/artefact.h"
#include "config/config.h"
#include "probes/backup_judge.h"

namespace drwatch::probes {

// Of a series the newest ones tell how it comes: so many workdays have a weekend between them.
inline constexpr std::size_t kRhythm = 6;
// For so long it is told after it was due: who dropped the database knows by then.
inline constexpr base::Duration kLeftOutTold = std::chrono::days(30);

// The check "left_out": fails while a series of artefacts, whose names differ in letters from the
// others', is left out by the runs in which it came. nullopt: none is. `in_progress` are names.
std::optional<BackupCheck> JudgeLeftOut(const config::BackupProbe& spec,
                                        const std::vector<catalog::Artefact>& complete,
                                        const std::vector<std::string>& in_progress,
                                        base::Timestamp now);

}  // namespace drwatch::probes
