#include "recovery/drills.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "base/duration.h"
#include "base/log.h"
#include "base/strings.h"

namespace drwatch::recovery {
namespace {

// A drill without an end is running.
constexpr std::string_view kSchema = R"sql(
CREATE TABLE drills (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  service TEXT NOT NULL,
  scenario TEXT NOT NULL,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  result TEXT,
  told_by TEXT NOT NULL,
  note TEXT NOT NULL
);
)sql";

constexpr std::string_view kColumns =
    "SELECT id, service, scenario, started_ms, ended_ms, result, told_by, note FROM drills ";

std::string Name(const DrillRequest& request) {
  return base::Quote(request.service) + ", " + std::string(ScenarioName(request.scenario));
}

// nullopt: of a scenario that this program does not know.
std::optional<Drill> ReadRow(const db::Statement& row) {
  const auto scenario = ParseScenario(row.Text(2));
  if (!scenario) return std::nullopt;
  Drill drill;
  drill.id = row.Int(0);
  drill.service = row.Text(1);
  drill.scenario = *scenario;
  drill.started = base::FromUnixMillis(row.Int(3));
  if (!row.IsNull(4)) drill.ended = base::FromUnixMillis(row.Int(4));
  drill.result =
      row.Text(5) == DrillResultName(DrillResult::kPass) ? DrillResult::kPass : DrillResult::kFail;
  drill.by = row.Text(6);
  drill.note = row.Text(7);
  return drill;
}

base::Status Insert(db::Database& database, Drill& drill) {
  db::Statement row = database.Prepare(
      "INSERT INTO drills (service, scenario, started_ms, told_by, note) VALUES (?, ?, ?, ?, ?)");
  row.Bind(drill.service)
      .Bind(ScenarioName(drill.scenario))
      .Bind(base::ToUnixMillis(drill.started))
      .Bind(drill.by)
      .Bind(drill.note);
  if (const base::Status done = row.Run(); !done) return done;
  drill.id = database.LastInsertId();
  return {};
}

base::Status Finish(db::Database& database, const Drill& drill) {
  db::Statement row = database.Prepare(
      "UPDATE drills SET ended_ms = ?, result = ?, told_by = ?, note = ? WHERE id = ?");
  row.Bind(base::ToUnixMillis(*drill.ended))
      .Bind(DrillResultName(drill.result))
      .Bind(drill.by)
      .Bind(drill.note)
      .Bind(drill.id);
  return row.Run();
}

// Of two drills that are over; told later, if they ended at once.
bool IsLater(const Drill& drill, const std::optional<Drill>& than) {
  return !than || std::tie(*drill.ended, drill.id) > std::tie(*than->ended, than->id);
}

}  // namespace

std::string_view DrillResultName(DrillResult result) {
  switch (result) {
    case DrillResult::kPass:
      return "pass";
    case DrillResult::kFail:
      return "fail";
  }
  std::abort();
}

std::vector<db::Migration> DrillLog::Migrations() { return {{"drills", 1, kSchema}}; }

DrillLog::DrillLog(db::Database& database) : database_(database) {
  if (const base::Status read = Load(); !read) {
    base::LogError("drills cannot be read", {{"cause", read.error().message}});
  }
}

void DrillLog::Course::Add(const Drill& drill) {
  if (!drill.ended) {
    running = drill;
    return;
  }
  if (running && running->id == drill.id) running.reset();
  ++count.at(static_cast<std::size_t>(drill.result));
  if (IsLater(drill, last)) last = drill;
  if (drill.result == DrillResult::kPass && IsLater(drill, last_passed)) last_passed = drill;
}

base::Status DrillLog::Load() {
  return database_.Transact([this](db::Database& database) -> base::Status {
    db::Statement rows = database.Prepare(std::string(kColumns) + "ORDER BY id");
    while (true) {
      const base::Result<bool> more = rows.Step();
      if (!more) return base::Fail(more.error());
      if (!*more) return {};
      if (const auto drill = ReadRow(rows)) courses_[{drill->service, drill->scenario}].Add(*drill);
    }
  });
}

base::Result<Drill> DrillLog::Keep(Drill drill) {
  const base::Status written = database_.Transact([&drill](db::Database& database) -> base::Status {
    if (drill.id == 0) {
      if (const base::Status done = Insert(database, drill); !done) return done;
    }
    return drill.ended ? Finish(database, drill) : base::Status{};
  });
  if (!written) return base::Fail(std::string(kDrillNotKept) + written.error().message);
  courses_[{drill.service, drill.scenario}].Add(drill);
  return drill;
}

base::Result<Drill> DrillLog::Begin(const DrillRequest& request, base::Timestamp now) {
  const auto course = courses_.find({request.service, request.scenario});
  if (course != courses_.end() && course->second.running) {
    return base::Fail("a drill of " + Name(request) + " has been running since " +
                          base::FormatRfc3339(course->second.running->started),
                      "stop it first, with result fail if nobody finished it");
  }
  Drill drill;
  drill.service = request.service;
  drill.scenario = request.scenario;
  drill.started = now;
  drill.by = request.by;
  drill.note = request.note;
  return Keep(std::move(drill));
}

