#include "net/s3_credentials.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <thread>

#include "base/strings.h"
#include "net/aws_credential_sources.h"
#include "support/fake_clock.h"
#include "support/fake_http_server.h"
#include "support/temp_dir.h"

namespace drwatch::net {
namespace {

using model::Reason;
using testing::FakeReply;
using testing::FakeRequest;
using Environment = std::map<std::string, std::string>;

// The fake clock starts at 2026-01-01 00:00:00 UTC.
constexpr std::string_view kInOneHour = "2026-01-01T01:00:00Z";

Variables From(Environment environment) {
  environment.try_emplace("AWS_EC2_METADATA_DISABLED", "true");
  return [environment = std::move(environment)](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
}

base::Deadline Soon() { return base::Deadline::After(std::chrono::seconds(10)); }

KeysResult<AwsCredentials> GetFrom(S3Credentials& credentials) {
  return credentials.Get(Soon(), base::StopToken());
}

std::string MetadataAnswer(const std::string& id, std::string_view expiry = kInOneHour) {
  return R"({"Code":"Success","Type":"AWS-HMAC","AccessKeyId":")" + id +
         R"(","SecretAccessKey":"hidden1","Token":"hidden2","Expiration":")" + std::string(expiry) +
         "\"}";
}

std::string StsAnswer(const std::string& id) {
  return R"(<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">)"
         "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>" +
         id +
         "</AccessKeyId><SecretAccessKey>hidden1</SecretAccessKey><SessionToken>hidden2"
         "</SessionToken><Expiration>2026-01-01T01:00:00Z</Expiration></Credentials>"
         "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
}

class S3CredentialsTest : public ::testing::Test {
 protected:
  testing::FakeClock clock_;
  testing::TempDir folder_;
};

TEST_F(S3CredentialsTest, PrefersTheConfigsKeys) {
  config::S3 config;
  config.access_key_id = "AKCONFIG";
  config.secret_access_key.file = folder_.Write("secret", "one\n");
  config.session_token.value = base::Secret("token");
  S3Credentials credentials(config, clock_,
                            From({{"AWS_ACCESS_KEY_ID", "AKENV"}, {"AWS_SECRET_ACCESS_KEY", "x"}}));
  auto found = GetFrom(credentials);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->keys.access_key_id, "AKCONFIG");
  EXPECT_EQ(found->keys.secret_access_key.Reveal(), "one");
  EXPECT_EQ(found->keys.session_token.Reveal(), "token");
  EXPECT_FALSE(found->expiry);
  folder_.Write("secret", "two\n");
  EXPECT_EQ(GetFrom(credentials)->keys.secret_access_key.Reveal(), "two");
}

TEST_F(S3CredentialsTest, ReadsACredentialsFileAgain) {
  config::S3 config;
  config.profile = "backup";
  config.credentials_file = folder_.Write(
      "credentials",
      "# comment\n[default]\naws_access_key_id=AKDEFAULT\naws_secret_access_key=d\n"
      "[ backup ]\r\nAWS_ACCESS_KEY_ID = AKONE \r\naws_secret_access_key = a=b\r\n; x\n[other]\n"
      "aws_session_token = foreign\n");
  S3Credentials credentials(config, clock_,
                            From({{"AWS_ACCESS_KEY_ID", "AKENV"}, {"AWS_SECRET_ACCESS_KEY", "x"}}));
  auto found = GetFrom(credentials);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->keys.access_key_id, "AKONE");
  EXPECT_EQ(found->keys.secret_access_key.Reveal(), "a=b");
  EXPECT_TRUE(found->keys.session_token.empty());
  folder_.Write("credentials", "[backup]\naws_access_key_id=AKTWO\naws_secret_access_key=e\n");
  EXPECT_EQ(GetFrom(credentials)->keys.access_key_id, "AKTWO");
}

TEST_F(S3CredentialsTest, SaysWhichFileIsWrong) {
  config::S3 config;
  config.credentials_file =
      folder_.Write("credentials", "[default]\naws_secret_access_key=hidden\n");
  S3Credentials credentials(config, clock_, From({}));
  auto found = GetFrom(credentials);
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().reason, Reason::kConfig);
  EXPECT_EQ(found.error().message,
            "\"" + config.credentials_file + "\" has no aws_access_key_id in profile \"default\"");
  EXPECT_TRUE(found.error().hint.starts_with("\"" + config.credentials_file + "\" must be"));
  config.credentials_file = folder_.Path("nothing");
  S3Credentials missing(config, clock_, From({}));
  EXPECT_EQ(GetFrom(missing).error().reason, Reason::kConfig);
  EXPECT_TRUE(
      GetFrom(missing).error().hint.starts_with("\"" + config.credentials_file + "\" must be"));
}

