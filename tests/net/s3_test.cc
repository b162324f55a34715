// The client against scripted servers that behave as Amazon's documentation says. Real requests
// against a real server: tests/e2e/test_s3.py.
#include "net/s3.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "base/strings.h"
#include "net/address.h"
#include "net/s3_address.h"
#include "net/s3_head.h"
#include "support/fake_clock.h"
#include "support/fake_http_server.h"
#include "support/temp_dir.h"

namespace drwatch::net {
namespace {

using model::Reason;
using testing::FakeReply;
using testing::FakeRequest;

constexpr std::string_view kDate = "Thu, 01 Jan 2026 00:00:00 GMT";  // where the fake clock starts

Variables NoVariables() {
  return [](const std::string&) { return std::string(); };
}

std::string ErrorBody(const std::string& code, const std::string& more = "") {
  return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>because</Message>" +
         more + "</Error>";
}

std::string Entry(const std::string& key) {
  return "<Contents><Key>" + key +
         "</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>\"e\"</ETag>"
         "<Size>1</Size></Contents>";
}

std::string Page(const std::string& entries, const std::string& token = "") {
  return "<ListBucketResult><IsTruncated>" + std::string(token.empty() ? "false" : "true") +
         "</IsTruncated>" +
         (token.empty() ? "" : "<NextContinuationToken>" + token + "</NextContinuationToken>") +
         entries + "</ListBucketResult>";
}

std::map<std::string, std::string> QueryOf(const FakeRequest& request) {
  const std::size_t question = request.target.find('?');
  std::map<std::string, std::string> query;
  if (question == std::string::npos) return query;
  for (auto& [name, value] : ParseQuery(std::string_view(request.target).substr(question + 1))) {
    query[name] = value;
  }
  return query;
}

class S3Test : public ::testing::Test {
 protected:
  void Serve(testing::FakeHttpServer::Script script) {
    server_ = std::make_unique<testing::FakeHttpServer>(std::move(script));
    config_.endpoint = "http://" + server_->address();
    config_.access_key_id = "AKEXAMPLE";
    config_.secret_access_key.value = base::Secret("topsecret");
    config_.session_token.value = base::Secret();
    client_ = std::make_unique<S3Client>(config_, "bucket", clock_, NoVariables());
  }
  void Serve(FakeReply reply) {
    Serve([reply = std::move(reply)](const FakeRequest&) { return reply; });
  }
  static S3Call Call(base::Duration timeout = std::chrono::seconds(20)) {
    return {base::Deadline::After(timeout), base::StopToken()};
  }

