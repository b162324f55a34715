// Prometheus' web configuration file, and global.deadman.
#include "config/web_config.h"

#include <gtest/gtest.h>

#include "config/config.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

using testing::TempDir;

constexpr std::string_view kHash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

std::string Join(const Problems& problems) {
  std::string all;
  for (const Problem& problem : problems.all()) all += problem.ToString() + "\n";
  return all;
}

std::optional<WebConfig> Load(const TempDir& folder, const std::string& text, std::string& told) {
  Problems problems;
  auto config = LoadWebConfig(folder.Write("web.yml", text), problems);
  told = Join(problems);
  return config;
}

TEST(WebConfigTest, ReadsEverything) {
  const TempDir folder;
  folder.Write("certs/a.crt", "CERT");
  folder.Write("certs/a.key", "KEY");
  std::string told;
  const auto config = Load(folder,
                           "tls_server_config:\n"
                           "  cert_file: certs/a.crt\n"
                           "  key_file: certs/a.key\n"
                           "  client_auth_type: RequireAndVerifyClientCert\n"
                           "  client_ca: CA\n"
                           "  client_allowed_sans: [a.example]\n"
                           "  min_version: TLS11\n"
                           "  max_version: TLS12\n"
                           "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n"
                           "  curve_preferences: [X25519]\n"
                           "  prefer_server_cipher_suites: false\n"
                           "http_server_config: {http2: false, headers: {X-Frame-Options: deny}}\n"
                           "basic_auth_users: {ann: '" +
                               std::string(kHash) + "'}\n",
                           told);
  ASSERT_TRUE(config) << told;
  ASSERT_TRUE(config->tls);
  EXPECT_EQ(config->tls->cert.text.Reveal(), "CERT");
  EXPECT_EQ(config->tls->key.file, folder.Path("certs/a.key"));
  EXPECT_EQ(config->tls->client_ca.text.Reveal(), "CA");
  EXPECT_EQ(config->tls->client_auth, ClientAuth::kRequireAndVerify);
  EXPECT_EQ(config->tls->min_version, TlsVersion::k11);
  EXPECT_EQ(config->tls->max_version, TlsVersion::k12);
  EXPECT_EQ(config->headers.front().second, "deny");
  EXPECT_EQ(config->users.front().first, "ann");
  EXPECT_EQ(config->files.size(), 3) << "the file, the certificate, the key";
}

TEST(WebConfigTest, NothingIsNoTlsAndNobody) {
  Problems problems;
  const auto none = LoadWebConfig("", problems);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->tls);
  const TempDir folder;
  std::string told;
  EXPECT_TRUE(Load(folder, "", told));
  EXPECT_TRUE(Load(folder, "tls_server_config:\nbasic_auth_users:\n", told)) << told;
}

TEST(WebConfigTest, NamesEveryErrorAtOnce) {
  const TempDir folder;
  std::string told;
  EXPECT_FALSE(Load(folder,
                    "tls_server_config: {cert: a, cert_file: b, key: c, min_version: TLS13, "
                    "max_version: TLS12, client_allowed_sans: [a], colour: red}\n"
                    "basic_auth_users: {'': x, 'a:b': x, ann: plain-secret}\n"
                    "http_server_config: {headers: {X-Frame-Options: 'a\\nb'}}\n"
                    "rate_limit: {burst: 1}\n",
                    told));
  for (const char* part :
       {"\"cert\" and \"cert_file\" exclude each other", "\"min_version\" is above",
        "\"client_allowed_sans\" needs", "\"colour\"", "must not be empty or have a colon",
        "no bcrypt hash", "X-Frame-Options", "rate_limit"}) {
    EXPECT_NE(told.find(part), std::string::npos) << part << " in\n" << told;
  }
  EXPECT_EQ(told.find("plain-secret"), std::string::npos);
}

TEST(WebConfigTest, AVerificationNeedsAnAuthorityAndTheReverse) {
  const TempDir folder;
  std::string told;
  const std::string begin = "tls_server_config: {cert: a, key: b, client_auth_type: ";
  EXPECT_FALSE(Load(folder, begin + "VerifyClientCertIfGiven}\n", told));
  EXPECT_NE(told.find("\"client_ca\""), std::string::npos) << told;
  EXPECT_FALSE(Load(folder, begin + "RequireAnyClientCert, client_ca: c}\n", told));
  EXPECT_TRUE(Load(folder, begin + "RequireClientCert}\n", told)) << told;
  EXPECT_FALSE(Load(folder, begin + "Perhaps}\n", told));
}

TEST(WebConfigTest, KnowsBcryptHashes) {
  const std::string hash(kHash);
  EXPECT_TRUE(IsBcryptHash(hash));
  for (const char* kind : {"$2a$", "$2b$"}) EXPECT_TRUE(IsBcryptHash(kind + hash.substr(4)));
  EXPECT_FALSE(IsBcryptHash("$2x$" + hash.substr(4)));
  EXPECT_FALSE(IsBcryptHash("$2y$03" + hash.substr(6))) << "bcrypt's least cost is 4";
  EXPECT_FALSE(IsBcryptHash("$2y$31" + hash.substr(6))) << "two days of CPU for each login";
  EXPECT_FALSE(IsBcryptHash(hash.substr(0, 59)));
  EXPECT_FALSE(IsBcryptHash(hash + "a"));
  EXPECT_FALSE(IsBcryptHash(hash.substr(0, 59) + ":"));
  EXPECT_FALSE(IsBcryptHash(""));
}

std::string DeadManError(const std::string& text) {
  Problems problems;
  EXPECT_FALSE(ParseConfig("global: {deadman: " + text + "}\n", "/f.yml", problems)) << text;
  return Join(problems);
}

TEST(DeadManConfigTest, IsRead) {
  Problems problems;
  const auto config = ParseConfig(
      "global: {deadman: {url: 'https://hc.example/ping/abc', method: POST, interval: 5m}}\n",
      "/f.yml", problems);
  ASSERT_TRUE(config) << Join(problems);
  EXPECT_EQ(config->global.dead_man.url.value.Reveal(), "https://hc.example/ping/abc");
  EXPECT_EQ(config->global.dead_man.method, "POST");
  EXPECT_EQ(config->global.dead_man.interval, std::chrono::minutes(5));
  const std::string shown = DescribeConfig(*config);
  EXPECT_NE(shown.find("deadman:"), std::string::npos);
  EXPECT_EQ(shown.find("ping/abc"), std::string::npos) << shown;
}

TEST(DeadManConfigTest, RefusesWhatCannotWork) {
  EXPECT_NE(DeadManError("{interval: 1m}").find("\"url\" or \"url_file\" is missing"),
            std::string::npos);
  EXPECT_NE(DeadManError("{url: 'ftp://a/secret-path'}").find("url"), std::string::npos);
  EXPECT_EQ(DeadManError("{url: 'ftp://a/secret-path'}").find("secret-path"), std::string::npos);
  EXPECT_NE(DeadManError("{url: 'http://a', method: DELETE}").find("method"), std::string::npos);
  EXPECT_NE(DeadManError("{url: 'http://a', interval: 0s}").find("interval"), std::string::npos);
  EXPECT_NE(DeadManError("5").find("deadman"), std::string::npos);
}

}  // namespace
}  // namespace drwatch::config
