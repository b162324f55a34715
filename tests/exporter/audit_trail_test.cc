#include "exporter/audit_trail.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "support/eventually.h"
#include "support/log_check.h"
#include "support/temp_dir.h"

namespace drwatch::exporter {
namespace {

using testing::Eventually;
using testing::ExpectLog;
using testing::TempDir;

recovery::AuditEvent Event(const std::string& type) {
  recovery::AuditEvent event;
  event.type = type;
  event.description = "x";
  event.initiated_by = "test";
  event.time = base::FromUnixMillis(1'793'616'000'000);
  return event;
}

std::string Types(const AuditTrail& trail) {
  std::string types;
  const auto rows = trail.Read({});
  if (!rows) return "";
  for (const auto& row : *rows) types += (types.empty() ? "" : " ") + row.event.type;
  return types;
}

double Metric(const AuditTrail& trail, const std::string& name) {
  for (const auto& family : trail.Metrics()) {
    if (family.name == name) return family.points.front().value;
  }
  return -1;
}

TEST(AuditTrailTest, WritesInOrder) {
  const TempDir folder;
  const base::SystemClock clock;
  AuditTrail trail(folder.Path("audit.db"), clock);
  std::string wanted;
  for (int i = 0; i < 50; ++i) {
    trail.Record(Event("E" + std::to_string(i)));
    wanted += (i == 0 ? "E" : " E") + std::to_string(i);
  }
  EXPECT_TRUE(Eventually([&] { return Types(trail) == wanted; }));
  EXPECT_EQ(Metric(trail, "drwatch_audit_rows_total"), 50);
  EXPECT_EQ(Metric(trail, "drwatch_audit_writable"), 1);
}

TEST(AuditTrailTest, StopWritesWhatWaits) {
  const TempDir folder;
  const base::SystemClock clock;
  {
    AuditTrail trail(folder.Path("audit.db"), clock);
    for (int i = 0; i < 5; ++i) trail.Record(Event("E"));
    trail.Record(Event("STOP"));
  }
  AuditTrail next(folder.Path("audit.db"), clock);
  EXPECT_EQ(Types(next), "E E E E E STOP");
  EXPECT_EQ(next.written_before(), Event("STOP").time);
}

TEST(AuditTrailTest, SaysThatTheLastRunCameToNoEnd) {
  const TempDir folder;
  const base::SystemClock clock;
  { AuditTrail(folder.Path("audit.db"), clock).Record(Event("START")); }
  AuditTrail next(folder.Path("audit.db"), clock);
  next.Record(Event("START"));
  EXPECT_TRUE(Eventually([&] { return Types(next) == "START UNCLEAN_START START"; }));
}

TEST(AuditTrailTest, BeginsAnewAfterDamageAndSaysSo) {
  ExpectLog("state is damaged");
  ExpectLog("the audit log was damaged");
  const TempDir folder;
  const base::SystemClock clock;
  folder.Write("audit.db", std::string(8192, 'x'));
  AuditTrail trail(folder.Path("audit.db"), clock);
  EXPECT_TRUE(Eventually([&] { return Types(trail) == "LOG_RESTARTED"; }));
}

// No file can grow while it lives: what a full disk does.
class FullDisk {
 public:
  FullDisk() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{0, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST(AuditTrailTest, KeepsRowsWhileTheDiskIsFullAndCountsWhatIsLost) {
  ExpectLog("the audit log cannot be written");
  std::signal(SIGXFSZ, SIG_IGN);
  const TempDir folder;
  const base::SystemClock clock;
  AuditTrail trail(folder.Path("audit.db"), clock);
  std::size_t lost = 0;
  {
    const FullDisk full;
    trail.Record(Event("FIRST"));
    EXPECT_TRUE(Eventually([&] { return Metric(trail, "drwatch_audit_writable") == 0; }));
    recovery::AuditEvent large = Event("LARGE");
    large.notes = std::string(1 << 20, 'n');
    for (int i = 0; i < 20; ++i) trail.Record(large);
    lost = static_cast<std::size_t>(Metric(trail, "drwatch_audit_lost_rows_total"));
    EXPECT_EQ(lost, 5) << "15 of 1 MiB fit beside the first";
    EXPECT_EQ(Metric(trail, "drwatch_audit_pending_rows"), 16);
  }
  trail.Stop();
  const std::string types = Types(trail);
  EXPECT_TRUE(types.starts_with("FIRST LARGE")) << types;
  EXPECT_TRUE(types.ends_with("LARGE ROWS_LOST")) << types;
}

TEST(AuditTrailTest, AFolderThatIsMissingStopsNobody) {
  ExpectLog("the audit log cannot be opened");
  const TempDir folder;
  const base::SystemClock clock;
  folder.Write("file", "");
  AuditTrail trail(folder.Path("file/audit.db"), clock);
  trail.Record(Event("E"));
  EXPECT_FALSE(trail.Read({}));
  EXPECT_EQ(Metric(trail, "drwatch_audit_writable"), 0);
  ExpectLog("the last rows of the audit log are lost");
}

}  // namespace
}  // namespace drwatch::exporter