  testing::FakeClock clock_;
  config::S3 config_;
  std::unique_ptr<testing::FakeHttpServer> server_;
  std::unique_ptr<S3Client> client_;
};

TEST(S3AddressTest, AsksAmazonByTheBucketsName) {
  const auto address = FindS3Address({}, "my-bucket", "eu-west-1");
  EXPECT_EQ(address->origin, "https://my-bucket.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(address->host, "my-bucket.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(address->path_prefix, "");
  EXPECT_EQ(FindS3Address({}, "b", "cn-north-1")->host, "b.s3.cn-north-1.amazonaws.com.cn");
}

TEST(S3AddressTest, PutsDottedBucketsIntoThePath) {
  const auto address = FindS3Address({}, "my.bucket", "us-east-1");
  EXPECT_EQ(address->origin, "https://s3.us-east-1.amazonaws.com");
  EXPECT_EQ(address->path_prefix, "/my.bucket");
}

TEST(S3AddressTest, AsksOnesOwnEndpoint) {
  config::S3 config;
  config.endpoint = "http://ceph:7480/";
  EXPECT_EQ(FindS3Address(config, "b", "x")->origin, "http://ceph:7480");
  EXPECT_EQ(FindS3Address(config, "b", "x")->path_prefix, "/b");
  config.path_style = false;
  EXPECT_EQ(FindS3Address(config, "b", "x")->origin, "http://b.ceph:7480");
  config.endpoint = "https://[::1]:443";
  config.path_style = true;
  EXPECT_EQ(FindS3Address(config, "b", "x")->host, "[::1]");
  for (const char* bad : {"ceph", "ftp://ceph", "http://", "http://ceph/x", "http://u:p@ceph"}) {
    config.endpoint = bad;
    EXPECT_FALSE(FindS3Address(config, "b", "x").has_value()) << bad;
  }
}

TEST(S3AddressTest, RefusesNamesThatLeadElsewhere) {
  for (const char* bucket : {"", ".", "..", "a/b", "a?b", "a b", "a\nb", ".evil"}) {
    EXPECT_FALSE(FindS3Address({}, bucket, "us-east-1").has_value()) << bucket;
  }
  for (const char* region : {"", "a.evil.com/", "a/b", "x y", "a.b", "a@b"}) {
    EXPECT_FALSE(FindS3Address({}, "b", region).has_value()) << region;
  }
}

TEST(S3AddressTest, ReadsS3Paths) {
  EXPECT_EQ(ParseS3Path("s3://b/p/q").value(), (std::pair<std::string, std::string>("b", "p/q/")));
  EXPECT_EQ(ParseS3Path("s3://b/p/")->second, "p/");
  EXPECT_EQ(ParseS3Path("s3://b/")->second, "");
  EXPECT_EQ(ParseS3Path("s3://b")->second, "");
  for (const char* bad : {"", "s3://", "s3:///p", "http://b/p", "/b"}) {
    EXPECT_FALSE(ParseS3Path(bad).has_value()) << bad;
  }
}

TEST_F(S3Test, SignsItsRequests) {
  Serve(FakeReply{.body = Page("")});
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  const FakeRequest request = server_->requests().at(0);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/bucket/?encoding-type=url&list-type=2&max-keys=1000");
  EXPECT_EQ(request.Header("host"), server_->address());
  EXPECT_EQ(request.Header("x-amz-date"), "20260101T000000Z");
  EXPECT_TRUE(request.Header("authorization")
                  .starts_with("AWS4-HMAC-SHA256 Credential=AKEXAMPLE/20260101/us-east-1/s3/"));
  EXPECT_EQ(request.Header("accept-encoding"), "");
}

TEST_F(S3Test, ListsPageByPage) {
  Serve([](const FakeRequest& request) {
    auto query = QueryOf(request);
    EXPECT_EQ(query["prefix"], "d/");
    if (query["continuation-token"] == "t/2=") return FakeReply{.body = Page(Entry("d/c"))};
    EXPECT_EQ(query["start-after"], "d/a");
    return FakeReply{.body = Page(Entry("d/a") + Entry("d/b"), "t/2=")};
  });
  const auto listing =
      client_->List({.prefix = "d/", .start_after = "d/a", .delimiter = {}}, Call());
  ASSERT_TRUE(listing.has_value()) << listing.error().message;
  ASSERT_EQ(listing->objects.size(), 2u);
  EXPECT_EQ(listing->objects[0].key, "d/b");
  EXPECT_EQ(listing->objects[1].key, "d/c");
  EXPECT_EQ(client_->stats().requests["list"], 2);
  EXPECT_EQ(server_->connections(), 1);  // reused
}

TEST_F(S3Test, EndsEndlessListings) {
  int count = 0;
  Serve([&count](const FakeRequest&) {
    return FakeReply{.body = Page(Entry("k" + std::to_string(++count)), std::to_string(count))};
  });
  S3ListRequest request;
  request.max_objects = 50;
  EXPECT_EQ(client_->List(request, Call()).error().reason, Reason::kLimit);
  Serve(FakeReply{.body = Page(Entry("k"), "same")});
  auto circle = client_->List({}, Call());
  EXPECT_EQ(circle.error().reason, Reason::kProtocol);
  EXPECT_EQ(circle.error().message, "LIST s3://bucket/: the listing goes in circles");
  Serve([&count](const FakeRequest&) {
    return FakeReply{.body = Page("", std::to_string(++count))};
  });
  EXPECT_EQ(client_->List({}, Call()).error().reason, Reason::kProtocol);
}

TEST_F(S3Test, RefusesKeysThatWereNotAskedFor) {
  Serve(FakeReply{.body = Page(Entry("elsewhere"))});
  EXPECT_EQ(
      client_->List({.prefix = "d/", .start_after = {}, .delimiter = {}}, Call()).error().reason,
      Reason::kProtocol);
}

TEST_F(S3Test, TellsHiddenFromMissing) {
  Serve(FakeReply{.status = 403, .body = ErrorBody("AccessDenied")});
  auto error = client_->List({}, Call()).error();
  EXPECT_EQ(error.reason, Reason::kPermission);
  EXPECT_EQ(error.message,
            "GET s3://bucket/: 403 AccessDenied: because; it may be there all the same");
  EXPECT_EQ(client_->Head("k", Call()).error().reason, Reason::kPermission);
  Serve(FakeReply{.status = 404, .body = ErrorBody("NoSuchBucket")});
  error = client_->List({}, Call()).error();
  EXPECT_EQ(error.reason, Reason::kNotFound);
  EXPECT_EQ(error.code, "NoSuchBucket");
  EXPECT_EQ(client_->Head("k", Call()).error().reason, Reason::kNotFound);
}

TEST_F(S3Test, CallsRefusedKeysByTheirName) {
  for (const char* code : {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}) {
    Serve(FakeReply{.status = 403,
                    .body = ErrorBody(code,
                                      "<AWSAccessKeyId>AKEXAMPLE</AWSAccessKeyId>"
                                      "<StringToSign>topsecret</StringToSign>")});
    const auto error = client_->List({}, Call()).error();
    EXPECT_EQ(error.reason, Reason::kAuth);
    EXPECT_EQ(error.message, "GET s3://bucket/: 403 " + std::string(code) + ": because");
    EXPECT_EQ(server_->requests().size(), 1u);
  }
}

TEST_F(S3Test, SendsToWhatWasRefused) {
  const auto hint_of = [this](FakeReply reply) {
    Serve(std::move(reply));
    return client_->List({}, Call()).error().hint;
  };
  std::string hint = hint_of({.status = 403, .body = ErrorBody("InvalidAccessKeyId")});
  EXPECT_TRUE(
      hint.starts_with(server_->Url("") + " does not know the access key id from the config"))
      << hint;
  hint = hint_of({.status = 404, .body = ErrorBody("NoSuchBucket")});
  EXPECT_TRUE(hint.starts_with(server_->Url("") + " has no bucket \"bucket\"")) << hint;
  // Followed once, in vain.
  hint = hint_of({.status = 301,
                  .headers = {{"x-amz-bucket-region", "eu-west-1"}},
                  .body = ErrorBody("PermanentRedirect")});
  EXPECT_TRUE(hint.starts_with("the bucket lies in region \"eu-west-1\"")) << hint;
  EXPECT_EQ(hint_of({.body = "<html>log in</html>"}),
            "it does not answer as S3 should: check endpoint and region, and how the storage is");
}

TEST_F(S3Test, SendsToTheKeysThatCannotBeRead) {
  Serve(FakeReply{.body = Page("")});
  config_.access_key_id.clear();
  config_.credentials_file = "/nonexistent/keys";
  client_ = std::make_unique<S3Client>(config_, "bucket", clock_, NoVariables());
  const S3Error error = client_->List({}, Call()).error();
  EXPECT_EQ(error.reason, Reason::kConfig);
  EXPECT_TRUE(error.hint.starts_with("\"/nonexistent/keys\" must be readable"));
  EXPECT_TRUE(server_->requests().empty());
}

TEST_F(S3Test, LearnsTheRightRegionOnce) {
  Serve([](const FakeRequest& request) {
    if (request.Header("authorization").find("/eu-west-1/s3/") != std::string::npos) {
      return FakeReply{.body = Page(Entry("k"))};
    }
    return FakeReply{
        .status = 400,
        .body = ErrorBody("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")};
  });
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 2u);
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 3u);
}

TEST_F(S3Test, LearnsTheRegionOfARedirectWithoutFollowingIt) {
  testing::FakeHttpServer stranger(FakeReply{.body = "stolen"});
  Serve([&](const FakeRequest& request) {
    if (request.Header("authorization").find("/eu-west-1/s3/") != std::string::npos) {
      return FakeReply{.headers = {{"Content-Length-Of", "x"}}};
    }
    return FakeReply{
        .status = 301,
        .headers = {{"x-amz-bucket-region", "eu-west-1"}, {"Location", stranger.Url("/bucket/k")}}};
  });
  EXPECT_TRUE(client_->Head("k", Call()).has_value());
  EXPECT_EQ(stranger.requests().size(), 0u);
}

TEST_F(S3Test, FollowsNoRedirects) {
  testing::FakeHttpServer stranger(FakeReply{.body = Page(Entry("k"))});
  for (const int status : {301, 302, 307, 308}) {
    for (const char* region : {"", "us-east-1", "evil.com/x"}) {
      Serve([&, status](const FakeRequest&) {
        return FakeReply{
            .status = status,
            .headers = {{"Location", stranger.Url("/")}, {"x-amz-bucket-region", region}},
            .body = ErrorBody("PermanentRedirect", "<Endpoint>evil.com</Endpoint>")};
      });
      EXPECT_EQ(client_->List({}, Call()).error().reason, Reason::kUnexpectedStatus);
      EXPECT_EQ(server_->requests().size(), 1u);
    }
  }
  EXPECT_EQ(stranger.requests().size(), 0u);
}

TEST_F(S3Test, CorrectsAClockThatIsOff) {
  clock_.Advance(std::chrono::hours(1));
  Serve([](const FakeRequest& request) {
    const bool right = request.Header("x-amz-date") == "20260101T000000Z";
    return FakeReply{.status = right ? 200 : 403,
                     .headers = {{"Date", std::string(kDate)}},
                     .body = right ? Page("") : ErrorBody("RequestTimeTooSkewed")};
  });
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 2u);
  EXPECT_EQ(client_->stats().clock_skew, -std::chrono::hours(1));
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 3u);  // remembered
}

