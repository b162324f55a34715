// The pages and the API by which people say that they look after an alert.
#include "web/acknowledge.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace drwatch::web {
namespace {

using Json = nlohmann::json;

constexpr base::Timestamp kNow = base::FromUnixMillis(1'767'225'600'000);

// Delivery as the pages see it: one alert "Down" fires, the token "good" is a link to it.
class AcknowledgeTest : public ::testing::Test {
 protected:
  AcknowledgeTest()
      : pages_({[this](const notify::AckRequest& request) -> base::Result<std::size_t> {
                  requests_.push_back(request);
                  if (!failure_.empty()) return base::Fail(failure_);
                  return 1;
                },
                [this](const notify::AckSelection& selection)
                    -> base::Result<std::vector<model::Alert>> {
                  if (!failure_.empty()) return base::Fail(failure_);
                  if (selection.empty()) return base::Fail(std::string(notify::kNothingFires));
                  model::Alert alert;
                  alert.labels = {{"alertname", "Down<script>"}};
                  return std::vector<model::Alert>(60, alert);
                },
                [](std::string_view token) {
                  return token == "good" ? std::optional<notify::AckLink>(notify::AckLink{})
                                         : std::nullopt;
                },
                [] {
                  notify::Snapshot snapshot;
                  snapshot.now = kNow;
                  return snapshot;
                }}) {}

  static net::ServerRequest Make(const std::string& method,
                                 std::vector<std::pair<std::string, std::string>> query,
                                 std::map<std::string, std::string> headers = {}) {
    net::ServerRequest request;
    request.method = method;
    request.query = std::move(query);
    request.headers = std::move(headers);
    return request;
  }
  int Api(const std::string& body) {
    net::ServerRequest request = Make("POST", {});
    request.body = body;
    return pages_.Api(request).status;
  }

  std::string failure_;
  std::vector<notify::AckRequest> requests_;
  Acknowledging pages_;
};

TEST_F(AcknowledgeTest, LookingAcknowledgesNothing) {
  for (const char* method : {"GET", "HEAD"}) {
    const net::ServerResponse page = pages_.Page(Make(method, {{"token", "good"}}));
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.body->find("Down<script>"), std::string::npos);
    EXPECT_NE(page.body->find("and 10 more"), std::string::npos);
  }
  EXPECT_EQ(pages_.Page(Make("PUT", {{"token", "good"}})).status, 405);
  EXPECT_TRUE(requests_.empty());
}

TEST_F(AcknowledgeTest, AFormAcknowledges) {
  const net::ServerResponse page = pages_.Page(
      Make("POST", {{"token", "good"}, {"by", " ann "}, {"comment", "c"}, {"duration", "2h"}}));
  EXPECT_EQ(page.status, 200);
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_TRUE(requests_[0].selection.link);
  EXPECT_EQ(requests_[0].by, "ann");
  EXPECT_EQ(requests_[0].until, kNow + std::chrono::hours(2));
  EXPECT_EQ(pages_.Page(Make("POST", {{"fingerprint", "f"}})).status, 200);
  EXPECT_EQ(requests_[1].selection.fingerprint, "f");
  EXPECT_EQ(requests_[1].by, "a visitor");
  EXPECT_EQ(requests_[1].until, kNow + notify::kDefaultAcknowledgement);
  EXPECT_EQ(pages_.Page(Make("POST", {{"token", "good"}, {"duration", "x"}})).status, 400);
  EXPECT_EQ(requests_.size(), 2U);
}

TEST_F(AcknowledgeTest, SaysWhyNot) {
  EXPECT_EQ(pages_.Page(Make("POST", {{"token", "bad"}, {"fingerprint", "f"}})).status, 403);
  EXPECT_TRUE(requests_.empty()) << "a bad token is not a fingerprint";
  for (const auto& [message, status] : {std::pair{notify::kLinkUsed, 410},
                                        {notify::kLinkExpired, 410},
                                        {notify::kNothingFires, 404},
                                        {notify::kHoldsInMemory, 500},
                                        {std::string_view("too long"), 400}}) {
    failure_ = message;
    EXPECT_EQ(pages_.Page(Make("POST", {{"token", "good"}})).status, status);
    EXPECT_EQ(pages_.Page(Make("GET", {{"token", "good"}})).status, status);
    EXPECT_EQ(Api(R"({"by": "ann"})"), status);
  }
}

TEST_F(AcknowledgeTest, OtherSitesMayNot) {
  const auto sent = [&](std::map<std::string, std::string> headers) {
    return pages_.Page(Make("POST", {{"fingerprint", "f"}}, std::move(headers))).status;
  };
  EXPECT_EQ(sent({}), 200);
  EXPECT_EQ(sent({{"origin", "http://drwatch:10911"}, {"host", "drwatch:10911"}}), 200);
  EXPECT_EQ(sent({{"sec-fetch-site", "same-origin"}, {"origin", "https://proxy"}}), 200);
  EXPECT_EQ(sent({{"sec-fetch-site", "same-site"}}), 403);
  EXPECT_EQ(sent({{"origin", "http://evil"}, {"host", "drwatch:10911"}}), 403);
  EXPECT_EQ(sent({{"origin", "null"}, {"host", "null"}}), 403);
}

TEST_F(AcknowledgeTest, TheApiReadsWhatItKnowsAndRefusesTheRest) {
  EXPECT_EQ(Api(R"({"matchers": ["a=b", "c=~\"d|e\""], "groupKey": "g", "fingerprint": "f",
                    "by": "ann", "comment": "c", "until": "2026-01-01T03:00:00Z"})"),
            200);
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].selection.matchers.size(), 2U);
  EXPECT_EQ(requests_[0].selection.group_key, "g");
  EXPECT_EQ(requests_[0].until, kNow + std::chrono::hours(3));
  for (const char* body :
       {"", "[]", "7", R"({"by": 7})", R"({"x": "y"})", R"({"matchers": "a=b"})",
        R"({"matchers": [1]})", R"({"matchers": ["="]})", R"({"duration": "x"})",
        R"({"until": "x"})", R"({"duration": "1h", "until": "2026-01-01T03:00:00Z"})"}) {
    EXPECT_EQ(Api(body), 400) << body;
  }
  EXPECT_EQ(requests_.size(), 1U);
  EXPECT_EQ(Api(R"({"by": "ann", "duration": "2000w"})"), 200);
  EXPECT_EQ(requests_[1].until, kNow + 2 * notify::kMaxAcknowledgement) << "delivery refuses it";
}

TEST_F(AcknowledgeTest, WhoeverSignedInNeedsNoName) {
  net::ServerRequest request = Make("POST", {{"fingerprint", "f"}});
  request.user = "ann";
  pages_.Page(request);
  request.body = R"({"fingerprint": "f"})";
  pages_.Api(request);
  request.method = "DELETE";
  pages_.Api(request);
  ASSERT_EQ(requests_.size(), 3U);
  for (const notify::AckRequest& asked : requests_) EXPECT_EQ(asked.by, "ann");
}

TEST_F(AcknowledgeTest, DeleteWithdraws) {
  const net::ServerResponse answer = pages_.Api(
      Make("DELETE", {{"by", "ann"}, {"matcher", "a=b"}, {"matcher", "c=d"}, {"groupKey", "g"}}));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(Json::parse(*answer.body)["data"]["withdrawn"], 1);
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_FALSE(requests_[0].until);
  EXPECT_EQ(requests_[0].selection.matchers.size(), 2U);
  EXPECT_EQ(pages_.Api(Make("PATCH", {})).status, 405);
}

}  // namespace
}  // namespace drwatch::web
