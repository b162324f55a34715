#include "probes/verdict_rows.h"

#include "base/log.h"

namespace drwatch::probes {

model::Reason ParseReason(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(model::Reason::kInternal); ++i) {
    const auto reason = static_cast<model::Reason>(i);
    if (model::ReasonName(reason) == name) return reason;
  }
  return model::Reason::kUnverified;
}

base::Status ReadRows(db::Statement& rows, const std::function<void(const db::Statement&)>& take) {
  while (true) {
    const base::Result<bool> more = rows.Step();
    if (!more) return base::Fail(more.error());
    if (!*more) return {};
    take(rows);
  }
}

void KeepRows(db::Database* database, std::string_view what, const std::string& probe,
              const std::function<base::Status(db::Database&)>& body) {
  if (database == nullptr) return;
  const base::Status done = database->Transact(body);
  if (done || database->for_reading()) return;
  base::LogWarn(std::string(what) + " are not kept",
                {{"probe", probe}, {"error", done.error().message}});
}

}  // namespace drwatch::probes