TEST_F(S3Test, BelievesTheServersOwnTimeMoreThanAHeader) {
  clock_.Advance(std::chrono::hours(1));
  Serve([](const FakeRequest& request) {
    const bool right = request.Header("x-amz-date") == "20260101T000000Z";
    const std::string time = "<ServerTime>2026-01-01T00:00:00Z</ServerTime>";
    return FakeReply{.status = right ? 200 : 403,
                     .headers = {{"Date", "Thu, 01 Jan 2026 07:00:00 GMT"}},
                     .body = right ? Page("") : ErrorBody("RequestTimeTooSkewed", time)};
  });
  EXPECT_TRUE(client_->List({}, Call()).has_value());
}

TEST_F(S3Test, AProxysClockDoesNotUndoWhatWasLearnt) {
  clock_.Advance(std::chrono::hours(1));
  std::string now = "20260101T000000Z";
  std::string time = "<ServerTime>2026-01-01T00:00:00Z</ServerTime>";
  Serve([&](const FakeRequest& request) {
    const bool right = request.Header("x-amz-date") == now;
    const bool forbidden = !right || request.method == "HEAD";
    return FakeReply{.status = forbidden ? 403 : 200,
                     .headers = {{"Date", "Thu, 01 Jan 2026 01:00:00 GMT"}},
                     .body = right ? Page("") : ErrorBody("RequestTimeTooSkewed", time)};
  });
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 2u);
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 3u) << "remembered";
  EXPECT_FALSE(client_->Head("k", Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 4u) << "forbidden for another reason";
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 5u);
  // The storage's clock is set right.
  now = "20260101T010000Z";
  time = "<ServerTime>2026-01-01T01:00:00Z</ServerTime>";
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 8u);
}