TEST_F(S3CredentialsTest, TakesTheEnvironmentsKeys) {
  S3Credentials credentials({}, clock_,
                            From({{"AWS_ACCESS_KEY_ID", "AKENV"},
                                  {"AWS_SECRET_ACCESS_KEY", "hidden"},
                                  {"AWS_SESSION_TOKEN", "token"}}));
  auto found = GetFrom(credentials);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->keys.access_key_id, "AKENV");
  EXPECT_EQ(found->keys.session_token.Reveal(), "token");
  S3Credentials half({}, clock_, From({{"AWS_ACCESS_KEY_ID", "AKENV"}}));
  EXPECT_EQ(GetFrom(half).error().reason, Reason::kConfig);
}

TEST_F(S3CredentialsTest, TakesTheSharedFileOfTheHome) {
  folder_.Write(".aws/credentials",
                "[default]\naws_access_key_id=AKHOME\naws_secret_access_key=h\n"
                "[p]\naws_access_key_id=AKP\naws_secret_access_key=h\n");
  S3Credentials plain({}, clock_, From({{"HOME", folder_.path()}}));
  EXPECT_EQ(GetFrom(plain)->keys.access_key_id, "AKHOME");
  S3Credentials profile({}, clock_, From({{"HOME", folder_.path()}, {"AWS_PROFILE", "p"}}));
  EXPECT_EQ(GetFrom(profile)->keys.access_key_id, "AKP");
  S3Credentials wrong({}, clock_, From({{"HOME", folder_.path()}, {"AWS_PROFILE", "q"}}));
  EXPECT_EQ(GetFrom(wrong).error().reason, Reason::kConfig);
}

TEST_F(S3CredentialsTest, TellsWhereItLooked) {
  S3Credentials credentials({}, clock_, From({{"HOME", folder_.path()}}));
  auto found = GetFrom(credentials);
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().reason, Reason::kAuth);
  EXPECT_EQ(found.error().message,
            "no keys for S3: neither in the config, nor in AWS_ACCESS_KEY_ID, ~/.aws/credentials, "
            "a web identity or container metadata; instance metadata is disabled");
}

// Nobody has named it, so that others are asked; but whoever wrote it expects it to be read.
TEST_F(S3CredentialsTest, NamesTheSharedFileThatWasPassedOver) {
  const std::string file = folder_.Path(".aws/credentials");
  S3Credentials credentials({}, clock_, From({{"HOME", folder_.path()}}));
  const auto problem_with = [&](const std::string& text) {
    folder_.Write(".aws/credentials", text);
    clock_.Advance(S3Credentials::kRetryAfter);
    const auto found = GetFrom(credentials);
    EXPECT_FALSE(found.has_value());
    EXPECT_TRUE(found.error().hint.starts_with(base::Quote(file) + " must be readable"));
    return found.error().message;
  };
  const std::string there = "~/.aws/credentials is there, but " + base::Quote(file);
  EXPECT_NE(problem_with("").find(there + " has no profile \"default\";"), std::string::npos);
  EXPECT_NE(problem_with("[shop]\naws_access_key_id=A\naws_secret_access_key=b\n").find(there),
            std::string::npos);
  EXPECT_NE(problem_with("[default]\n").find(there + " has no keys in profile \"default\";"),
            std::string::npos);
  const std::string half = problem_with("[default]\naws_access_key_id=A\naws_secret_acc");
  EXPECT_EQ(half, base::Quote(file) + " has no aws_secret_access_key in profile \"default\"");
  // The others do come first.
  folder_.Write(".aws/credentials", "[shop]\n");
  testing::FakeHttpServer server(FakeReply{.body = MetadataAnswer("ASIAECS")});
  S3Credentials container(
      {}, clock_,
      From({{"HOME", folder_.path()}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.Url("/")}}));
  EXPECT_EQ(GetFrom(container)->keys.access_key_id, "ASIAECS");
  EXPECT_EQ(GetFrom(container)->source,
            "the container's agent (" + base::Quote(file) + " has no profile \"default\")");
}

