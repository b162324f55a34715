// What the tables of verdicts on backups and on WAL have in common. Used by *_verdicts.cc only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "db/database.h"
#include "model/probe_result.h"

namespace drwatch::probes {

// As ReasonName() wrote it; kUnverified of a name that this program does not know.
model::Reason ParseReason(std::string_view name);

// A number of the database as an enumerator; what is out of range was not written by this program,
// and is taken as `last`.
template <typename T>
T ToEnum(std::int64_t value, T last) {
  return value < 0 || value > static_cast<std::int64_t>(last) ? last : static_cast<T>(value);
}

// Calls `take` with each row.
base::Status ReadRows(db::Statement& rows, const std::function<void(const db::Statement&)>& take);

// Runs `body` in one transaction; does nothing without a database. What fails is logged, as `what`
// of this probe that is not kept: it costs a second reading after a restart. Of a database that is
// opened for reading nobody expects that anything is kept.
void KeepRows(db::Database* database, std::string_view what, const std::string& probe,
              const std::function<base::Status(db::Database&)>& body);

}  // namespace drwatch::probes