TEST_F(S3Test, ACorrectionThatDoesNotHelpIsNotTriedAgain) {
  clock_.Advance(std::chrono::hours(1));
  Serve(FakeReply{
      .status = 403,
      .headers = {{"Date", "Thu, 01 Jan 2026 01:00:00 GMT"}},
      .body = ErrorBody("RequestTimeTooSkewed", "<ServerTime>2026-01-01T00:00:00Z</ServerTime>")});
  EXPECT_FALSE(client_->List({}, Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 2u);
  EXPECT_FALSE(client_->List({}, Call()).has_value());
  EXPECT_EQ(server_->requests().size(), 3u);
}

TEST_F(S3Test, CorrectsItsClockOnAnAnswerWithoutABody) {
  clock_.Advance(-std::chrono::hours(2));
  Serve([](const FakeRequest& request) {
    const bool right = request.Header("x-amz-date") == "20260101T000000Z";
    return FakeReply{.status = right ? 200 : 403, .headers = {{"Date", std::string(kDate)}}};
  });
  EXPECT_TRUE(client_->Head("k", Call()).has_value());
}

TEST_F(S3Test, GivesUpOnAClockThatStaysWrong) {
  clock_.Advance(std::chrono::hours(1));
  Serve(FakeReply{.status = 403,
                  .headers = {{"Date", std::string(kDate)}},
                  .body = ErrorBody("RequestTimeTooSkewed")});
  const S3Error error = client_->List({}, Call()).error();
  EXPECT_EQ(error.reason, Reason::kAuth);
  EXPECT_EQ(
      error.hint,
      "the storage refuses the very time that it shows, 1h behind this machine's: look at the "
      "clocks of all its servers, and at this one's");
  EXPECT_EQ(server_->requests().size(), 2u);
  // A proxy's clock agrees with ours, the storage's own one does not.
  Serve(FakeReply{
      .status = 403,
      .headers = {{"Date", "Thu, 01 Jan 2026 01:00:00 GMT"}},
      .body = ErrorBody("RequestTimeTooSkewed", "<ServerTime>2026-01-01T00:00:00Z</ServerTime>")});
  EXPECT_EQ(client_->List({}, Call()).error().hint, error.hint) << "by its own account";
}

TEST_F(S3Test, WaitsWhileTheServerIsBusy) {
  int count = 0;
  Serve([&count](const FakeRequest&) {
    if (++count < 3) return FakeReply{.status = 503, .body = ErrorBody("SlowDown")};
    return FakeReply{.body = Page("")};
  });
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(count, 3);
}

TEST_F(S3Test, EndsWaitingByTheDeadline) {
  Serve(
      FakeReply{.status = 503, .headers = {{"Retry-After", "100"}}, .body = ErrorBody("SlowDown")});
  const auto error = client_->List({}, Call(std::chrono::seconds(2))).error();
  EXPECT_EQ(error.reason, Reason::kUnexpectedStatus);
  EXPECT_EQ(error.message, "GET s3://bucket/: 503 SlowDown: because");
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(S3Test, TriesBrokenConnectionsAgain) {
  int count = 0;
  Serve([&count](const FakeRequest&) {
    if (++count == 1) return FakeReply{.act = FakeReply::Act::kCloseInBody, .body = Page("")};
    return FakeReply{.body = Page("")};
  });
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(count, 2);
}

TEST_F(S3Test, StaysWithinTheDaysLimits) {
  Serve(FakeReply{.body = Page("")});
  config_.max_requests_per_day = 2;
  client_ = std::make_unique<S3Client>(config_, "bucket", clock_, NoVariables());
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  const auto error = client_->List({}, Call()).error();
  EXPECT_EQ(error.reason, Reason::kLimit);
  EXPECT_EQ(error.message, "max_requests_per_day (2) is used up until 00:00 UTC");
  EXPECT_EQ(server_->requests().size(), 2u);
  clock_.Advance(std::chrono::hours(24));
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  config_.max_requests_per_day = 0;
  config_.max_bytes_per_day = 10;
  client_ = std::make_unique<S3Client>(config_, "bucket", clock_, NoVariables());
  EXPECT_TRUE(client_->List({}, Call()).has_value());
  EXPECT_EQ(client_->List({}, Call()).error().message,
            "max_bytes_per_day (10) is used up until 00:00 UTC");
}

// Ranges of an object of 26 letters.
FakeReply Letters(const FakeRequest& request) {
  const std::string letters = "abcdefghijklmnopqrstuvwxyz";
  const std::string range = request.Header("range");  // "bytes=0-9"
  const std::size_t dash = range.find('-');
  const std::size_t first = std::stoul(range.substr(6, dash - 6));
  const std::size_t last = std::min(std::stoul(range.substr(dash + 1)), letters.size() - 1);
  return FakeReply{.status = 206,
                   .headers = {{"Content-Range", "bytes " + std::to_string(first) + "-" +
                                                     std::to_string(last) + "/26"}},
                   .body = letters.substr(first, last + 1 - first)};
}

TEST_F(S3Test, AsksForNoMoreThanTheDayHolds) {
  config_.max_bytes_per_day = 20;
  Serve([](const FakeRequest& request) { return Letters(request); });
  EXPECT_EQ(client_->Get("k", 0, 16, "", Call())->bytes, "abcdefghijklmnop");
  // Four are left, and they are all there is behind the 22nd.
  EXPECT_EQ(client_->Get("k", 22, 16, "", Call())->bytes, "wxyz");
  EXPECT_EQ(server_->requests().at(1).Header("range"), "bytes=22-25");
  EXPECT_EQ(client_->stats().received_bytes, 20);
  EXPECT_EQ(client_->Get("k", 0, 1, "", Call()).error().reason, Reason::kLimit);
  clock_.Advance(std::chrono::hours(24));
  EXPECT_TRUE(client_->Get("k", 0, 16, "", Call()).has_value());
  const auto error = client_->Get("k", 0, 16, "", Call()).error();
  EXPECT_EQ(error.reason, Reason::kLimit);
  EXPECT_EQ(error.message,
            "max_bytes_per_day (20) is used up until 00:00 UTC: GET s3://bucket/k is longer than "
            "what was left");
  EXPECT_EQ(client_->stats().received_bytes, 40) << "never more than 20 a day";
}

TEST_F(S3Test, CountsWhatCameOfABrokenAnswer) {
  config_.max_bytes_per_day = 100;
  Serve(FakeReply{.act = FakeReply::Act::kCloseInBody, .body = std::string(50, 'x')});
  EXPECT_FALSE(client_->Get("k", 0, 50, "", Call()).has_value());
  EXPECT_EQ(client_->stats().received_bytes, 4 * 25);
  EXPECT_EQ(client_->Get("k", 0, 1, "", Call()).error().reason, Reason::kLimit);
}

TEST_F(S3Test, SaysBeforehandWhatIsTooMuchToRead) {
  Serve([](const FakeRequest& request) { return Letters(request); });
  EXPECT_EQ(client_->TooMuchToRead(std::int64_t{1} << 50), std::nullopt);
  config_.max_bytes_per_day = 64 << 20;
  client_ = std::make_unique<S3Client>(config_, "bucket", clock_, NoVariables());
  EXPECT_EQ(client_->TooMuchToRead(56 << 20), std::nullopt);
  EXPECT_EQ(
      client_->TooMuchToRead(std::int64_t{20} << 30),
      "20.0 GiB do not fit: max_bytes_per_day 64.0 MiB allows 56.0 MiB a day for reading, the rest "
      "is for lists: raise it");
  EXPECT_TRUE(client_->Get("k", 0, 26, "", Call()).has_value());
  EXPECT_EQ(
      client_->TooMuchToRead(56 << 20),
      "56.0 MiB do not fit: of max_bytes_per_day 64.0 MiB, 56.0 MiB are left for reading until "
      "00:00 UTC");
  EXPECT_EQ(client_->TooMuchToRead((56 << 20) - 26), std::nullopt);
  clock_.Advance(std::chrono::hours(24));
  EXPECT_EQ(client_->TooMuchToRead(56 << 20), std::nullopt);
}

TEST_F(S3Test, AnotherClientGoesOnWithTheDay) {
  Serve(FakeReply{.body = Page("")});
  config_.max_requests_per_day = 2;
  S3Budgets budgets;
  const auto make = [&](const std::string& probe) {
    return std::make_unique<S3Client>(config_, "bucket", clock_, NoVariables(), budgets.Of(probe));
  };
  EXPECT_TRUE(make("nightly")->List({}, Call()).has_value());
  EXPECT_TRUE(make("nightly")->List({}, Call()).has_value());
  EXPECT_EQ(make("nightly")->List({}, Call()).error().reason, Reason::kLimit);
  EXPECT_TRUE(make("another")->List({}, Call()).has_value());
}

TEST_F(S3Test, ReadsWhatAHeadTells) {
  Serve(FakeReply{.headers = {{"ETag", "\"abc-3\""},
                              {"Last-Modified", std::string(kDate)},
                              {"x-amz-storage-class", "GLACIER"},
                              {"x-amz-server-side-encryption", "aws:kms"},
                              {"x-amz-replication-status", "FAILED"},
                              {"x-amz-object-lock-mode", "COMPLIANCE"},
                              {"x-amz-object-lock-retain-until-date", "2026-02-01T00:00:00Z"},
                              {"x-amz-object-lock-legal-hold", "ON"},
                              {"x-amz-mp-parts-count", "3"},
                              {"x-amz-checksum-crc32c", "AAAAAQ=="},
                              {"x-amz-checksum-sha256", "not base64!"},
                              {"x-amz-checksum-type", "FULL_OBJECT"}},
                  .body = "12345"});
  const auto head = client_->Head("d/k", Call());
  ASSERT_TRUE(head.has_value()) << head.error().message;
  EXPECT_EQ(head->size, 5);
  EXPECT_EQ(head->etag, "abc-3");
  EXPECT_EQ(head->modified, clock_.Now());
  EXPECT_EQ(head->storage_class, "GLACIER");
  EXPECT_EQ(head->encryption, "aws:kms");
  EXPECT_EQ(head->replication, "FAILED");
  EXPECT_EQ(head->locked_until, base::FromUnixMillis(1'769'904'000'000));
  EXPECT_TRUE(head->legal_hold);
  EXPECT_EQ(head->parts, 3);
  EXPECT_EQ(head->checksums.size(), 1u);
  EXPECT_EQ(head->checksums.at("crc32c"), std::string("\0\0\0\1", 4));
  EXPECT_FALSE(head->composite);
  EXPECT_EQ(server_->requests()[0].target, "/bucket/d/k");
  EXPECT_EQ(server_->requests()[0].Header("x-amz-checksum-mode"), "ENABLED");
}

TEST_F(S3Test, ReadsGooglesHead) {
  Serve(FakeReply{.headers = {{"x-goog-hash", "crc32c=AAAAAQ=="},
                              {"x-goog-hash", "md5=1B2M2Y8AsgTpgAmY7PhCfg=="},
                              {"x-goog-stored-content-length", "3"},
                              {"x-goog-storage-class", "NEARLINE"}},
                  .body = "12345"});
  const auto head = client_->Head("k", Call());
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->size, 3);
  EXPECT_EQ(head->storage_class, "NEARLINE");
  EXPECT_EQ(head->encryption, "google");
  EXPECT_EQ(head->checksums.size(), 2u);
  EXPECT_EQ(base::Hex(head->checksums.at("md5")), "d41d8cd98f00b204e9800998ecf8427e");
}

TEST_F(S3Test, ReadsWhatGoogleSaysOfKeysAndLocks) {
  Serve(FakeReply{.headers = {{"x-goog-stored-content-length", "3"},
                              {"x-goog-encryption-kms-key-name", "projects/p/keys/k"},
                              {"x-goog-object-lock-mode", "GOVERNANCE"},
                              {"x-goog-object-lock-retain-until-date", "2026-02-01T00:00:00Z"},
                              {"x-goog-expiration", "Sun, 01 Feb 2026 00:00:00 GMT"}},
                  .body = "123"});
  const auto head = client_->Head("k", Call());
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->encryption, "google:kms");
  EXPECT_EQ(head->locked_until, base::FromUnixMillis(1'769'904'000'000));
  EXPECT_EQ(head->expires, head->locked_until);
  Serve(FakeReply{.headers = {{"x-goog-stored-content-length", "3"},
                              {"x-goog-encryption-algorithm", "AES256"},
                              {"x-goog-encryption-key-sha256", "AAAA"}},
                  .body = "123"});
  EXPECT_EQ(client_->Head("k", Call())->encryption, "customer");
}