TEST_F(S3CredentialsTest, NamesTheSharedFileThatCannotBeRead) {
  std::filesystem::create_directories(folder_.Path(".aws/credentials"));
  S3Credentials credentials({}, clock_, From({{"HOME", folder_.path()}}));
  EXPECT_NE(GetFrom(credentials)
                .error()
                .message.find("~/.aws/credentials is there, but cannot read \"" +
                              folder_.Path(".aws/credentials") + "\""),
            std::string::npos);
}

TEST_F(S3CredentialsTest, ExchangesAWebIdentity) {
  testing::FakeHttpServer server(FakeReply{.body = StsAnswer("ASIAWEB")});
  S3Credentials credentials({}, clock_,
                            From({{"AWS_WEB_IDENTITY_TOKEN_FILE", folder_.Write("jwt", "a.b/c\n")},
                                  {"AWS_ROLE_ARN", "arn:aws:iam::1:role/x"},
                                  {"AWS_ENDPOINT_URL_STS", server.Url("/")}}));
  auto found = GetFrom(credentials);
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->keys.access_key_id, "ASIAWEB");
  EXPECT_EQ(found->keys.secret_access_key.Reveal(), "hidden1");
  EXPECT_EQ(found->keys.session_token.Reveal(), "hidden2");
  EXPECT_EQ(found->expiry, clock_.Now() + std::chrono::hours(1));
  EXPECT_EQ(credentials.expiry(), found->expiry);
  ASSERT_EQ(server.requests().size(), 1u);
  const FakeRequest request = server.requests()[0];
  EXPECT_EQ(request.method + " " + request.target, "POST /");
  EXPECT_EQ(request.Header("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
            "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&RoleSessionName=drwatch"
            "&WebIdentityToken=a.b%2Fc");
  EXPECT_TRUE(GetFrom(credentials).has_value());
  EXPECT_EQ(server.requests().size(), 1u);  // kept
}

TEST_F(S3CredentialsTest, SaysWhyTheTokenServiceRefuses) {
  testing::FakeHttpServer server(FakeReply{
      .status = 400,
      .body = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredTokenException</Code>"
              "<Message>Token expired: 1 must be after 2</Message></Error>"
              "</ErrorResponse>"});
  S3Credentials credentials({}, clock_,
                            From({{"AWS_WEB_IDENTITY_TOKEN_FILE", folder_.Write("jwt", "secret")},
                                  {"AWS_ROLE_ARN", "arn"},
                                  {"AWS_ENDPOINT_URL_STS", server.Url("")}}));
  auto found = GetFrom(credentials);
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().reason, Reason::kAuth);
  EXPECT_EQ(found.error().message,
            "security token service answers 400: ExpiredTokenException: Token expired: 1 must be "
            "after 2");
  EXPECT_FALSE(GetFrom(credentials).has_value());
  EXPECT_EQ(server.requests().size(), 1u);  // not asked again at once
  clock_.Advance(S3Credentials::kRetryAfter);
  EXPECT_FALSE(GetFrom(credentials).has_value());
  EXPECT_EQ(server.requests().size(), 2u);
}

// Whatever goes wrong on the way to keys, the engineer is sent there and not to the bucket.
TEST_F(S3CredentialsTest, SendsToTheServiceThatHandsOutNoKeys) {
  const auto hint_of = [this](const std::string& token_file, const std::string& service) {
    S3Credentials credentials({}, clock_,
                              From({{"AWS_WEB_IDENTITY_TOKEN_FILE", token_file},
                                    {"AWS_ROLE_ARN", "arn"},
                                    {"AWS_ENDPOINT_URL_STS", service}}));
    return credentials.Get(base::Deadline::After(std::chrono::seconds(1)), base::StopToken())
        .error()
        .hint;
  };
  const std::string token = folder_.Write("jwt", "secret");
  const std::string of_the_file = "AWS_WEB_IDENTITY_TOKEN_FILE must name";
  testing::FakeHttpServer busy(FakeReply{.status = 503});
  EXPECT_TRUE(hint_of(folder_.Path("none"), busy.Url("")).starts_with(of_the_file));
  EXPECT_TRUE(hint_of(folder_.Write("empty", "\n"), busy.Url("")).starts_with(of_the_file));
  EXPECT_TRUE(
      hint_of(token, busy.Url("")).starts_with("the token service " + busy.Url("") + " is"));
  testing::FakeHttpServer strict(FakeReply{.status = 403});
  EXPECT_TRUE(hint_of(token, strict.Url("/")).find(strict.Url("") + " refuses") !=
              std::string::npos);
  testing::FakeHttpServer silent(FakeReply{.act = FakeReply::Act::kHang});
  EXPECT_TRUE(hint_of(token, silent.Url("")).find(silent.Url("") + " does not answer") !=
              std::string::npos);
  S3Credentials instance({}, clock_,
                         From({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", silent.Url("")},
                               {"AWS_EC2_METADATA_DISABLED", ""}}));
  const auto found =
      instance.Get(base::Deadline::After(std::chrono::milliseconds(50)), base::StopToken());
  EXPECT_EQ(found.error().reason, Reason::kAuth);
  EXPECT_NE(found.error().hint.find(silent.Url("") + " must be reachable"), std::string::npos);
}

