#include <gtest/gtest.h>

#include "base/clock.h"
#include "config/config.h"

namespace drwatch::config {
namespace {

class ReadWalArchiveTest : public ::testing::Test {
 protected:
  // The errors of a probe with these keys, with their places; what it holds is in probe_.
  std::string Read(const std::string& keys) {
    const std::string text = "probes:\n- {name: w, type: wal_archive, path: /w,\n" + keys + "}\n" +
                             "route: {receiver: r}\n"
                             "receivers: [{name: r, webhook_configs: [{url: \"http://a\"}]}]\n";
    Problems problems;
    const auto config = ParseConfig(text, "f.yml", problems);
    std::string errors;
    for (const Problem& problem : problems.all()) {
      if (problem.kind == Problem::Kind::kError) errors += problem.ToString() + "\n";
    }
    if (config && !config->probes.empty()) {
      probe_ = std::get<WalArchiveProbe>(config->probes[0].spec);
    }
    return errors;
  }

  WalArchiveProbe probe_;
};

TEST_F(ReadWalArchiveTest, TakesAcknowledgedTimelines) {
  EXPECT_EQ(Read("acknowledged_timelines: [{timeline: 3, until: 2026-12-31}, "
                 "{timeline: 17, until: 2027-01-01}]"),
            "");
  ASSERT_EQ(probe_.acknowledged_timelines.size(), 2u);
  EXPECT_EQ(probe_.acknowledged_timelines[0].timeline, 3);
  EXPECT_EQ(base::FormatRfc3339(probe_.acknowledged_timelines[0].until), "2026-12-31T00:00:00Z");
  EXPECT_EQ(probe_.acknowledged_timelines[1].timeline, 17);
}

TEST_F(ReadWalArchiveTest, RefusesAcknowledgedTimelinesThatMeanNothing) {
  EXPECT_EQ(Read("acknowledged_timelines: [{timeline: 3}]"),
            "f.yml:3:26: acknowledged timeline needs the key \"until\"\n");
  EXPECT_EQ(Read("acknowledged_timelines: [{until: 2026-12-31}]"),
            "f.yml:3:26: acknowledged timeline needs the key \"timeline\"\n");
  EXPECT_EQ(Read("acknowledged_timelines: [{timeline: 0, until: 2026-12-31}]"),
            "f.yml:3:37: \"timeline\" must be at least 1\n");
  EXPECT_EQ(Read("acknowledged_timelines: [{timeline: 0000000B, until: 2026-12-31}]"),
            "f.yml:3:37: \"timeline\" must be a whole number, not \"0000000B\"\n");
  EXPECT_EQ(Read("acknowledged_timelines: [{timeline: 3, until: 2026-02-30}]"),
            "f.yml:3:47: \"until\" must be a day\n"
            "  hint: such as 2026-12-31: nothing is muted for ever\n");
}

}  // namespace
}  // namespace drwatch::config