TEST_F(S3Test, ReadsWhenAnObjectWillBeDeleted) {
  const auto expires = [this](const std::string& header) {
    Serve(FakeReply{.headers = {{"x-amz-expiration", header}}, .body = "1"});
    return client_->Head("k", Call())->expires;
  };
  EXPECT_EQ(expires("expiry-date=\"Sun, 01 Feb 2026 00:00:00 GMT\", rule-id=\"r\""),
            base::FromUnixMillis(1'769'904'000'000));
  EXPECT_EQ(expires("rule-id=\"r\""), std::nullopt);
  EXPECT_EQ(expires("expiry-date=\"soon"), std::nullopt);
}

TEST_F(S3Test, TellsWhoMayNotDoWhat) {
  Serve(FakeReply{.status = 403,
                  .body = ErrorBody("AccessDenied",
                                    "<Details>robot@x does not have "
                                    "storage.objects.list access</Details>")});
  EXPECT_EQ(client_->List({}, Call()).error().message,
            "GET s3://bucket/: 403 AccessDenied: because: robot@x does not have "
            "storage.objects.list access; it may be there all the same");
}

// Google's front ends change what was signed when they pass on HTTP/2.
TEST_F(S3Test, OffersNoHttp2) {
  const testing::TestCa ca;
  const testing::TempDir dir;
  testing::FakeServerOptions options;
  options.certificate = ca.Issue();
  options.prefers_http_2 = true;
  const testing::FakeHttpServer server(FakeReply{.body = "12345"}, options);
  Serve(FakeReply{});  // for the keys
  config_.tls.ca_file = dir.Write("ca.pem", ca.pem());
  config_.endpoint = "https://localhost:" + std::to_string(server.port());
  S3Client client(config_, "bucket", clock_, NoVariables());
  const auto range = client.Get("k", 0, 10, "", Call());
  ASSERT_TRUE(range.has_value()) << range.error().message;
  EXPECT_EQ(range->bytes, "12345");
}

