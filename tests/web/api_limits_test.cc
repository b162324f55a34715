// Every limit of the API, hit: what is answered, and that it is counted.
#include <atomic>
#include <thread>

#include "api_fixture.h"

namespace drwatch::web {
namespace {

ApiLimits Small() {
  ApiLimits limits;
  limits.max_samples = 500;
  limits.max_result_samples = 200;
  limits.max_answer_bytes = 400;
  limits.max_query_bytes = 200;
  limits.max_selectors = 3;
  limits.max_concurrency = 1;
  limits.max_waiting = 1;
  limits.max_unread_bytes = 100'000;
  limits.query_timeout = std::chrono::milliseconds(200);
  return limits;
}

class ApiLimitsTest : public ApiTest {
 protected:
  ApiLimitsTest() : ApiTest(Small()) {}
  // One more request was refused by `limit`, and by no other.
  void ExpectOnly(Limit limit, std::int64_t times = 1) {
    for (std::size_t i = 0; i < kLimitCount; ++i) {
      const auto one = static_cast<Limit>(i);
      EXPECT_EQ(api_->hits().Of(one), one == limit ? times : 0) << LimitName(one);
    }
  }
  Parameters Range(const std::string& query, int steps) const {
    return {{"query", query}, {"start", Second(0)}, {"end", Second(steps)}, {"step", "1"}};
  }
  // Occupies the only place until the object ends.
  class Occupied {
   public:
    explicit Occupied(const Api& api) {
      thread_ = std::thread([this, &api] {
        net::ServerRequest request = Request("query", {{"query", "m"}, {"timeout", "1e6"}});
        request.client_gone = [this] {
          inside_ = true;
          while (!leave_) std::this_thread::yield();
          return false;
        };
        static_cast<void>(api.Handle(request));
      });
      while (!inside_) std::this_thread::yield();
    }
    ~Occupied() {
      leave_ = true;
      thread_.join();
    }

