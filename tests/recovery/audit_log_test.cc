#include "recovery/audit_log.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/strings.h"
#include "support/temp_dir.h"

namespace drwatch::recovery {
namespace {

using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using testing::TempDir;

constexpr base::Timestamp kNow = base::FromUnixMillis(1'793'616'000'000);

AuditEvent Event(const std::string& type, base::Timestamp time = kNow) {
  AuditEvent event;
  event.type = type;
  event.description = "what happened";
  event.initiated_by = "ann";
  event.time = time;
  return event;
}

struct Fixture {
  TempDir folder;
  std::unique_ptr<db::Database> database =
      *db::Database::Open(folder.Path("audit.db"), AuditLog::Migrations());
  AuditLog log{database.get()};

  // As somebody with the file and without drwatch would.
  base::Status Run(const std::string& sql) {
    return database->Transact([&](db::Database& inside) { return inside.Prepare(sql).Run(); });
  }
  void DropTriggers() {
    for (const char* name : {"no_update", "no_delete", "no_replace"}) {
      ASSERT_TRUE(Run(std::string("DROP TRIGGER dr_audit_log_") + name));
    }
  }
  std::vector<std::string> Problems() const { return log.Verify()->problems; }
};

TEST(AuditLogTest, GivesBackWhatWasWritten) {
  Fixture f;
  AuditEvent event = Event("FAILOVER_TEST");
  event.duration = 145min + 1234ms;
  event.success = false;
  event.metrics = R"({"rpo":32,"rto":145})";
  event.notes = "two lines\nand 'quotes'";
  ASSERT_TRUE(f.log.Append({event, Event("STOP", kNow + 1ms)}));
  const auto rows = f.log.Read({});
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2);
  EXPECT_EQ((*rows)[0].event, event);
  EXPECT_EQ((*rows)[0].id, 1);
  EXPECT_EQ((*rows)[1].event, Event("STOP", kNow + 1ms));
  EXPECT_EQ(f.log.Last()->id, 2);
  EXPECT_TRUE(f.Problems().empty());
}

TEST(AuditLogTest, DigestIsTheOneThatTheManualDescribes) {
  Fixture f;
  AuditEvent stop = Event("STOP");
  stop.duration = 100ms;
  ASSERT_TRUE(f.log.Append({Event("START"), stop}));
  const auto digest = [](const std::string& previous, const std::string& id,
                         const std::string& type, const std::string& minutes) {
    const std::string text = std::to_string(previous.size()) + ":" + previous + ";1:" + id + ";" +
                             std::to_string(type.size()) + ":" + type +
                             ";13:what happened;3:ann;24:2026-11-02T10:40:00.000Z;" + minutes +
                             ";-;-;-;";
    return base::Hex(base::ComputeDigest(base::DigestAlgorithm::kSha256, text));
  };
  const auto rows = *f.log.Read({});
  EXPECT_EQ(rows[0].digest, digest("", "1", "START", "-"));
  EXPECT_EQ(rows[1].digest, digest(rows[0].digest, "2", "STOP", "8:0.001667"));
  EXPECT_EQ(f.log.Verify()->head, rows[1].digest);
}

TEST(AuditLogTest, ReadsATimeAndALimit) {
  Fixture f;
  std::vector<AuditEvent> events;
  for (int i = 0; i < 10; ++i) events.push_back(Event("E" + std::to_string(i), kNow + i * 500ms));
  ASSERT_TRUE(f.log.Append(events));
  const auto types = [&](AuditQuery query) {
    std::string text;
    const auto rows = *f.log.Read(query);
    for (const AuditRow& row : rows) text += row.event.type;
    return text;
  };
  EXPECT_EQ(types({kNow + 1000ms, kNow + 2000ms, 0, {}}), "E2E3");
  EXPECT_EQ(types({kNow + 4000ms, base::Timestamp::max(), 0, {}}), "E8E9");
  EXPECT_EQ(types({base::Timestamp::min(), base::Timestamp::max(), 3, 2}), "E3E4");
}

TEST(AuditLogTest, RefusesChanges) {
  Fixture f;
  ASSERT_TRUE(f.log.Append({Event("START"), Event("STOP")}));
  for (const char* sql : {"UPDATE dr_audit_log SET initiated_by = 'bob' WHERE id = 1",
                          "DELETE FROM dr_audit_log WHERE id = 2",
                          "REPLACE INTO dr_audit_log (id, event_type, event_description, "
                          "initiated_by, timestamp, digest) VALUES (1, '', '', '', '', '')"}) {
    const base::Status done = f.Run(sql);
    ASSERT_FALSE(done) << sql;
    EXPECT_EQ(done.error().message, "the audit log is append-only");
  }
  EXPECT_TRUE(f.Problems().empty());
}

TEST(AuditLogTest, FindsARowThatWasChanged) {
  for (const char* column : {"event_type", "event_description", "initiated_by", "timestamp",
                             "metrics", "notes", "digest", "duration_minutes", "success"}) {
    Fixture f;
    ASSERT_TRUE(f.log.Append({Event("A"), Event("B"), Event("C")}));
    f.DropTriggers();
    ASSERT_TRUE(f.Run(std::string("UPDATE dr_audit_log SET ") + column + " = 1 WHERE id = 2"));
    const auto problems = f.Problems();
    ASSERT_FALSE(problems.empty()) << column;
    EXPECT_TRUE(problems[0].starts_with("row 2 is not what was written")) << problems[0];
  }
}

TEST(AuditLogTest, FindsARowThatWasRemoved) {
  Fixture f;
  ASSERT_TRUE(f.log.Append({Event("A"), Event("B"), Event("C"), Event("D")}));
  f.DropTriggers();
  ASSERT_TRUE(f.Run("DELETE FROM dr_audit_log WHERE id = 2"));
  EXPECT_EQ(f.Problems(), std::vector<std::string>{"row 2 is missing"});
  ASSERT_TRUE(f.Run("UPDATE dr_audit_log SET id = id - 1 WHERE id > 2"));
  EXPECT_FALSE(f.Problems().empty()) << "renumbered";
}

TEST(AuditLogTest, FindsAnEndThatWasRemoved) {
  Fixture f;
  ASSERT_TRUE(f.log.Append({Event("A"), Event("B"), Event("C")}));
  f.DropTriggers();
  ASSERT_TRUE(f.Run("DELETE FROM dr_audit_log WHERE id = 3"));
  EXPECT_EQ(f.Problems(),
            std::vector<std::string>{"the log went on to row 3 and ends at row 2 now"});
}

TEST(AuditLogTest, CutsWhatIsTooLongAndKeepsTheChain) {
  Fixture f;
  AuditEvent event = Event(std::string(1000, 'T'));
  event.description = std::string(1 << 20, 'x');
  event.initiated_by = std::string(kMaxAuditActorBytes - 1, 'a') + "\xc3\xa4";
  event.notes = std::string("nul\0byte \xff", 10);
  event.metrics = "\"" + std::string(1 << 20, 'm') + "\"";
  ASSERT_TRUE(f.log.Append({event, Event("NEXT")}));
  const AuditRow row = f.log.Read({})->front();
  EXPECT_EQ(row.event.type.size(), kMaxAuditTypeBytes);
  EXPECT_EQ(row.event.description.size(), kMaxAuditTextBytes);
  EXPECT_LE(row.event.initiated_by.size(), kMaxAuditActorBytes);
  EXPECT_TRUE(base::IsValidUtf8(row.event.notes));
  EXPECT_EQ(row.event.metrics, "");
  EXPECT_TRUE(f.Problems().empty());
}

TEST(AuditLogTest, IsReadWhileAnotherWrites) {
  Fixture f;
  ASSERT_TRUE(f.log.Append({Event("A")}));
  auto second = db::Database::OpenForReading(f.folder.Path("audit.db"));
  ASSERT_TRUE(second) << second.error().ToString();
  const AuditLog view(second->get());
  EXPECT_EQ(view.Read({})->size(), 1);
  ASSERT_TRUE(f.log.Append({Event("B")}));
  EXPECT_EQ(view.Read({})->size(), 2);
  EXPECT_TRUE(view.Verify()->problems.empty());
  EXPECT_FALSE(AuditLog(second->get()).Append({Event("C")})) << "reading must not write";
  EXPECT_FALSE(db::Database::OpenForReading(f.folder.Path("none.db")));
}

TEST(AuditLogTest, AnEmptyLogHolds) {
  Fixture f;
  EXPECT_TRUE(f.log.Read({})->empty());
  EXPECT_FALSE(f.log.Last());
  const auto chain = f.log.Verify();
  EXPECT_EQ(chain->rows, 0);
  EXPECT_EQ(chain->head, "");
  EXPECT_TRUE(chain->problems.empty());
}

}  // namespace
}  // namespace drwatch::recovery
