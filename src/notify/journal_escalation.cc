#include "notify/journal_escalation.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace drwatch::notify {
namespace {

using Json = nlohmann::json;

Json Strings(const std::set<std::string>& texts) {
  Json json = Json::array();
  for (const std::string& text : texts) json.push_back(text);
  return json;
}

std::set<std::string> ReadStrings(const Json& object, const char* key) {
  std::set<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return texts;
  for (const Json& item : *found) {
    if (item.is_string()) texts.insert(item.get<std::string>());
  }
  return texts;
}

std::int64_t ReadNumber(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string EncodeSteps(const std::map<std::string, StepState>& steps) {
  Json json = Json::object();
  for (const auto& [key, state] : steps) {
    json[key] = {{"times", state.times},
                 {"last", base::ToUnixMillis(state.last)},
                 {"told", Strings(state.told)},
                 {"judged", Strings(state.judged)}};
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::map<std::string, StepState> DecodeSteps(const std::string& text, base::Timestamp now) {
  std::map<std::string, StepState> steps;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return steps;
  for (const auto& [key, item] : json.items()) {
    if (!item.is_object()) continue;
    StepState& state = steps[key];
    state.times =
        static_cast<int>(std::clamp<std::int64_t>(ReadNumber(item, "times"), 0, 1'000'000));
    state.last = std::min(base::FromUnixMillis(ReadNumber(item, "last")), now);
    state.told = ReadStrings(item, "told");
    state.judged = ReadStrings(item, "judged");
  }
  return steps;
}

Situation ToSituation(std::int64_t number) {
  return number >= 0 && number <= static_cast<int>(Situation::kAcknowledged)
             ? static_cast<Situation>(number)
             : Situation::kRunning;
}

base::Status SaveUsedLinks(db::Database& database, const Records& records, const Changes& changes) {
  if (changes.used_links.empty()) return {};
  db::Statement put = database.Prepare(
      "INSERT OR REPLACE INTO notify_used_links (nonce, expires_at) VALUES (?, ?)");
  db::Statement drop = database.Prepare("DELETE FROM notify_used_links WHERE nonce = ?");
  for (const std::string& nonce : changes.used_links) {
    const auto found = records.used_links.find(nonce);
    db::Statement& statement = found == records.used_links.end() ? drop : put;
    statement.Reset();
    statement.Bind(nonce);
    if (found != records.used_links.end()) statement.Bind(base::ToUnixMillis(found->second));
    if (const base::Status done = statement.Run(); !done) return done;
  }
  return {};
}

}  // namespace

const std::string_view kEscalationTables = R"(
    ALTER TABLE notify_alerts ADD COLUMN ack_by TEXT NOT NULL DEFAULT '';
    ALTER TABLE notify_alerts ADD COLUMN ack_comment TEXT NOT NULL DEFAULT '';
    ALTER TABLE notify_alerts ADD COLUMN ack_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE notify_alerts ADD COLUMN ack_until INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE notify_deliveries ADD COLUMN acknowledged INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE notify_escalations (
      id BLOB PRIMARY KEY, group_key BLOB NOT NULL, policy TEXT NOT NULL,
      situation INTEGER NOT NULL, since INTEGER NOT NULL, elapsed INTEGER NOT NULL,
      unheeded INTEGER NOT NULL, steps TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE notify_used_links (
      nonce TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;)";

base::Status LoadEscalations(db::Database& database, Records& records, base::Timestamp now) {
  db::Statement row = database.Prepare(
      "SELECT id, group_key, policy, situation, since, elapsed, unheeded, steps"
      " FROM notify_escalations");
  while (true) {
    const base::Result<bool> more = row.Step();
    if (!more) return base::Fail(more.error());
    if (!*more) break;
    Escalation& escalation = records.escalations[row.Text(0)];
    escalation.id = row.Text(0);
    escalation.group_key = row.Text(1);
    escalation.policy = row.Text(2);
    escalation.situation = ToSituation(row.Int(3));
    escalation.since = std::min(base::FromUnixMillis(row.Int(4)), now);
    escalation.elapsed = base::Duration(std::max<std::int64_t>(0, row.Int(5)));
    escalation.unheeded = base::Duration(std::max<std::int64_t>(0, row.Int(6)));
    escalation.steps = DecodeSteps(row.Text(7), now);
  }
  db::Statement link = database.Prepare("SELECT nonce, expires_at FROM notify_used_links");
  while (true) {
    const base::Result<bool> more = link.Step();
    if (!more) return base::Fail(more.error());
    if (!*more) return {};
    records.used_links[link.Text(0)] = base::FromUnixMillis(link.Int(1));
  }
}

base::Status SaveEscalations(db::Database& database, const Records& records,
                             const Changes& changes) {
  if (changes.escalations.empty()) return SaveUsedLinks(database, records, changes);
  db::Statement put = database.Prepare(
      "INSERT OR REPLACE INTO notify_escalations (id, group_key, policy, situation, since, elapsed,"
      " unheeded, steps) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  db::Statement drop = database.Prepare("DELETE FROM notify_escalations WHERE id = ?");
  for (const std::string& id : changes.escalations) {
    const auto found = records.escalations.find(id);
    db::Statement& statement = found == records.escalations.end() ? drop : put;
    statement.Reset();
    statement.BindBlob(id);
    if (found != records.escalations.end()) {
      const Escalation& escalation = found->second;
      statement.BindBlob(escalation.group_key)
          .Bind(escalation.policy)
          .Bind(static_cast<std::int64_t>(escalation.situation))
          .Bind(base::ToUnixMillis(escalation.since))
          .Bind(escalation.elapsed.count())
          .Bind(escalation.unheeded.count())
          .Bind(EncodeSteps(escalation.steps));
    }
    if (const base::Status done = statement.Run(); !done) return done;
  }
  return SaveUsedLinks(database, records, changes);
}

}  // namespace drwatch::notify