TEST_F(S3CredentialsTest, AsksTheContainersAgent) {
  testing::FakeHttpServer server(FakeReply{.body = MetadataAnswer("ASIAECS")});
  const std::string token = folder_.Write("token", "one\n");
  S3Credentials credentials(
      {}, clock_,
      From({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.Url("/v1/creds?x=1")},
            {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "ignored"},
            {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token}}));
  auto found = GetFrom(credentials);
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->keys.access_key_id, "ASIAECS");
  EXPECT_EQ(server.requests()[0].target, "/v1/creds?x=1");
  EXPECT_EQ(server.requests()[0].Header("authorization"), "one");
}

TEST_F(S3CredentialsTest, SendsNoTokenToAStranger) {
  S3Credentials credentials({}, clock_,
                            From({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/x"},
                                  {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "hidden"}}));
  auto found = GetFrom(credentials);
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().reason, Reason::kConfig);
  EXPECT_EQ(found.error().message.find("hidden"), std::string::npos);
}

// Version 2 of the metadata service: a token first, then the role, then its keys.
FakeReply Instance(const FakeRequest& request, const std::string& id, std::string_view expiry) {
  if (request.method == "PUT" && request.target == "/latest/api/token") {
    if (request.Header("x-aws-ec2-metadata-token-ttl-seconds").empty()) return {.status = 400};
    return {.body = "session"};
  }
  if (request.Header("x-aws-ec2-metadata-token") != "session") return {.status = 401};
  const std::string path = "/latest/meta-data/iam/security-credentials/";
  if (request.target == path) return {.body = "backup-role\n"};
  if (request.target == path + "backup-role") return {.body = MetadataAnswer(id, expiry)};
  return {.status = 404};
}

TEST_F(S3CredentialsTest, AsksTheInstancesMetadata) {
  testing::FakeHttpServer server(
      [](const FakeRequest& request) { return Instance(request, "ASIAEC2", kInOneHour); });
  S3Credentials credentials({}, clock_,
                            From({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", server.Url("/")},
                                  {"AWS_EC2_METADATA_DISABLED", "false"}}));
  auto found = GetFrom(credentials);
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->keys.access_key_id, "ASIAEC2");
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(S3CredentialsTest, RenewsInTimeAndKeepsTheOldOnesWhileItCannot) {
  std::string id = "ASIAONE";
  bool down = false;
  testing::FakeHttpServer server([&](const FakeRequest& request) {
    if (down) return FakeReply{.status = 500};
    return Instance(request, id, id == "ASIAONE" ? kInOneHour : "2026-01-01T02:00:00Z");
  });
  S3Credentials credentials({}, clock_,
                            From({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", server.Url("")},
                                  {"AWS_EC2_METADATA_DISABLED", ""}}));
  EXPECT_EQ(GetFrom(credentials)->keys.access_key_id, "ASIAONE");
  id = "ASIATWO";
  clock_.Advance(std::chrono::minutes(54));
  EXPECT_EQ(GetFrom(credentials)->keys.access_key_id, "ASIAONE");
  down = true;
  clock_.Advance(std::chrono::minutes(2));  // less than kRenewBefore is left
  EXPECT_EQ(GetFrom(credentials)->keys.access_key_id, "ASIAONE");
  const std::size_t asked = server.requests().size();
  EXPECT_EQ(GetFrom(credentials)->keys.access_key_id, "ASIAONE");
  EXPECT_EQ(server.requests().size(), asked);  // not again at once
  clock_.Advance(std::chrono::minutes(5));     // they have ended
  EXPECT_EQ(GetFrom(credentials).error().reason, Reason::kUnexpectedStatus);
  down = false;
  clock_.Advance(S3Credentials::kRetryAfter);
  EXPECT_EQ(GetFrom(credentials)->keys.access_key_id, "ASIATWO");
}