TEST_F(S3Test, GetsARange) {
  Serve([](const FakeRequest& request) {
    EXPECT_EQ(request.Header("range"), "bytes=5-9");
    EXPECT_EQ(request.Header("if-match"), "\"e\"");
    return FakeReply{.status = 206,
                     .headers = {{"Content-Range", "bytes 5-7/8"}, {"Content-Encoding", "gzip"}},
                     .body = "\x1f\x8b!"};
  });
  const auto range = client_->Get("k", 5, 5, "e", Call());
  ASSERT_TRUE(range.has_value()) << range.error().message;
  EXPECT_EQ(range->bytes, "\x1f\x8b!");  // as it is stored
  EXPECT_EQ(range->total, 8);
  EXPECT_GT(client_->stats().received_bytes, 0);
}

TEST_F(S3Test, TakesAWholeObjectForItsFirstRange) {
  Serve(FakeReply{.body = "12345"});
  EXPECT_EQ(client_->Get("k", 0, 10, "", Call())->bytes, "12345");
  EXPECT_EQ(client_->Get("k", 0, 10, "", Call())->total, 5);
  EXPECT_EQ(client_->Get("k", 2, 10, "", Call()).error().reason, Reason::kProtocol);
  EXPECT_EQ(client_->Get("k", 0, 4, "", Call()).error().reason, Reason::kProtocol);
  Serve(FakeReply{.body = std::string(1 << 20, 'x')});
  EXPECT_EQ(client_->Get("k", 0, 4, "", Call()).error().reason, Reason::kResponseTooLarge);
}

