#include <gtest/gtest.h>

#include "config/config.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

constexpr std::string_view kRest = R"yaml(
route: {receiver: r}
receivers: [{name: r, webhook_configs: [{url: "http://a"}]}]
)yaml";

class ReadPlaceTest : public ::testing::Test {
 protected:
  // The first probe; what is wrong stands in errors_.
  BackupProbe Read(const std::string& keys) {
    errors_.clear();
    const std::string text =
        "probes: [{name: n, type: backup, max_age: 1d, " + keys + "}]" + std::string(kRest);
    Problems problems;
    const auto config = ParseConfig(text, "/etc/f.yml", problems);
    for (const Problem& problem : problems.all()) {
      if (problem.kind == Problem::Kind::kError) errors_ += problem.message + "\n";
    }
    if (!config || config->probes.empty()) return {};
    described_ = DescribeConfig(*config);
    return std::get<BackupProbe>(config->probes[0].spec);
  }
  std::string ErrorOf(const std::string& keys) {
    Read(keys);
    return errors_;
  }

  std::string errors_;
  std::string described_;
};

TEST_F(ReadPlaceTest, TakesAFolder) {
  EXPECT_EQ(Read("path: backups").place.path, "/etc/backups");
  EXPECT_FALSE(Read("path: /b").place.s3);
}

TEST_F(ReadPlaceTest, TakesABucket) {
  const testing::TempDir folder;
  const std::string secret = folder.Write("secret", "topsecret");
  const std::string ca = folder.Write("ca.pem", "x");
  const BackupProbe probe = Read(
      "path: s3://company.backups/daily/, s3: {region: us-west-2, endpoint: \"https://ceph:7480\", "
      "path_style: false, access_key_id: AK, secret_access_key_file: " +
      secret + ", tls: {ca_file: " + ca +
      "}, max_requests_per_day: 1000, max_bytes_per_day: 1GiB}, expect: {encrypted: true, "
      "versioning: false}");
  EXPECT_EQ(errors_, "");
  EXPECT_EQ(probe.place.path, "s3://company.backups/daily");
  ASSERT_TRUE(probe.place.s3);
  EXPECT_EQ(probe.place.s3->region, "us-west-2");
  EXPECT_EQ(probe.place.s3->endpoint, "https://ceph:7480");
  EXPECT_EQ(probe.place.s3->path_style, false);
  EXPECT_EQ(probe.place.s3->secret_access_key.file, secret);
  EXPECT_EQ(probe.place.s3->max_requests_per_day, 1000);
  EXPECT_EQ(probe.place.s3->max_bytes_per_day, 1 << 30);
  EXPECT_EQ(probe.expect.encrypted, true);
  EXPECT_EQ(probe.expect.versioning, false);
  EXPECT_EQ(probe.expect.object_lock, std::nullopt);
  EXPECT_NE(described_.find("max_requests_per_day: 1000"), std::string::npos) << described_;
  EXPECT_EQ(Read("path: s3://b/").place.path, "s3://b");
  EXPECT_EQ(Read("path: s3://b/p//").place.path, "s3://b/p//") << "the keys begin with p//";
  EXPECT_FALSE(Read("path: s3://b").place.s3);  // all from the environment
  EXPECT_EQ(errors_, "");
}

TEST_F(ReadPlaceTest, TakesOnlyAmazonsRegionsForPlaces) {
  EXPECT_EQ(Read("path: s3://b, s3: {region: us-west-2}").region, "us-west-2");
  EXPECT_EQ(Read("path: s3://b, region: x, s3: {region: us-west-2}").region, "x");
  EXPECT_EQ(Read("path: s3://b, s3: {region: auto, endpoint: \"https://g\"}").region, "");
}

TEST_F(ReadPlaceTest, ShowsNoSecret) {
  Read("path: s3://b, s3: {access_key_id: AK, secret_access_key: topsecret, session_token: t0ken}");
  EXPECT_EQ(errors_, "");
  EXPECT_NE(described_.find("access_key_id: AK"), std::string::npos) << described_;
  EXPECT_EQ(described_.find("topsecret"), std::string::npos);
  EXPECT_EQ(described_.find("t0ken"), std::string::npos);
}

TEST_F(ReadPlaceTest, RefusesWhatIsNoPlace) {
  for (const char* path : {"gs://b/x", "s3://", "s3:///x", "\"s3://b b/x\"", "http://b/x"}) {
    EXPECT_EQ(ErrorOf("path: " + std::string(path)),
              "\"path\" must be a folder or a bucket with a prefix\n")
        << path;
  }
}

TEST_F(ReadPlaceTest, RefusesWhatMeansNothing) {
  EXPECT_EQ(ErrorOf("path: /b, s3: {region: x}"),
            "\"s3\" without a path that begins with s3:// means nothing\n");
  EXPECT_EQ(ErrorOf("path: /b, expect: {encrypted: true}"),
            "\"expect\" is about a bucket, and the path is a folder\n");
  EXPECT_EQ(ErrorOf("path: s3://b, s3: {access_key_id: AK}"),
            "\"access_key_id\" and \"secret_access_key\" belong together\n");
  EXPECT_EQ(ErrorOf("path: s3://b, s3: {session_token: t}"),
            "\"session_token\" without \"access_key_id\" means nothing\n");
  EXPECT_EQ(ErrorOf("path: s3://b, s3: {endpoint: \"https://ceph/bucket\"}"),
            "\"endpoint\" must be a host and maybe a port\n");
  EXPECT_NE(ErrorOf("path: s3://b, s3: {max_bytes_per_day: 0}"), "");
  EXPECT_NE(ErrorOf("path: s3://b, s3: {max_requests_per_day: 0}"), "");
  EXPECT_NE(ErrorOf("path: s3://b, s3: {credentials_file: /nonexistent/x}"), "");
}

}  // namespace
}  // namespace drwatch::config
