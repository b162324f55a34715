#include <gtest/gtest.h>

#include "config/config.h"

namespace drwatch::config {
namespace {

constexpr std::string_view kRest = R"yaml(
route: {receiver: r}
receivers: [{name: r, webhook_configs: [{url: "http://a"}]}]
)yaml";

class ReadRepositoryTest : public ::testing::Test {
 protected:
  // The errors of one probe of `type`; what it holds is in spec_.
  std::string Read(const std::string& keys, const std::string& type = "backup, max_age: 1d") {
    const std::string text =
        "probes: [{name: n, type: " + type + ", path: /b, " + keys + "}]" + std::string(kRest);
    Problems problems;
    const auto config = ParseConfig(text, "/etc/f.yml", problems);
    std::string errors;
    for (const Problem& problem : problems.all()) {
      if (problem.kind == Problem::Kind::kError) errors += problem.message + "\n";
    }
    if (config && !config->probes.empty()) {
      spec_ = config->probes[0].spec;
      described_ = DescribeConfig(*config);
    }
    return errors;
  }
  const BackupProbe& backup() const { return std::get<BackupProbe>(spec_); }

  ProbeSpec spec_;
  std::string described_;
};

TEST_F(ReadRepositoryTest, KnowsThePrograms) {
  EXPECT_EQ(Read("repository: pgbackrest, stanza: main, kind: differential"), "");
  EXPECT_EQ(backup().repository, Repository::kPgBackRest);
  EXPECT_EQ(backup().stanza, "main");
  EXPECT_EQ(backup().kind, "differential");
  EXPECT_NE(described_.find("repository: pgbackrest"), std::string::npos);
  EXPECT_NE(described_.find("stanza: main"), std::string::npos);
  EXPECT_EQ(described_.find("pattern"), std::string::npos);
  EXPECT_EQ(Read("repository: wal-g"), "");
  EXPECT_EQ(backup().repository, Repository::kWalG);
  EXPECT_EQ(Read("repository: barman, stanza: db1"), "");
  EXPECT_EQ(backup().repository, Repository::kBarman);
  EXPECT_NE(Read("repository: pgbarman").find("\"repository\""), std::string::npos);
}

TEST_F(ReadRepositoryTest, RefusesWhatMeansNothing) {
  for (const char* const key :
       {"pattern: \"*\"", "recursive: true", "quiet_time: 1m", "require_checksum: true"}) {
    const std::string name = std::string(key).substr(0, std::string_view(key).find(':'));
    EXPECT_EQ(Read(std::string("repository: barman, ") + key),
              "\"" + name + "\" means nothing with a \"repository\"\n");
    EXPECT_EQ(Read(key), "");
  }
  EXPECT_EQ(Read("repository: barman, timezone: UTC"),
            "\"timezone\" without a \"schedule\" means nothing with a \"repository\"\n");
  EXPECT_EQ(Read("repository: barman, timezone: UTC, schedule: '@daily'"), "");
  EXPECT_EQ(Read("repository: barman, kind: dump"),
            "\"kind\" with a \"repository\" is full, differential or incremental\n");
  for (const char* const type : {"backup, max_age: 1d", "wal_archive"}) {
    EXPECT_EQ(Read("stanza: main", type), "\"stanza\" without a \"repository\" means nothing\n");
    EXPECT_EQ(Read("repository: wal-g, stanza: main", type),
              "\"stanza\" means nothing of a WAL-G repository: each has a prefix of its own\n");
  }
}

}  // namespace
}  // namespace drwatch::config