TEST_F(S3Test, RefusesOtherRanges) {
  for (const char* range : {"", "bytes 0-4/8", "bytes 5-9/10", "bytes 5-6/10", "bytes 5-7/7", "x",
                            "bytes 5-7/*", "bytes 7-5/10", "bytes /-",
                            "bytes 5--9223372036854775807/10", "bytes 5-7/-9223372036854775808"}) {
    Serve(FakeReply{.status = 206, .headers = {{"Content-Range", range}}, .body = "abc"});
    EXPECT_EQ(client_->Get("k", 5, 3, "", Call()).error().reason, Reason::kProtocol) << range;
  }
}

TEST_F(S3Test, SaysWhenAnObjectChanged) {
  Serve(FakeReply{.status = 412, .body = ErrorBody("PreconditionFailed")});
  EXPECT_EQ(client_->Get("k", 5, 3, "e", Call()).error().reason, Reason::kUnverified);
  Serve(FakeReply{.status = 403, .body = ErrorBody("InvalidObjectState")});
  EXPECT_EQ(client_->Get("k", 5, 3, "e", Call()).error().reason, Reason::kUnverified);
}

TEST_F(S3Test, ReadsAnEmptyObject) {
  Serve(FakeReply{.status = 416, .body = ErrorBody("InvalidRange")});
  EXPECT_EQ(client_->Get("k", 0, 3, "", Call())->bytes, "");
  EXPECT_EQ(client_->Get("k", 0, 3, "", Call())->total, 0);
}