   private:
    std::atomic<bool> inside_{false};
    std::atomic<bool> leave_{false};
    std::thread thread_;
  };
};

TEST_F(ApiLimitsTest, Samples) {
  EXPECT_EQ(Error("query_range", Range("m", 100)),
            "422 execution: query processing would load too many samples into memory in query "
            "execution");
  ExpectOnly(Limit::kSamples);
}

TEST_F(ApiLimitsTest, ResultSamples) {
  EXPECT_EQ(Error("query_range", Range("m", 25)),
            "422 execution: the result would have more than 200 samples");
  ExpectOnly(Limit::kResultSamples);
}

TEST_F(ApiLimitsTest, AnswerBytes) {
  const std::string error =
      "422 execution: the answer would be longer than 400 bytes: ask for fewer series or a larger "
      "step";
  EXPECT_EQ(Error("query", {{"query", "m"}}), error);
  EXPECT_EQ(Error("query_range", Range("m", 8)), error);
  store_.SetMetadata("long", {model::MetricType::kGauge, std::string(400, 'x'), ""});
  EXPECT_EQ(Error("metadata"), error);
  std::vector<store::NewSample> batch;
  for (int i = 0; i < 60; ++i) {
    batch.push_back({model::Labels{{"__name__", "label" + std::to_string(i)},
                                   {"a_long_name_" + std::to_string(i), "x"}},
                     1});
  }
  store_.Append(batch, clock_.Now());
  EXPECT_EQ(Error("series", {{"match[]", "{__name__=~\"label.*\"}"}}), error);
  EXPECT_EQ(Error("labels"), error);
  EXPECT_EQ(Error("label/__name__/values"), error);
  ExpectOnly(Limit::kAnswerBytes, 6);
}

TEST_F(ApiLimitsTest, QueryBytes) {
  const std::string text = "m{a=\"" + std::string(200, 'x') + "\"}";
  EXPECT_EQ(Error("query", {{"query", text}}),
            "400 bad_data: invalid parameter \"query\": longer than 200 bytes");
  EXPECT_EQ(Error("series", {{"match[]", text}}),
            "400 bad_data: invalid parameter \"match[]\": longer than 200 bytes");
  EXPECT_EQ(Error("parse_query", {{"query", text}}).substr(0, 3), "400");
  ExpectOnly(Limit::kQueryBytes, 3);
}

TEST_F(ApiLimitsTest, Selectors) {
  EXPECT_EQ(
      Error("series", {{"match[]", "m"}, {"match[]", "m"}, {"match[]", "m"}, {"match[]", "m"}}),
      "400 bad_data: invalid parameter \"match[]\": more than 3 selectors");
  ExpectOnly(Limit::kSelectors);
}

TEST_F(ApiLimitsTest, Points) {
  EXPECT_EQ(Error("query_range", Range("1", 11'001)).substr(0, 3), "400");
  ExpectOnly(Limit::kPoints);
}

TEST_F(ApiLimitsTest, Timeout) {
  EXPECT_EQ(Error("query", {{"query", "m"}, {"timeout", "0"}}).substr(0, 11), "503 timeout");
  ExpectOnly(Limit::kTimeout);
}

TEST_F(ApiLimitsTest, ALargerTimeoutThanTheLimitIsNotTaken) {
  net::ServerRequest request = Request("query", {{"query", "m"}, {"timeout", "1h"}});
  const auto begin = std::chrono::steady_clock::now();
  request.client_gone = [begin] {
    while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(250)) {
    }
    return false;
  };
  EXPECT_EQ(ErrorOf(api_->Handle(request)).substr(0, 11), "503 timeout");
}

TEST_F(ApiLimitsTest, WaitingTooLong) {
  const Occupied occupied(*api_);
  EXPECT_EQ(Error("query", {{"query", "m"}}), "503 timeout: query timed out in query queue");
  ExpectOnly(Limit::kTimeout);
}

TEST_F(ApiLimitsTest, TooManyWaiting) {
  std::thread waiting;
  {
    const Occupied occupied(*api_);
    waiting = std::thread([this] { static_cast<void>(Get("labels", {{"timeout", "100000"}})); });
    while (api_->Stats().waiting == 0) std::this_thread::yield();
    EXPECT_EQ(Error("series", {{"match[]", "m"}}),
              "503 timeout: too many queries wait already, the limit is 1");
    EXPECT_EQ(api_->hits().Of(Limit::kWaiting), 1);
    EXPECT_EQ(Get("status/buildinfo").status, 200) << "what costs nothing does not wait";
    EXPECT_EQ(Get("alerts").status, 200);
  }
  waiting.join();
}

TEST_F(ApiLimitsTest, AClientThatLeftEndsItsQuery) {
  net::ServerRequest request = Request("query", {{"query", "m"}});
  request.client_gone = [] { return true; };
  EXPECT_EQ(ErrorOf(api_->Handle(request)),
            "499 canceled: query was canceled in expression evaluation");
  ExpectOnly(Limit::kCanceled);
}

TEST_F(ApiLimitsTest, UnreadBytes) {
  const auto answer = [] { return net::ServerResponse::Json(200, std::string(70'000, 'x')); };
  auto first = std::make_unique<net::ServerResponse>(api_->HoldUnread(answer()));
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(api_->Stats().unread_bytes, 70'000);
  EXPECT_EQ(ErrorOf(api_->HoldUnread(answer())),
            "503 timeout: too many large answers have not been read yet");
  ExpectOnly(Limit::kUnreadBytes);
  first.reset();
  EXPECT_EQ(api_->HoldUnread(answer()).status, 200);
}

TEST_F(ApiTest, NothingAClientSendsDoesHarm) {
  const std::string deep(20'000, '(');
  std::string minus(50'000, '-');
  std::string chain = "m";
  for (int i = 0; i < 5000; ++i) chain += "+m";
  std::string doubling = "m";
  for (int i = 0; i < 60; ++i) {
    doubling = "label_replace(" + doubling + R"x(, "id", "$1$1", "id", "(.*)"))x";
  }
  std::string regexes = "m{";
  for (int i = 0; i < 3000; ++i) regexes += "a!~\"(b{900})\",";
  regexes += "}";
  for (const std::string& query :
       {deep, minus + "1", chain, doubling, regexes, std::string("m{id=~\"((a{500}){500})\"}"),
        std::string("sum_over_time(m[1000y:1ms])"), std::string("count_values(\"a\", m)[1y:1ms]"),
        std::string("m[1y:1s] offset -1000y"), std::string("topk(1e18, m)"),
        std::string("quantile(NaN, m)"), std::string("m @ 1e300"), std::string("\xff\xfe"),
        std::string("m\0n", 3), std::string(100'000, '\n') + "m", std::string(120'000, ' ')}) {
    for (const char* path : {"query", "format_query", "parse_query"}) {
      const net::ServerResponse response = Get(path, {{"query", query}});
      EXPECT_TRUE(Json::accept(*response.body)) << query.substr(0, 40);
      EXPECT_LT(response.status, 500) << query.substr(0, 40) << *response.body;
    }
    const net::ServerResponse range =
        Get("query_range",
            {{"query", query}, {"start", "-1e300"}, {"end", "1e300"}, {"step", "9223372036"}});
    EXPECT_TRUE(Json::accept(*range.body));
    EXPECT_LT(range.status, 500) << query.substr(0, 40) << *range.body;
  }
}

}  // namespace
}  // namespace drwatch::web
