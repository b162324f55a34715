#include "net/oauth2.h"

#include <gtest/gtest.h>

#include "support/fake_http_server.h"

namespace drwatch::net {
namespace {

using model::Reason;
using testing::FakeHttpServer;
using testing::FakeReply;
using testing::FakeRequest;

// A server with a login under /token and something that needs a token everywhere else.
struct Site {
  std::vector<FakeReply> tokens;  // answers of the login, in turn; the last one stays
  std::vector<int> statuses;      // of the rest
  std::vector<FakeRequest> logins, calls;
  FakeHttpServer server{[this](const FakeRequest& request) -> FakeReply {
    const bool login = request.target == "/token";
    std::vector<FakeRequest>& seen = login ? logins : calls;
    seen.push_back(request);
    if (login) return tokens[std::min(seen.size(), tokens.size()) - 1];
    return {.status = statuses.empty() ? 200 : statuses[std::min(seen.size(), statuses.size()) - 1],
            .body = request.Header("authorization")};
  }};
  FetchFunction fetch = WithTokens(Fetch);
  OAuth2Client client{.id = "me:too",
                      .secret = base::Secret("client geheim"),
                      .token_url = base::Secret(server.Url("/token")),
                      .scopes = {"page", "read all"},
                      .parameters = {{"audience", base::Secret("a&b")}},
                      .tls = {},
                      .proxy = {}};

  HttpOutcome Call() {
    HttpRequest request;
    request.url = base::Secret(server.Url("/call"));
    request.oauth2 = std::make_shared<const OAuth2Client>(client);
    return fetch(request, base::Deadline::After(std::chrono::seconds(10)), {});
  }
};

FakeReply Token(const std::string& name, int seconds) {
  return {.headers = {{"Content-Type", "application/json"}},
          .body = R"({"token_type":"bearer","access_token":")" + name + R"(","expires_in":)" +
                  std::to_string(seconds) + "}"};
}

TEST(OAuth2Test, AsksOnceForATokenThatHolds) {
  Site site{.tokens = {Token("token-1", 3600)}};
  const HttpOutcome outcome = site.Call();
  ASSERT_TRUE(outcome.response) << outcome.error->message;
  EXPECT_EQ(outcome.response->body, "Bearer <secret>");
  site.Call();
  ASSERT_EQ(site.logins.size(), 1U);
  ASSERT_EQ(site.calls.size(), 2U);
  EXPECT_EQ(site.calls[1].Header("authorization"), "Bearer token-1");
  EXPECT_EQ(site.logins[0].method, "POST");
  EXPECT_EQ(site.logins[0].Header("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(site.logins[0].body,
            "grant_type=client_credentials&scope=page+read+all&audience=a%26b");
  // base64 of "me%3atoo:client+geheim": both are encoded first (RFC 6749, section 2.3.1).
  EXPECT_EQ(site.logins[0].Header("authorization"), "Basic bWUlM2F0b286Y2xpZW50K2dlaGVpbQ==");
}

TEST(OAuth2Test, AsksAgainBeforeATokenEnds) {
  Site site{.tokens = {Token("token-1", 9), Token("token-2", 3600)}};
  site.Call();
  site.Call();
  EXPECT_EQ(site.logins.size(), 2U);
  EXPECT_EQ(site.calls.at(1).Header("authorization"), "Bearer token-2");
}

TEST(OAuth2Test, AsksAgainOnceWhenAKeptTokenIsRefused) {
  Site site{.tokens = {Token("token-1", 3600), Token("token-2", 3600)}, .statuses = {200, 401}};
  site.Call();
  EXPECT_EQ(site.Call().response->status, 401) << "the new one is refused, too";
  EXPECT_EQ(site.logins.size(), 2U);
  EXPECT_EQ(site.calls.size(), 3U);
}

TEST(OAuth2Test, ASecretThatChangedIsUsedAtOnce) {
  Site site{.tokens = {Token("token-1", 3600), Token("token-2", 3600)}};
  site.Call();
  site.client.secret = base::Secret("rotated");
  site.Call();
  EXPECT_EQ(site.calls.at(1).Header("authorization"), "Bearer token-2");
}

TEST(OAuth2Test, NamesTheClientInTheFormWhereTheHeaderIsNotTaken) {
  Site site{.tokens = {{.status = 401, .body = R"({"error":"invalid_client"})"},
                       Token("token-1", 1),
                       Token("token-2", 3600)}};
  site.Call();
  site.Call();
  ASSERT_EQ(site.logins.size(), 3U) << "what worked is remembered";
  EXPECT_EQ(site.logins[2].Header("authorization"), "");
  EXPECT_NE(site.logins[2].body.find("&client_id=me%3atoo&client_secret=client+geheim"),
            std::string::npos)
      << site.logins[2].body;
}

TEST(OAuth2Test, ReadsTheFormsOfOldServers) {
  Site site{.tokens = {{.headers = {{"Content-Type", "text/plain"}},
                        .body = "access_token=token%2B1&token_type=MAC&expires_in=3600"}}};
  site.Call();
  EXPECT_EQ(site.calls.at(0).Header("authorization"), "MAC token+1");
}

TEST(OAuth2Test, SendsNothingWithoutAToken) {
  const struct {
    FakeReply reply;
    Reason reason;
    const char* message;
  } cases[] = {
      {{.status = 400, .body = R"({"error":"invalid_scope"})"},
       Reason::kAuth,
       "status 400: invalid_scope"},
      {{.status = 403, .body = R"({"error":"client geheim"})"}, Reason::kAuth, "status 403"},
      {{.status = 503, .body = "down"}, Reason::kUnexpectedStatus, "status 503"},
      {{.status = 429}, Reason::kUnexpectedStatus, "status 429"},
      {{.body = "<html>"}, Reason::kProtocol, "the answer has none"},
      {{.body = R"({"access_token":7})"}, Reason::kProtocol, "the answer has none"},
      {{.act = FakeReply::Act::kReset}, Reason::kConnectionReset, ""},
  };
  for (const auto& [reply, reason, message] : cases) {
    Site site{.tokens = {reply}};
    const HttpOutcome outcome = site.Call();
    ASSERT_TRUE(outcome.error) << message;
    EXPECT_EQ(outcome.error->reason, reason) << message << outcome.error->message;
    EXPECT_NE(outcome.error->message.find(message), std::string::npos) << outcome.error->message;
    EXPECT_EQ(outcome.error->message.find("geheim"), std::string::npos);
    EXPECT_TRUE(site.calls.empty()) << message;
  }
}

TEST(OAuth2Test, ARequestOfItsOwnCredentialsIsLeftAlone) {
  Site site{.tokens = {Token("token-1", 3600)}};
  HttpRequest request;
  request.url = base::Secret(site.server.Url("/call"));
  site.fetch(request, base::Deadline::After(std::chrono::seconds(10)), {});
  EXPECT_TRUE(site.logins.empty());
}

}  // namespace
}  // namespace drwatch::net