TEST_F(S3Test, TellsUnsetFromHidden) {
  Serve([](const FakeRequest& request) {
    const std::map<std::string, std::string> unset = {
        {"encryption", "ServerSideEncryptionConfigurationNotFoundError"},
        {"object-lock", "ObjectLockConfigurationNotFoundError"},
        {"lifecycle", "NoSuchLifecycleConfiguration"},
        {"replication", "ReplicationConfigurationNotFoundError"}};
    for (const auto& [what, code] : unset) {
      if (QueryOf(request).contains(what)) return FakeReply{.status = 404, .body = ErrorBody(code)};
    }
    return FakeReply{.status = 403, .body = ErrorBody("AccessDenied")};
  });
  EXPECT_EQ(client_->GetEncryption(Call()).value(), "");
  EXPECT_FALSE(client_->GetObjectLock(Call())->enabled);
  EXPECT_TRUE(client_->GetLifecycle(Call())->empty());
  EXPECT_TRUE(client_->GetReplication(Call())->empty());
  EXPECT_EQ(client_->GetVersioning(Call()).error().message,
            "GET s3://bucket/?versioning: 403 AccessDenied: because; it may be there all the same");
  Serve(FakeReply{.status = 404, .body = ErrorBody("NoSuchBucket")});
  EXPECT_EQ(client_->GetLifecycle(Call()).error().reason, Reason::kNotFound);
}

TEST_F(S3Test, ListsUploadsPageByPage) {
  Serve([](const FakeRequest& request) {
    auto query = QueryOf(request);
    const bool second = query["key-marker"] == "b" && query["upload-id-marker"] == "i";
    const std::string upload = "<Upload><Key>" + std::string(second ? "c" : "b") +
                               "</Key><Initiated>2026-01-01T00:00:00Z</Initiated></Upload>";
    return FakeReply{.body =
                         "<ListMultipartUploadsResult>" + upload +
                         (second ? ""
                                 : "<IsTruncated>true</IsTruncated><NextKeyMarker>b"
                                   "</NextKeyMarker><NextUploadIdMarker>i</NextUploadIdMarker>") +
                         "</ListMultipartUploadsResult>"};
  });
  const auto uploads = client_->GetUploads("p/", Call());
  ASSERT_TRUE(uploads.has_value());
  ASSERT_EQ(uploads->size(), 2u);
  EXPECT_EQ((*uploads)[1].key, "c");
  EXPECT_EQ(client_->stats().requests["bucket"], 2);
}

TEST_F(S3Test, CutsLongNames) {
  Serve(FakeReply{.status = 404});
  EXPECT_EQ(client_->Head(std::string(10 << 20, 'x'), Call()).error().message,
            "an object's name cannot be longer than 1024 bytes");
  EXPECT_LT(client_->Head(std::string(1024, 'x'), Call()).error().message.size(), 300u);
  EXPECT_EQ(client_->Head("a\nb", Call()).error().message, "HEAD s3://bucket/a\\nb: 404");
}

TEST_F(S3Test, TellsNoSecrets) {
  for (const int status : {400, 403, 404, 500}) {
    Serve(FakeReply{.status = status, .body = ErrorBody("X", "<Secret>topsecret</Secret>")});
    const auto error = client_->List({}, Call(std::chrono::milliseconds(100))).error();
    EXPECT_EQ(error.message.find("topsecret"), std::string::npos);
    EXPECT_EQ(error.message.find("Signature"), std::string::npos);
  }
}

TEST_F(S3Test, TrustsAPrivateAuthority) {
  const testing::TestCa authority;
  testing::FakeServerOptions options;
  options.certificate = authority.Issue();
  testing::FakeHttpServer server(FakeReply{.body = Page("")}, options);
  const testing::TempDir folder;
  Serve(FakeReply{});
  config_.endpoint = "https://" + server.address();
  S3Client stranger(config_, "bucket", clock_, NoVariables());
  EXPECT_EQ(stranger.List({}, Call()).error().reason, Reason::kTls);
  config_.tls.ca_file = folder.Write("ca.pem", authority.pem());
  S3Client client(config_, "bucket", clock_, NoVariables());
  EXPECT_TRUE(client.List({}, Call()).has_value());
}

TEST_F(S3Test, ServesManyThreads) {
  Serve(FakeReply{.headers = {{"Date", std::string(kDate)}}, .body = Page(Entry("k"))});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10; ++j) EXPECT_TRUE(client_->List({}, Call()).has_value());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client_->stats().requests["list"], 40);
  EXPECT_LE(server_->connections(), 4);
}

TEST(S3HeadTest, DecodesBase64) {
  EXPECT_EQ(DecodeBase64("AAECAw==").value(), std::string("\0\1\2\3", 4));
  EXPECT_EQ(DecodeBase64("AAEC").value(), std::string("\0\1\2", 3));
  for (const char* bad : {"", "A", "AAA", "A=AA", "!!!!", "====="}) {
    EXPECT_FALSE(DecodeBase64(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace drwatch::net