base::Result<Drill> DrillLog::End(const DrillRequest& request, base::Timestamp now) {
  const auto course = courses_.find({request.service, request.scenario});
  if (course == courses_.end() || !course->second.running) {
    return base::Fail("no drill of " + Name(request) + " is running",
                      "start one, or record one that is over");
  }
  if (!request.result) return base::Fail("\"result\" must be pass or fail");
  Drill drill = *course->second.running;
  const base::Duration took = now - drill.started;
  if (*request.result == DrillResult::kPass &&
      (took <= base::Duration(0) || took > kMaxDrillTime)) {
    return base::Fail("the drill of " + Name(request) + " began at " +
                          base::FormatRfc3339(drill.started) + " and it is " +
                          base::FormatRfc3339(now) + ": that measures nothing",
                      "stop it with result fail, and record how long it took");
  }
  drill.ended = drill.started + std::max(base::Duration(0), took);
  drill.result = *request.result;
  if (!request.by.empty()) drill.by = request.by;
  if (!request.note.empty()) drill.note = request.note;
  return Keep(std::move(drill));
}

base::Result<Drill> DrillLog::Record(const DrillRequest& request, base::Timestamp now) {
  if (!request.result) return base::Fail("\"result\" must be pass or fail");
  if (!request.took) return base::Fail("\"took\" is missing: how long the drill took");
  if (*request.took <= base::Duration(0)) return base::Fail("\"took\" must be more than 0");
  if (*request.took > kMaxDrillTime) {
    return base::Fail("\"took\" must be at most " + base::FormatDuration(kMaxDrillTime));
  }
  const base::Timestamp ended = request.at.value_or(now);
  if (ended > now) {
    return base::Fail("\"at\" is in the future: " + base::FormatRfc3339(ended) + ", and it is " +
                      base::FormatRfc3339(now));
  }
  if (ended < base::Timestamp{} + *request.took) return base::Fail("\"at\" is before 1970");
  Drill drill;
  drill.service = request.service;
  drill.scenario = request.scenario;
  drill.started = ended - *request.took;
  drill.ended = ended;
  drill.result = *request.result;
  drill.by = request.by;
  drill.note = request.note;
  return Keep(std::move(drill));
}

base::Result<Drill> DrillLog::Apply(const DrillRequest& request, base::Timestamp now) {
  if (request.by.size() > kMaxDrillNameBytes) {
    return base::Fail("\"by\" is longer than " + std::to_string(kMaxDrillNameBytes) + " bytes");
  }
  if (request.note.size() > kMaxDrillNoteBytes) {
    return base::Fail("\"note\" is longer than " + std::to_string(kMaxDrillNoteBytes) + " bytes");
  }
  const std::lock_guard lock(mutex_);
  switch (request.action) {
    case DrillRequest::Action::kStart:
      return Begin(request, now);
    case DrillRequest::Action::kStop:
      return End(request, now);
    case DrillRequest::Action::kRecord:
      return Record(request, now);
  }
  std::abort();
}

base::Result<std::vector<Drill>> DrillLog::List(std::int64_t limit) const {
  std::vector<Drill> list;
  const base::Status read =
      database_.Transact([&list, limit](db::Database& database) -> base::Status {
        db::Statement rows =
            database.Prepare(std::string(kColumns) + "ORDER BY started_ms DESC, id DESC LIMIT ?");
        rows.Bind(limit);
        while (true) {
          const base::Result<bool> more = rows.Step();
          if (!more) return base::Fail(more.error());
          if (!*more) return {};
          if (auto drill = ReadRow(rows)) list.push_back(*std::move(drill));
        }
      });
  if (!read) return base::Fail(read.error());
  return list;
}

void DrillLog::AddMeasured(std::vector<ServiceReport>& reports) const {
  const std::lock_guard lock(mutex_);
  for (ServiceReport& report : reports) {
    for (ScenarioReport& each : report.scenarios) {
      const auto course = courses_.find({report.service, each.scenario});
      if (course == courses_.end() || !course->second.last_passed) continue;
      const Drill& passed = *course->second.last_passed;
      each.measured = MeasuredTime{passed.Took(), *passed.ended};
    }
  }
}

std::vector<model::MetricFamily> DrillLog::Families(const config::Config& config) const {
  const std::lock_guard lock(mutex_);
  model::FamilySet families;
  for (const config::Service& service : config.services) {
    for (const Scenario scenario : kScenarios) {
      const auto found = courses_.find({service.name, scenario});
      if (found == courses_.end()) continue;
      const Course& course = found->second;
      const model::Labels labels{{"service", service.name}, {"scenario", ScenarioName(scenario)}};
      if (course.last_passed) {
        families.Gauge("dr_rto_measured_seconds",
                       "How long coming back took in the last drill that passed.", labels,
                       base::ToSeconds(course.last_passed->Took()));
      }
      if (course.last) {
        families.Gauge("dr_drill_last_timestamp_seconds", "When the last drill ended.", labels,
                       base::ToUnixSeconds(*course.last->ended));
        families.Gauge("dr_drill_last_success", "1 if the last drill passed, 0 if it failed.",
                       labels, course.last->result == DrillResult::kPass ? 1 : 0);
      }
      for (const DrillResult result : kDrillResults) {
        families.Counter(
            "dr_drills_total", "Drills that are over, by their result.",
            model::LabelsBuilder(labels).Set("result", DrillResultName(result)).Build(),
            static_cast<double>(course.count.at(static_cast<std::size_t>(result))));
      }
    }
  }
  return families.Take();
}

}  // namespace drwatch::recovery