// A service may hand out the same keys until they end.
TEST_F(S3CredentialsTest, AsksNowAndThenWhenThereIsNothingNewer) {
  std::string_view expiry = "2026-01-01T00:02:00Z";
  testing::FakeHttpServer server(
      [&](const FakeRequest&) { return FakeReply{.body = MetadataAnswer("ASIAONE", expiry)}; });
  S3Credentials credentials({}, clock_,
                            From({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.Url("/")}}));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(GetFrom(credentials).has_value());
  EXPECT_EQ(server.requests().size(), 1u);
  clock_.Advance(S3Credentials::kRetryAfter);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(GetFrom(credentials).has_value());
  EXPECT_EQ(server.requests().size(), 2u);
  // They end before the service would be asked again.
  clock_.Advance(std::chrono::seconds(75));
  EXPECT_TRUE(GetFrom(credentials).has_value());
  EXPECT_EQ(server.requests().size(), 3u);
  clock_.Advance(std::chrono::seconds(15));
  expiry = kInOneHour;
  EXPECT_EQ(GetFrom(credentials)->expiry, clock_.Now() + std::chrono::minutes(58));
  EXPECT_EQ(server.requests().size(), 4u);
}

TEST_F(S3CredentialsTest, FetchesOthersWhenTheServerRejectsThem) {
  int count = 0;
  testing::FakeHttpServer server([&](const FakeRequest&) {
    return FakeReply{.body = MetadataAnswer("ASIA" + std::to_string(++count))};
  });
  S3Credentials credentials({}, clock_,
                            From({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.Url("/")}}));
  const auto first = GetFrom(credentials);
  EXPECT_EQ(first->keys.access_key_id, "ASIA1");
  credentials.Reject(first->keys);
  EXPECT_EQ(GetFrom(credentials)->keys.access_key_id, "ASIA2");
  credentials.Reject(first->keys);  // long gone
  EXPECT_EQ(GetFrom(credentials)->keys.access_key_id, "ASIA2");
}

TEST_F(S3CredentialsTest, AsksNowAndThenWhileTheServerRejectsTheSameKeys) {
  std::string id = "ASIAONE";
  testing::FakeHttpServer server(
      [&](const FakeRequest&) { return FakeReply{.body = MetadataAnswer(id)}; });
  S3Credentials credentials({}, clock_,
                            From({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.Url("/")}}));
  const auto use = [&] {
    const auto answer = GetFrom(credentials);
    EXPECT_TRUE(answer.has_value());
    credentials.Reject(answer->keys);
    return answer->keys.access_key_id;
  };
  for (int i = 0; i < 10; ++i) EXPECT_EQ(use(), "ASIAONE");
  EXPECT_EQ(server.requests().size(), 2u) << "the second time for others";
  id = "ASIATWO";
  clock_.Advance(S3Credentials::kRetryAfter);
  EXPECT_EQ(use(), "ASIAONE");
  EXPECT_EQ(use(), "ASIATWO");
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(S3CredentialsTest, AsksOnceForManyThreads) {
  testing::FakeHttpServer server(FakeReply{.body = MetadataAnswer("ASIAONE")});
  S3Credentials credentials({}, clock_,
                            From({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.Url("/")}}));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(GetFrom(credentials).has_value()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(S3CredentialsTest, RefusesAnswersThatHoldNoKeys) {
  for (
      const std::string body :
      {"", "[]", "{}", "nonsense", R"({"Code":"AssumeRoleUnauthorizedAccess"})",
       R"({"AccessKeyId":1,"SecretAccessKey":[],"Expiration":"2026-01-01T01:00:00Z"})",
       R"({"AccessKeyId":"a","SecretAccessKey":"hidden","Token":"t","Expiration":"soon"})",
       R"({"AccessKeyId":"a","SecretAccessKey":"hidden","Token":"t","Expiration":"2025-01-01T00:00:00Z"})"}) {
    SCOPED_TRACE(body);
    testing::FakeHttpServer server(FakeReply{.body = body});
    S3Credentials credentials({}, clock_,
                              From({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.Url("/")}}));
    const auto found = GetFrom(credentials);
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().message.find("hidden"), std::string::npos);
  }
}

TEST_F(S3CredentialsTest, EndsByTheDeadline) {
  testing::FakeHttpServer server(FakeReply{.act = FakeReply::Act::kHang});
  S3Credentials credentials({}, clock_,
                            From({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.Url("/")}}));
  const auto found =
      credentials.Get(base::Deadline::After(std::chrono::milliseconds(50)), base::StopToken());
  EXPECT_EQ(found.error().reason, Reason::kTimeout);
}

}  // namespace
}  // namespace drwatch::net
