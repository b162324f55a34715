// How long a way back takes: at the least, and as it was measured. Pure.
//
// An optimistic lower bound: the stored bytes have to be read, and no more is counted than reading
// them as quickly as drwatch did when it verified them - what was measured, never what was assumed.
// Finding the people, a new server, writing what was read, indexes, replay that is slower than
// reading and every check afterwards come on top. Only the time until an archive's storage class
// gives a backup back is what the provider names as the longest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/probe_result.h"

namespace drwatch::recovery {

// One thing that a restore reads.
struct RestoreStep {
  enum class Kind { kBackup, kWal } kind = Kind::kBackup;
  std::string probe;                      // where it lies; empty = nobody knows
  std::string artefact;                   // its name; empty for WAL
  std::optional<std::int64_t> bytes{};    // as stored; nullopt: not known
  std::optional<model::Reading> reading;  // what was measured there; nullopt: nothing
  base::Duration retrieval{0};            // until it can be read

  // nullopt: nobody knows.
  std::optional<double> AtLeastSeconds() const;
};

// "backup", "wal".
std::string_view RestoreStepName(RestoreStep::Kind kind);

// One after the other; without a step nothing is read: 0. nullopt: of one of them nobody knows.
std::optional<double> AtLeastSeconds(const std::vector<RestoreStep>& steps);

// How long coming back took in the last drill that passed (drills.h).
struct MeasuredTime {
  base::Duration took{};
  base::Timestamp ended{};
};

RestoreStep StepOf(const std::string& probe, const model::StoredCopy& copy);

}  // namespace drwatch::recovery
